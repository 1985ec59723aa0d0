"""A tool that changes its server's database: effect, key and result come together, once, in every store."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy
from sqlalchemy import event

from tests import postgres
from tests.twins import TwinClock
from tests.unit.effect_stores import (
    IN_FILES,
    IN_POSTGRES,
    KINDS,
    OUTLIVING,
    SQLITE3,
    Kind,
    close_postgres,
    keep_open,
)
from toolward.errors import (
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    Internal,
    InvalidRequest,
    Unavailable,
)
from toolward.kit import Effect, Effects, Evidence, Reply, ToolError, ToolServer, Transaction
from toolward.kit.effects.once import DAY, STEP
from toolward.kit.effects.sqlalchemy_store import SqlAlchemyStore
from toolward.store import WRITES
from toolward.store.postgres import open_postgres
from toolward.types import NO_CONTEXT, CallContext, ImageContent, Principal, TextContent, ToolCall, ToolResult

ADA = Principal("ada")


class House:
    """A server with tools that change one store; `runs` counts how often their functions were entered."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.clock = TwinClock()
        self.effects = Effects(kind.store, clock=lambda: self.clock.now_ms() / 1000)
        self.runs = 0
        self.leaked: list[Transaction[Any]] = []
        self.slow = asyncio.Event()  # somebody is in add_slowly
        self.server = ToolServer("house")
        self.server.effects(lambda _: self.effects)
        for tool in (self.add, self.add_twin, self.add_slowly, self.refuse, self.crash, self.show):
            self.server.tool(tool)

    async def add(self, tx: Transaction[Any], text: str, loud: bool = False) -> dict[str, Any]:
        """Add a text."""
        self.runs += 1
        self.leaked.append(tx)
        self.kind.add(tx.connection, text)
        return {"text": text.upper() if loud else text, "run": self.runs}

    async def add_twin(self, tx: Transaction[Any], text: str) -> str:
        """Add a text in the writing thread."""
        self.runs += 1
        await tx.run(self.kind.add, text)
        return f"{text} {self.runs}"

    async def add_slowly(self, tx: Transaction[Any], text: str) -> str:
        """Add a text, and never come back."""
        self.runs += 1
        self.kind.add(tx.connection, text)
        self.slow.set()
        await asyncio.Event().wait()
        return ""

    async def refuse(self, tx: Transaction[Any], text: str) -> str:
        """Add a text, then think better of it, but for the second time."""
        self.runs += 1
        self.kind.add(tx.connection, text)
        if self.runs == 1:
            raise ToolError("not now; try again")
        return "added"

    async def crash(self, tx: Transaction[Any], text: str) -> str:
        """Add a text and have a bug."""
        self.kind.add(tx.connection, text)
        raise RuntimeError("a secret detail")

    async def show(self, tx: Transaction[Any], what: str) -> Any:
        """Give a result of some kind."""
        self.runs += 1
        return RESULTS[what]

    async def call(
        self, name: str, key: str = "", by: Principal = ADA, seconds: float = 30, **arguments: Any
    ) -> ToolResult:
        wish = ToolCall(name, msgspec.json.encode(arguments), idempotency_key=key)
        return await self.server.call_tool(by, wish, CallContext(timeout=seconds))


RESULTS: dict[str, Any] = {
    "null": None,
    "text": "plain 🦄",
    "reply": Reply("for people", {"big": 2**80}),
    "error": Reply("it went wrong", is_error=True),
    "content": ToolResult((TextContent("a"), ImageContent(b"\x89PNG\x00", "image/png")), b"[1, 2]"),
}


@pytest.fixture(autouse=True)
def no_connection_stays_open() -> Generator[None]:
    yield
    close_postgres()


