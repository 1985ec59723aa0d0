"""A search in place of a long list, before the real dispatch and policy: what it lists, finds and calls."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.admission import Bounds
from gateway.core.catalog import build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import bind
from gateway.core.spec import McpSpec
from gateway.servers import searching
from gateway.servers.searching import Searching
from gateway.servers.tool_lists import of_dispatch, of_provider
from tests.data.tool_catalog import tools as catalog_tools
from tests.integration.scripted_tools import Tools, failing
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import InvalidArguments, InvalidRequest, TooLarge, Unavailable, UnknownTool
from toolward.names import split
from toolward.types import (
    NO_CONTEXT,
    InputRequired,
    JsonObject,
    Outcome,
    Principal,
    Tool,
    ToolCall,
    ToolPage,
    ToolResult,
)

RULES = """
version: 1
rules:
  - {id: all, principals: ['role:all'], tools: ['*'], effect: allow}
  - {id: some, principals: ['role:clerk'], tools: ['git.*', 'mail.*'], effect: allow}
  - {id: asks, principals: ['role:asks'], tools: ['*.create_*', '*.send_*'], effect: ask, approvers: ['role:lead']}
  - {id: no-13, tools: [calc.add], when: args.a == 13, effect: deny}
  - {id: never, tools: ['*.delete_*'], effect: deny}
