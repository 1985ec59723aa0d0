import asyncio
import enum
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, Field

from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Internal,
    InvalidArguments,
    InvalidResult,
    TooLarge,
    UnknownTool,
)
from toolward.kit import Context, Reply, ToolError, ToolServer
from toolward.kit.paging import PAGE
from toolward.types import (
    NO_CONTEXT,
    CallContext,
    ImageContent,
    LogEntry,
    Principal,
    Progress,
    TextContent,
    ToolCall,
    ToolResult,
)

ADA = Principal("ada")


async def call(server: ToolServer[Any], name: str, arguments: object, **context: Any) -> ToolResult:
    async with server.running():
        raw = msgspec.json.encode(arguments)
        return await server.call_tool(ADA, ToolCall(name, raw), CallContext(**context))


async def schema_of(server: ToolServer[Any], name: str) -> dict[str, Any]:
    page = await server.list_tools(ADA)
    return next(tool.input_schema for tool in page.tools if tool.name == name)


class Colour(enum.Enum):
    RED = "red"


class Line(BaseModel):
    product: str
    quantity: int = Field(ge=1)


@dataclass
class Price:
    amount: Decimal


async def test_types_become_a_schema_and_values_of_those_types() -> None:
    server = ToolServer("t")
    seen: list[Any] = []

    @server.tool
    async def order(
        line: Line,
        price: Price,
        colour: Colour,
        kind: Literal["new", "used"],
        when: datetime,
        note: Annotated[str, "said on the parcel"] = "",
    ) -> str:
        """Order something."""
        seen.extend([line, price, colour, kind, when, note])
        return "ok"

    arguments = {
        "line": {"product": "cup", "quantity": 2},
        "price": {"amount": "12.50"},
        "colour": "red",
        "kind": "new",
        "when": "2026-11-20T10:00:00Z",
    }
    assert (await call(server, "order", arguments)).text == "ok"
    assert seen[:4] == [Line(product="cup", quantity=2), Price(Decimal("12.50")), Colour.RED, "new"]
    schema = await schema_of(server, "order")
    assert schema["required"] == ["line", "price", "colour", "kind", "when"]
    assert schema["properties"]["note"]["description"] == "said on the parcel"
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Line"]["additionalProperties"] is False
    assert schema["$defs"]["Price"]["properties"]["amount"]["type"] == "string"


@pytest.fixture
def adder() -> ToolServer[Any]:
    server = ToolServer("adder")

    @server.tool
    async def add(a: int, b: int = 2) -> dict[str, int]:
        """Add two numbers."""
        return {"sum": a + b}

    @server.tool(name="fail.hard")
    async def broken() -> str:
        """Has a bug."""
        raise RuntimeError("secret detail")

    @server.tool
    async def refuse() -> str:
        """Cannot."""
        raise ToolError("the shop is closed; come back tomorrow")

    @server.tool(deadline=0.01)
    async def sleep() -> str:
        """Takes too long."""
        await asyncio.sleep(60)
        return "never"

    return server