@pytest.fixture(params=KINDS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[House, None]:
    house = House(KINDS[request.param](tmp_path / "house.db"))
    async with house.server.running():
        yield house


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncGenerator[House, None]:
    house = House(KINDS["in_memory"](tmp_path))
    async with house.server.running():
        yield house


async def test_a_repeat_gets_the_first_result_and_changes_nothing(house: House) -> None:
    first = await house.call("add", "k", text="one")
    assert await house.call("add", "k", text="one") == first
    assert await house.call("add_twin", "k", text="two") == await house.call("add_twin", "k", text="two")
    assert house.kind.texts() == ["one", "two"]
    assert house.runs == 2


async def test_a_hundred_repeats_at_once_have_one_effect(house: House) -> None:
    results = await asyncio.gather(*(house.call("add_twin", "k", text="one") for _ in range(100)))
    assert {result.text for result in results} == {"one 1"}
    assert house.kind.texts() == ["one"]


async def test_a_key_with_other_arguments_is_refused(house: House) -> None:
    await house.call("add", "k", text="one")
    with pytest.raises(Conflict, match="a call of add with other arguments; nothing was done"):
        await house.call("add", "k", text="two")
    assert house.kind.texts() == ["one"]


async def test_arguments_are_compared_by_value(house: House) -> None:
    first = await house.call("add", "k", text="one", loud=True)
    other_text = ToolCall("add", b'{ "loud": true,\n"text": "\\u006fne" }', idempotency_key="k")
    assert await house.server.call_tool(ADA, other_text, NO_CONTEXT) == first


async def test_a_key_belongs_to_its_tenant_principal_and_tool(house: House) -> None:
    callers = [ADA, Principal("bo"), Principal("ada", tenant="other")]
    for caller in callers:
        await house.call("add", "k", by=caller, text="mine")
    await house.call("add_twin", "k", text="mine")
    assert house.kind.texts() == ["mine"] * 4


async def test_without_a_key_every_call_is_one_of_its_own(house: House) -> None:
    for _ in range(3):
        await house.call("add", text="one")
    assert house.kind.texts() == ["one"] * 3


async def test_what_a_tool_refuses_is_undone_and_its_key_is_free(house: House) -> None:
    refused = await house.call("refuse", "k", text="one")
    assert (refused.is_error, refused.text) == (True, "not now; try again")
    assert house.kind.texts() == []
    assert (await house.call("refuse", "k", text="one")).text == "added"
    assert house.kind.texts() == ["one"]


async def test_a_bug_undoes_what_was_done(house: House) -> None:
    with pytest.raises(Internal):
        await house.call("crash", "k", text="one")
    assert house.kind.texts() == []
    await house.call("add", "k", text="two")
    assert house.kind.texts() == ["two"]


async def test_a_call_that_is_stopped_is_undone_and_holds_up_nobody(house: House) -> None:
    with pytest.raises(DeadlineExceeded):
        await house.call("add_slowly", "k", seconds=0.01, text="one")
    house.slow.clear()
    slow = asyncio.create_task(house.call("add_slowly", "k", text="two"))
    waiting = asyncio.create_task(house.call("add", "other", text="three"))
    await house.slow.wait()
    slow.cancel()
    await waiting
    assert house.kind.texts() == ["three"]


async def test_a_call_that_gives_up_waiting_changes_nothing(house: House) -> None:
    slow = asyncio.create_task(house.call("add_slowly", text="one"))
    await house.slow.wait()
    with pytest.raises(DeadlineExceeded):
        await house.call("add", "k", seconds=0.01, text="two")
    slow.cancel()
    await house.call("add", "l", text="three")
    assert house.kind.texts() == ["three"]


@pytest.mark.parametrize("what", RESULTS)
async def test_every_kind_of_result_comes_back_exactly(twin: House, what: str) -> None:
    first = await twin.call("show", "k", what=what)
    assert await twin.call("show", "k", what=what) == first
    assert twin.runs == 1


async def test_a_transaction_ends_with_its_call(twin: House) -> None:
    await twin.call("add", text="one")
    with pytest.raises(Internal, match="after its call"):
        twin.kind.add(twin.leaked[0].connection, "late")
    with pytest.raises(Internal, match="after its call"):
        await twin.leaked[0].run(twin.kind.add, "late")


async def test_an_endless_key_is_refused(twin: House) -> None:
    await twin.call("add", "k" * 255, text="one")
    with pytest.raises(InvalidRequest, match="longer than 255"):
        await twin.call("add", "k" * 256, text="one")


# Time


async def test_a_key_is_kept_for_a_day(house: House) -> None:
    await house.call("add", "k", text="one")
    house.clock.advance(DAY - 1)
    await house.call("add", "k", text="one")
    assert house.kind.texts() == ["one"]
    house.clock.advance(1)
    await house.call("add", "k", text="other arguments")
    await house.call("add", "k", text="other arguments")
    assert house.kind.texts() == ["one", "other arguments"]


async def test_expired_keys_are_removed_in_bounded_steps(house: House) -> None:
    await asyncio.gather(*(house.call("add", f"{number}", text="old") for number in range(STEP + 3)))
    assert await house.effects.remove_some_expired() == 0
    house.clock.advance(DAY)
    await house.call("add", "new", text="one")
    removed = [await house.effects.remove_some_expired() for _ in range(3)]
    assert removed == [STEP, 3, 0]
    await house.call("add", "new", text="one")
    assert house.kind.texts().count("one") == 1


async def test_a_server_in_use_removes_expired_keys_by_itself(
    twin: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolward.kit.effects.once.REST", 0.001)
    removed = asyncio.Event()
    expire, loop = twin.kind.store.expire, asyncio.get_running_loop()

    def watched(connection: Any, now_ms: int, at_most: int) -> int:
        count = expire(connection, now_ms, at_most)
        if count:
            loop.call_soon_threadsafe(removed.set)
        return count

    monkeypatch.setattr(twin.kind.store, "expire", watched)
    await twin.call("add", "k", text="one")
    twin.clock.advance(DAY)
    await asyncio.wait_for(removed.wait(), 30)


# Files


@pytest.mark.parametrize("kind", OUTLIVING)
async def test_keys_outlive_the_server(tmp_path: Path, kind: str) -> None:
    first, second = (House(KINDS[kind](tmp_path / "house.db")) for _ in range(2))
    async with first.server.running():
        result = await first.call("add", "k", text="one")
    async with second.server.running():
        assert await second.call("add", "k", text="one") == result
    assert second.kind.texts() == ["one"]


@pytest.mark.parametrize(
    "kinds",
    [
        ("by_apsw", "by_apsw"),
        *((first, second) for first in SQLITE3 for second in SQLITE3),
        *((first, second) for first in IN_POSTGRES for second in IN_POSTGRES),
    ],
)
async def test_two_servers_over_one_file_have_one_effect(tmp_path: Path, kinds: tuple[str, str]) -> None:
    one, other = (House(KINDS[kind](tmp_path / "house.db")) for kind in kinds)
    async with one.server.running(), other.server.running():
        calls = [house.call("add_twin", "k", text="one") for _ in range(10) for house in (one, other)]
        texts = {result.text for result in await asyncio.gather(*calls)}
    assert texts == {"one 1"}
    assert one.kind.texts() == ["one"]


@pytest.mark.parametrize("kind", IN_FILES)
async def test_a_file_that_stays_locked_is_unavailable_and_nothing_changes(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolward.kit.effects.sqlite_store.BUSY_SECONDS", 0)
    path = tmp_path / "house.db"
    house = House(KINDS[kind](path))
    if isinstance(house.kind.store, SqlAlchemyStore):
        engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
        house.effects = Effects(SqlAlchemyStore(engine))
    async with house.server.running():
        await house.call("add", "k", text="one")
        other = house.kind.connect()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"house\.db cannot be used.*lock") as caught:
            await house.call("add", "l", text="two")
        assert caught.value.hint == "Nothing was changed; try again later."
        other.execute("ROLLBACK")
        other.close()
        await house.call("add", "l", text="two")
    assert house.kind.texts() == ["one", "two"]


async def test_a_postgres_that_stays_locked_is_unavailable_and_one_that_is_lost_says_that_nobody_knows(
    tmp_path: Path,
) -> None:
    house = House(KINDS["by_postgres"](tmp_path))
    engine = open_postgres(postgres.for_path(tmp_path), lock_timeout=0.01)
    keep_open(engine)
    house.effects = Effects(SqlAlchemyStore(engine))

    killed: list[int] = []

    @house.server.tool
    async def lose(tx: Transaction[Any], text: str) -> str:
        """Add a text, and lose the server just when it would be committed."""
        house.kind.add(tx.connection, text)
        pid = tx.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

        def kill(_connection: Any) -> None:
            if killed:
                return
            killed.append(pid)
            other = house.kind.connect()
            other.exec_driver_sql("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            other.close()

        event.listen(engine, "commit", kill)
        return "added"

    async with house.server.running():
        await house.call("add", "k", text="one")
        other = house.kind.connect().execution_options(**{WRITES: True})
        other.exec_driver_sql("SELECT 1")
        with pytest.raises(Unavailable, match="cannot be used: another program holds its lock") as caught:
            await house.call("add", "l", text="two")
        assert caught.value.hint == "Nothing was changed; try again later."
        other.close()
        await house.call("add", "l", text="two")
        with pytest.raises(Unavailable) as lost:
            await house.call("lose", "m", text="three")
        assert "repeat it with the same idempotency key" in (lost.value.hint or "")
        assert (await house.call("lose", "m", text="three")).text == "added"
    assert house.kind.texts() == ["one", "two", "three"]


@pytest.mark.parametrize("kind", IN_FILES)
async def test_every_commit_waits_for_the_disk(tmp_path: Path, kind: str) -> None:
    house = House(KINDS[kind](tmp_path / "house.db"))
    levels: list[int] = []

    @house.server.tool
    async def look(tx: Transaction[Any]) -> str:
        """Look at the connection."""
        run = getattr(tx.connection, "exec_driver_sql", None) or tx.connection.execute
        levels.append(next(iter(run("PRAGMA synchronous")))[0])
        return "ok"

    async with house.server.running():
        await house.call("look", "k")
    assert levels == [2]  # FULL


# Definition


async def test_a_transaction_does_not_show_in_the_schema(twin: House) -> None:
    page = await twin.server.list_tools(ADA)
    shown = next(tool for tool in page.tools if tool.name == "add").input_schema
    assert list(shown["properties"]) == ["text", "loud"]


async def test_a_server_that_keeps_nothing_does_not_start() -> None:
    server = ToolServer("t")

    @server.tool
    async def add(tx: Transaction[Any]) -> str:
        """Add."""
        return ""

    with pytest.raises(ConfigurationError, match="where the changes of add are kept"):
        async with server.running():
            pass


def test_a_tool_changes_one_thing() -> None:
    server = ToolServer("t")
    with pytest.raises(ConfigurationError, match="takes tx and effect"):

        @server.tool
        async def both(tx: Transaction[Any], effect: Effect[Evidence[Any]]) -> str:
            return ""

    with pytest.raises(ConfigurationError, match="does not say what evidence"):

        @server.tool
        async def without(effect: Effect[Any]) -> str:
            return ""


def test_another_database_is_refused() -> None:
    engine = sqlalchemy.create_engine("postgresql+pg8000://", module=sqlite3)
    with pytest.raises(ConfigurationError, match="postgresql"):
        SqlAlchemyStore(engine)