"""
ALL, SOME = Principal("ada", ("all",)), Principal("bo", ("clerk",))
MODELS = catalog_tools()[:300]
ADD: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


class House:
    def __init__(self, spec: McpSpec) -> None:
        self.spec = spec
        backends: dict[str, list[Tool]] = {
            "calc": [Tool("add", "Adds numbers.", ADD), Tool("delete_all", "")]
        }
        for model in MODELS:
            backend, _, own = model.name.partition("__")
            backends.setdefault(backend, []).append(Tool(own, model.description, {"type": "object"}))
        self.backends = TwinBackends(*(listing(name, *tools) for name, tools in backends.items()))
        self.clock = TwinClock()
        self.ledger = TwinLedger(self.clock)
        self.dispatch = Dispatch(self.backends, self.ledger, self.clock, TwinIds(), Bounds(open_requests=0))
        self.renew()
        self.tools = Searching(self.dispatch, of_dispatch(self.dispatch), lambda: self.spec)

    def renew(self) -> None:
        catalog = build_catalog(self.backends.listings())
        self.dispatch.replace(catalog, bind(policy(RULES), catalog))

    async def call(self, name: str, arguments: Any, who: Principal = ALL) -> Outcome:
        return await self.tools.call_tool(who, ToolCall(name, msgspec.json.encode(arguments)), NO_CONTEXT)

    async def find(self, query: str, who: Principal = ALL, **more: int) -> list[JsonObject]:
        outcome = await self.call("find_tools", {"query": query, **more}, who)
        assert isinstance(outcome, ToolResult)
        return msgspec.json.decode(outcome.text)["tools"]

    async def names(self, who: Principal = ALL) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await self.tools.list_tools(who, cursor)
            found += [tool.name for tool in page.tools]
            if (cursor := page.next_cursor) is None:
                return found


SEARCHED = McpSpec(tool_search=40, pinned=("calc.add", "*.list_issues"))


@pytest.fixture(scope="module")
def house() -> House:
    return House(SEARCHED)


async def test_above_the_bound_a_search_stands_for_the_list_and_what_is_pinned_stays(house: House) -> None:
    page = await house.tools.list_tools(ALL)
    assert [tool.name for tool in page.tools[:2]] == ["find_tools", "call_tool"]
    names = [tool.name for tool in page.tools[2:]]
    assert "calc.add" in names
    assert all(name == "calc.add" or name.endswith(".list_issues") for name in names)
    allowed = sum(1 for _ in house.dispatch.visible(ALL))
    assert f"There are {allowed:,} tools." in page.tools[0].description
    assert await house.tools.list_tools(ALL) is page  # made once
    for spec in (McpSpec(tool_search=allowed), McpSpec(tool_search=0)):
        assert await House(spec).names() == [entry.name for entry in house.dispatch.visible(ALL)]
    assert len(await House(McpSpec(tool_search=allowed - 1)).names()) == 2


async def test_where_it_is_switched_off_its_tools_are_none() -> None:
    house = House(McpSpec(tool_search=0))
    for name in ("find_tools", "call_tool"):
        assert isinstance(await failing(house.call(name, {"query": "x"})), UnknownTool)


async def test_pages_of_what_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "PAGE", 7)
    house = House(McpSpec(tool_search=10, pinned=("git.*", "mail.*")))
    pinned = [entry.name for entry in house.dispatch.visible(SOME)]
    assert len(pinned) > 14
    assert await house.names(SOME) == ["find_tools", "call_tool", *pinned]
    assert isinstance(await failing(house.tools.list_tools(SOME, "calc.add")), InvalidRequest)


CALLERS = st.lists(st.sampled_from(["all", "clerk", "asks"]), unique=True).map(
    lambda roles: Principal("x", tuple(roles))
)
WORDS = st.lists(
    st.sampled_from(sorted({word for model in MODELS for word in model.description.split()}))
    | st.sampled_from([model.name.replace("__", ".", 1) for model in MODELS])
    | st.text(max_size=8),
    min_size=1,
    max_size=6,
).map(" ".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(who=CALLERS, query=WORDS, limit=st.integers(1, 20))
async def test_whatever_is_found_is_listed_for_that_caller_and_can_be_called(
    house: House, who: Principal, query: str, limit: int
) -> None:
    if not query.strip():
        return
    found = await house.find(query, who, limit=limit)
    assert len(found) <= limit
    listed = {entry.name: entry for entry in house.dispatch.visible(who)}
    for one in found:
        entry = listed[one["name"]]
        assert one["input_schema"] == entry.tool.input_schema
        arguments = {"a": 1} if entry.name == "calc.add" else {}
        outcome = await house.call("call_tool", {"name": one["name"], "arguments": arguments}, who)
        assert isinstance(outcome, ToolResult | InputRequired)
    for name in set(query.split()) & set(listed):
        assert name in {one["name"] for one in await house.find(query, who, limit=20)}


async def test_a_call_is_that_of_the_tool_that_it_names(house: House) -> None:
    before = len(house.ledger.intents)
    for name in ("calc.add", "calc__add"):
        await house.call("call_tool", {"name": name, "arguments": {"a": 1}})
        assert list(house.ledger.intents.values())[-1].tool == "calc.add"
    assert len(house.ledger.intents) == before + 2
    _, sent, _ = house.backends.calls[-1]
    assert (sent.name, sent.arguments_json) == ("add", b'{"a":1}')


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        ({"name": "calc.add", "arguments": {"a": "x"}}, InvalidArguments, "calc.add"),
        ({"name": "calc.add"}, InvalidArguments, "calc.add"),
        ({"name": "calc.ad", "arguments": {}}, UnknownTool, "There is no tool named 'calc.ad'"),
        ({"name": "calc.delete_all", "arguments": {}}, UnknownTool, "'calc.delete_all'"),
        ({"name": "find_tools", "arguments": {"query": "x"}}, InvalidArguments, "is called directly"),
        ({"name": "calc.add", "args": {"a": 1}}, InvalidArguments, "The arguments of call_tool do not fit"),
        ({"arguments": {"a": 1}}, InvalidArguments, "The arguments of call_tool do not fit"),
        ([], InvalidArguments, "The arguments of call_tool do not fit"),
    ],
)
async def test_what_is_wrong_is_named_by_the_tool_that_it_is_wrong_with(
    house: House, wish: Any, error: type[Exception], said: str
) -> None:
    found = await failing(house.call("call_tool", wish))
    assert isinstance(found, error)
    assert said in found.message


async def test_policy_decides_about_the_tool_that_is_named(house: House) -> None:
    denied = await failing(house.call("call_tool", {"name": "calc.add", "arguments": {"a": 13}}))
    assert denied.message == "Policy denies this call of calc.add: the rule no-13 denies it."
    asker = Principal("x", ("asks",))
    asked = await house.call("call_tool", {"name": "mail.send_email", "arguments": {}}, asker)
    assert isinstance(asked, InputRequired)


@pytest.mark.parametrize(
    "arguments", [{}, {"query": " "}, {"query": "x", "limit": 21}, {"query": "x" * 70_000}]
)
async def test_a_wrong_search_is_refused(house: House, arguments: JsonObject) -> None:
    error = await failing(house.call("find_tools", arguments))
    assert isinstance(error, InvalidArguments | TooLarge)
    assert "find_tools" in error.message


async def test_the_index_is_made_once_for_callers_with_the_same_tools_until_these_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(SEARCHED)
    made: list[int] = []

    class Counted(searching._Index):  # pyright: ignore[reportPrivateUsage] -- what is counted
        def __init__(self, tools: tuple[Tool, ...]) -> None:
            made.append(len(tools))
            super().__init__(tools)

    monkeypatch.setattr(searching, "_Index", Counted)
    same = [Principal(f"p{number}", ("all",)) for number in range(4)]
    await asyncio.gather(*(house.find("add numbers", who) for who in (*same, *same)))
    assert len(made) == 1
    await house.find("an issue", SOME)
    await house.find("add numbers", same[0])
    assert len(made) == 2
    house.backends = TwinBackends(*house.backends.listings(), listing("paint", Tool("mix_colours", "Mixes.")))
    house.renew()
    (found,) = [one for one in await house.find("mix colours") if split(one["name"])[0] == "paint"]
    assert found["name"] == "paint.mix_colours"
    assert len(made) == 3


class Elsewhere(Tools):
    """A provider that lists two pages, and tells of changes when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: asyncio.Queue[None] = asyncio.Queue()
        self.watched = asyncio.Event()
        self.listed = 0
        self.say(1)

    def say(self, version: int) -> None:
        one, two = (Tool(f"x.{name}{version}") for name in ("one", "two"))
        self.pages = {None: ToolPage((one,), "x"), "x": ToolPage((two,))}

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        self.listed += 1
        return await super().list_tools(principal, cursor)

    async def watch(self) -> AsyncIterator[None]:
        yield
        while True:
            self.watched.set()
            await self.changes.get()
            yield


async def test_tools_elsewhere_are_listed_again_when_they_change() -> None:
    provider = Elsewhere()
    async with of_provider(provider) as tools_of:
        await provider.watched.wait()
        tools = await tools_of(ALL)
        assert [tool.name for tool in tools] == ["x.one1", "x.two1"]
        assert await tools_of(ALL) is tools
        assert provider.listed == 2
        provider.watched.clear()
        provider.changes.put_nowait(None)
        await provider.watched.wait()
        assert await tools_of(ALL) is tools  # listed again, and the same
        assert provider.listed == 4
        provider.say(2)
        provider.watched.clear()
        provider.changes.put_nowait(None)
        await provider.watched.wait()
        assert [tool.name for tool in await tools_of(ALL)] == ["x.one2", "x.two2"]


class Unwatched(Elsewhere):
    async def watch(self) -> AsyncIterator[None]:
        self.watched.set()
        raise Unavailable("Gone.")
        yield


async def test_tools_that_cannot_be_watched_are_listed_each_time() -> None:
    provider = Unwatched()
    async with of_provider(provider) as tools_of:
        await provider.watched.wait()
        await tools_of(ALL)
        provider.say(2)
        assert [tool.name for tool in await tools_of(ALL)] == ["x.one2", "x.two2"]