async def test_a_value_comes_as_structured_content_and_as_text(adder: ToolServer[Any]) -> None:
    result = await call(adder, "add", {"a": 2**70})
    assert result.structured == {"sum": 2**70 + 2}
    assert msgspec.json.decode(result.text.encode()) == result.structured


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"a": "5"}, '/a: "5" is not of type "integer"'),
        ({}, '"a" is a required property'),
        ({"a": 1, "c": 1}, "unknown argument 'c'"),
        ({"a": True}, "/a"),
    ],
)
async def test_arguments_that_break_the_schema_are_refused(
    adder: ToolServer[Any], arguments: object, said: str
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await call(adder, "add", arguments)
    assert said in caught.value.text


async def test_an_unknown_tool_is_refused_with_the_nearest_name(adder: ToolServer[Any]) -> None:
    with pytest.raises(UnknownTool, match="no tool named 'ad'") as caught:
        await call(adder, "ad", {})
    assert caught.value.hint == "Did you mean 'add'?"


async def test_a_tool_that_reports_its_failure_gives_a_result(adder: ToolServer[Any]) -> None:
    result = await call(adder, "refuse", {})
    assert result.is_error
    assert result.text == "the shop is closed; come back tomorrow"


async def test_a_bug_in_a_tool_shows_nothing_of_its_inside(adder: ToolServer[Any]) -> None:
    with pytest.raises(Internal) as caught:
        await call(adder, "fail.hard", {})
    assert "secret" not in caught.value.text


async def test_a_call_ends_at_its_deadline(adder: ToolServer[Any]) -> None:
    with pytest.raises(DeadlineExceeded, match=r"longer than 0\.01 seconds"):
        await call(adder, "sleep", {})


async def test_the_caller_may_give_less_time_than_the_tool_has() -> None:
    server = ToolServer("t")

    @server.tool
    async def forever() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return ""

    with pytest.raises(DeadlineExceeded):
        await call(server, "forever", {}, timeout=0.01)


async def test_the_context_gives_state_and_principal_and_stays_out_of_the_schema() -> None:
    closed: list[str] = []
    server = ToolServer("t")

    @server.lifespan
    async def opened(settings: object) -> AsyncGenerator[dict[str, str], None]:
        yield {"greeting": "hello"}
        closed.append("yes")

    @server.tool
    async def greet(ctx: Context[dict[str, str]], name: str) -> Reply:
        """Greet."""
        ctx.progress(1, 2, "half")
        return Reply(f"{ctx.state['greeting']} {name} from {ctx.principal.id}", {"name": name})

    reports: list[Progress] = []
    result = await call(server, "greet", {"name": "Bo"}, progress=reports.append)
    assert result.text == "hello Bo from ada"
    assert result.structured == {"name": "Bo"}
    assert reports == [Progress(1, 2, "half")]
    assert list((await schema_of(server, "greet"))["properties"]) == ["name"]
    assert closed == ["yes"]


def test_a_name_that_mcp_does_not_allow_is_refused_at_definition() -> None:
    server = ToolServer("t")
    with pytest.raises(ConfigurationError, match="cannot be a tool's name"):

        @server.tool(name="two words")
        async def two() -> str:
            return ""


async def test_content_comes_alone_or_in_a_list() -> None:
    server = ToolServer("t")
    image = ImageContent(b"png", "image/png")

    @server.tool
    async def one() -> ImageContent:
        """One."""
        return image

    @server.tool
    async def several() -> list[ImageContent | str]:
        """Several."""
        return ["look", image]

    assert (await call(server, "one", {})).content == (image,)
    assert (await call(server, "several", {})).content == (TextContent("look"), image)
    assert all(tool.output_schema is None for tool in (await server.list_tools(ADA)).tools)


def test_what_gives_its_result_in_pieces_is_refused_at_definition() -> None:
    server = ToolServer("t")

    async def pieces() -> AsyncGenerator[str, None]:
        yield ""

    with pytest.raises(ConfigurationError, match="neither an `async def` nor a `def`"):
        server.tool(pieces)


async def test_work_that_blocks_runs_beside_the_event_loop() -> None:
    server = ToolServer("t")
    seen: list[int] = []
    reports: list[Progress] = []
    entries: list[LogEntry] = []
    working, go = asyncio.Event(), threading.Event()

    def note(entry: LogEntry) -> None:
        entries.append(entry)
        working.set()

    @server.tool
    def wait(ctx: Context[Any], n: int) -> dict[str, int]:
        """Blocks until the event loop has run."""
        seen.append(threading.get_ident())
        ctx.progress(1, 2)
        ctx.log("info", "half", n=n)
        assert go.wait(10)
        return {"n": n}

    calling = asyncio.create_task(call(server, "wait", {"n": 3}, progress=reports.append, log=note))
    await asyncio.wait_for(working.wait(), 10)
    go.set()
    assert (await calling).structured == {"n": 3}
    assert seen != [threading.get_ident()]
    assert reports == [Progress(1, 2)]
    assert entries == [LogEntry("info", "half", {"n": 3})]


async def test_what_a_tool_logs_is_in_the_servers_own_log_too(caplog: pytest.LogCaptureFixture) -> None:
    server = ToolServer("t")

    @server.tool
    async def work(ctx: Context[Any]) -> str:
        """Works."""
        ctx.log("warning", "slow", seconds=3, path=Path("a"))
        return ""

    told: list[LogEntry] = []
    await call(server, "work", {}, log=told.append)
    assert told == [LogEntry("warning", "slow", {"seconds": 3, "path": "a"})]
    assert [(one.name, one.levelname, one.message) for one in caplog.records] == [
        ("toolward.tools.work", "WARNING", "slow")
    ]
    assert vars(caplog.records[0])["fields"] == {"seconds": 3, "path": Path("a")}


async def test_arguments_and_results_have_a_size_of_their_tools_own() -> None:
    server = ToolServer("t")

    @server.tool(max_bytes=40)
    async def repeat(text: str, times: int = 1) -> str:
        """Repeat."""
        return text * times

    assert (await call(server, "repeat", {"text": "ab"})).text == "ab"
    with pytest.raises(TooLarge, match="at most 40 are taken"):
        await call(server, "repeat", {"text": "abcdefghijklmnopqrstuvwxyzabcdefgh"})
    with pytest.raises(InvalidResult, match=r"result of repeat is 60 bytes; at most 40 are given"):
        await call(server, "repeat", {"text": "a", "times": 60})


async def test_tools_come_and_go_while_the_server_runs() -> None:
    server = ToolServer("t")

    @server.tool
    async def first() -> str:
        """First."""
        return ""

    changes = server.watch()
    first_change = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    assert not first_change.done()

    @server.tool
    async def second() -> str:
        """Second."""
        return ""

    await first_change
    assert [tool.name for tool in (await server.list_tools(ADA)).tools] == ["first", "second"]
    server.remove_tool("first")
    await anext(changes)
    assert [tool.name for tool in (await server.list_tools(ADA)).tools] == ["second"]
    with pytest.raises(UnknownTool):
        await call(server, "first", {})


async def test_many_tools_come_in_pages_and_in_order() -> None:
    server = ToolServer("t")

    async def nothing() -> str:
        """Nothing."""
        return ""

    names = [f"tool_{number}" for number in range(2 * PAGE + 1)]
    for name in names:
        server.tool(name=name)(nothing)
    listed: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        found = await server.list_tools(ADA, cursor)
        listed += [tool.name for tool in found.tools]
        cursor, pages = found.next_cursor, pages + 1
    assert listed == names
    assert pages == 3
    with pytest.raises(InvalidArguments, match="not one of this list"):
        await server.list_tools(ADA, "nonsense")


async def test_calling_without_arguments_means_an_empty_object() -> None:
    server = ToolServer("t")

    @server.tool
    async def now() -> list[int]:
        """Any JSON value can be structured content."""
        return [1, 2]

    async with server.running():
        result = await server.call_tool(ADA, ToolCall("now"), NO_CONTEXT)
    assert result.structured == [1, 2]
