"""A tool whose effect is outside the database: noted before, and looked for when nobody knows its outcome."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.twins import TwinStore, TwinTransaction
from toolward.errors import Conflict, DeadlineExceeded, Internal, OutcomeUnknown, Unavailable
from toolward.kit import Context, Effect, Effects, Evidence, NotDone, ToolError, ToolServer
from toolward.kit.effects import EffectStore
from toolward.kit.effects.sqlite_store import SqliteStore, connect_file
from toolward.types import CallContext, Principal, ToolCall, ToolResult

ADA = Principal("ada")


@dataclass
class World:
    """Letters that were sent, and how the next call comes to its end."""

    sent: list[str] = field(default_factory=list[str])
    ends: str = ""
    knows: bool = True  # whether one can find out what was sent
    asked: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Letter(Evidence[World]):
    to: str

    async def recover(self, state: World) -> dict[str, str] | NotDone:
        state.asked += 1
        if not state.knows:
            return await super().recover(state)
        return {"sent": self.to} if self.to in state.sent else NotDone()


@dataclass(frozen=True)
class Untraceable(Evidence[World]):
    """Evidence that proves nothing."""


def server_over(world: World, store: EffectStore[Any]) -> ToolServer[Any]:
    server = ToolServer("post")

    @server.lifespan
    async def lifespan(_settings: object) -> AsyncGenerator[World, None]:
        yield world

    @server.effects
    def effects(_world: World) -> Effects[Any]:
        return Effects(store)

    @server.tool
    async def send(ctx: Context[World], effect: Effect[Letter], to: str) -> dict[str, str]:
        """Send a letter."""
        world = ctx.state
        await end(world, "before it begins")
        await effect.begin(Letter(to))
        await end(world, "before it is sent")
        world.sent.append(to)
        await end(world, "after it was sent")
        return {"sent": to}

    @server.tool
    async def shout(ctx: Context[World], effect: Effect[Untraceable], what: str) -> str:
        """Leave no trace."""
        await effect.begin(Untraceable())
        ctx.state.sent.append(what)
        await end(ctx.state, "after it was sent")
        return "heard"

    return server


async def end(world: World, here: str) -> None:
    how, _, where = world.ends.partition(" ")
    if where != here:
        return
    world.entered.set()
    if how == "waits":
        await world.goes_on.wait()
    elif how == "refused":
        raise ToolError("the box is full; try again tomorrow")
    else:
        raise RuntimeError("the power is gone")


class House:
    def __init__(self, store: EffectStore[Any], world: World | None = None) -> None:
        self.world = world or World()
        self.store = store
        self.server = server_over(self.world, store)

    async def call(self, tool: str, key: str, **arguments: Any) -> ToolResult:
        wish = ToolCall(tool, msgspec.json.encode(arguments), idempotency_key=key)
        return await self.server.call_tool(ADA, wish, CallContext(timeout=30))

    async def breaks(self, ends: str, tool: str = "send", key: str = "k", **arguments: Any) -> None:
        """A call that ends without an answer."""
        self.world.ends = ends
        with pytest.raises(Internal):
            await self.call(tool, key, **(arguments or {"to": "Bo"}))
        self.world.ends = ""


class MoodyStore(TwinStore):
    fails = False

    def begin(self) -> TwinTransaction:
        if self.fails:
            raise Unavailable("The database cannot be used.")
        return super().begin()


@pytest.fixture
async def house() -> AsyncGenerator[House, None]:
    house = House(MoodyStore())
    async with house.server.running():
        yield house


async def test_a_repeat_gets_the_first_result(house: House) -> None:
    first = await house.call("send", "k", to="Bo")
    assert await house.call("send", "k", to="Bo") == first
    assert (house.world.sent, house.world.asked) == (["Bo"], 0)


async def test_a_hundred_repeats_at_once_have_one_effect(house: House) -> None:
    results = await asyncio.gather(*(house.call("send", "k", to="Bo") for _ in range(100)))
    assert {result.text for result in results} == {'{"sent":"Bo"}'}
    assert house.world.sent == ["Bo"]


async def test_without_a_key_nothing_is_noted(house: House) -> None:
    for _ in range(2):
        await house.call("send", "", to="Bo")
    assert house.world.sent == ["Bo", "Bo"]
    assert getattr(house.store, "committed").keys == {}  # noqa: B009 -- the twin's own


async def test_what_was_done_is_found_by_its_evidence(house: House) -> None:
    await house.breaks("broken after it was sent")
    found = await house.call("send", "k", to="Bo")
    assert found.structured == {"sent": "Bo"}
    assert await house.call("send", "k", to="Bo") == found
    assert (house.world.sent, house.world.asked) == (["Bo"], 1)


@pytest.mark.parametrize("where", ["before it begins", "before it is sent"])
async def test_what_was_not_done_is_done_by_the_repeat(house: House, where: str) -> None:
    await house.breaks(f"broken {where}")
    assert (await house.call("send", "k", to="Bo")).structured == {"sent": "Bo"}
    assert house.world.sent == ["Bo"]


async def test_what_cannot_be_told_is_outcome_unknown_and_not_done_again(house: House) -> None:
    await house.breaks("broken after it was sent")
    house.world.knows = False
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="not known whether it took effect"):
            await house.call("send", "k", to="Bo")
    assert house.world.sent == ["Bo"]
    house.world.knows = True
    assert (await house.call("send", "k", to="Bo")).structured == {"sent": "Bo"}


async def test_an_effect_without_recovery_is_outcome_unknown(house: House) -> None:
    await house.breaks("broken after it was sent", "shout", what="hey")
    with pytest.raises(OutcomeUnknown):
        await house.call("shout", "k", what="hey")
    assert house.world.sent == ["hey"]


async def test_evidence_of_another_version_is_outcome_unknown(house: House) -> None:
    await house.breaks("broken after it was sent")
    keys: dict[Any, Any] = getattr(house.store, "committed").keys  # noqa: B009 -- the twin's own
    ((key, kept),) = keys.items()
    keys[key] = msgspec.structs.replace(kept, evidence=b'{"addressee":"Bo"}')
    with pytest.raises(OutcomeUnknown):
        await house.call("send", "k", to="Bo")
    assert house.world.sent == ["Bo"]


async def test_a_key_with_other_arguments_is_refused_whatever_became_of_the_first(house: House) -> None:
    await house.breaks("broken after it was sent")
    await house.call("send", "l", to="Cy")
    for key in ("k", "l"):
        with pytest.raises(Conflict, match="with other arguments"):
            await house.call("send", key, to="Di")
    assert house.world.sent == ["Bo", "Cy"]


@pytest.mark.parametrize("where", ["before it begins", "before it is sent"])
async def test_what_the_tool_refuses_leaves_its_key_free(house: House, where: str) -> None:
    house.world.ends = f"refused {where}"
    assert (await house.call("send", "k", to="Bo")).is_error
    house.world.ends = ""
    assert (await house.call("send", "k", to="Cy")).structured == {"sent": "Cy"}
    assert (house.world.sent, house.world.asked) == (["Cy"], 0)


async def test_a_stopped_call_is_looked_for_too(house: House) -> None:
    house.world.ends = "waits after it was sent"
    wish = ToolCall("send", b'{"to":"Bo"}', idempotency_key="k")
    with pytest.raises(DeadlineExceeded):
        await house.server.call_tool(ADA, wish, CallContext(timeout=0.05))
    house.world.ends = ""
    assert (await house.call("send", "k", to="Bo")).structured == {"sent": "Bo"}
    assert house.world.sent == ["Bo"]


async def test_who_cannot_note_it_does_not_do_it(house: House) -> None:
    house.world.ends = "waits before it begins"
    waiting = asyncio.create_task(house.call("send", "k", to="Bo"))
    await house.world.entered.wait()
    setattr(house.store, "fails", True)  # noqa: B010 -- the twin's own
    house.world.goes_on.set()
    with pytest.raises(Unavailable):
        await waiting
    assert house.world.sent == []


async def test_what_was_done_is_answered_even_if_it_cannot_be_kept(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.world.ends = "waits after it was sent"
    waiting = asyncio.create_task(house.call("send", "k", to="Bo"))
    await house.world.entered.wait()
    setattr(house.store, "fails", True)  # noqa: B010 -- the twin's own
    house.world.goes_on.set()
    assert (await waiting).structured == {"sent": "Bo"}
    assert "was not kept" in caplog.text
    setattr(house.store, "fails", False)  # noqa: B010 -- the twin's own
    house.world.ends = ""
    assert (await house.call("send", "k", to="Bo")).structured == {"sent": "Bo"}
    assert house.world.sent == ["Bo"]


async def test_of_two_processes_one_begins(tmp_path: Path) -> None:
    path, world = tmp_path / "keys.db", World(ends="waits before it begins")
    first, second = (House(SqliteStore(partial(connect_file, path), path), world) for _ in range(2))
    async with first.server.running(), second.server.running():
        waiting: list[asyncio.Task[ToolResult]] = []
        for house in (first, second):
            world.entered.clear()
            waiting.append(asyncio.create_task(house.call("send", "k", to="Bo")))
            await world.entered.wait()
        world.goes_on.set()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert sorted(type(one).__name__ for one in ended) == ["Conflict", "ToolResult"]
        assert (await second.call("send", "k", to="Bo")).structured == {"sent": "Bo"}
    assert world.sent == ["Bo"]
