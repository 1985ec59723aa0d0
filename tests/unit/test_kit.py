import asyncio
import enum
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, Field

from toolward.errors import ConfigurationError, DeadlineExceeded, Internal, InvalidArguments, UnknownTool
from toolward.kit import Context, Reply, ToolError, ToolServer
from toolward.types import NO_CONTEXT, CallContext, Principal, Progress, ToolCall, ToolResult

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


def test_a_generator_is_refused_at_definition() -> None:
    server = ToolServer("t")

    def several() -> Iterator[str]:
        yield ""

    with pytest.raises(ConfigurationError, match="neither an `async def` nor a `def`"):
        server.tool(several)


async def test_calling_without_arguments_means_an_empty_object() -> None:
    server = ToolServer("t")

    @server.tool
    async def now() -> list[int]:
        """Any JSON value can be structured content."""
        return [1, 2]

    async with server.running():
        result = await server.call_tool(ADA, ToolCall("now"), NO_CONTEXT)
    assert result.structured == [1, 2]
