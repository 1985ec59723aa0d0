"""`toolward.v1.ToolService` over real sockets: what is said at one end is heard at the other."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.integration.scripted_tools import ADA, CALL, NOBODY, Tools, failing, ignore
from tests.servers.fixture import server as fixture_server
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.errors import (
    BY_CODE,
    DeadlineExceeded,
    Internal,
    InvalidArguments,
    TooLarge,
    ToolwardError,
    Unauthenticated,
    Unavailable,
    UnknownTool,
    Violation,
)
from toolward.types import (
    NO_CONTEXT,
    AudioContent,
    CallContext,
    Deferred,
    EmbeddedResource,
    ImageContent,
    InputRequest,
    InputRequired,
    Outcome,
    Principal,
    Progress,
    RequestKind,
    RequestState,
    ResourceBody,
    ResourceLink,
    TextContent,
    Tool,
    ToolCall,
    ToolPage,
    ToolResult,
    text_result,
)
from toolward.wire.grpc_tools import CALL_TOOL


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
async def door(tools: Tools) -> AsyncGenerator[GrpcDoor, None]:
    async with serve_grpc("127.0.0.1:0", tools, bearer({"right": ADA}), name="test") as door:
        yield door


@pytest.fixture
async def client(door: GrpcDoor) -> AsyncGenerator[GrpcClient, None]:
    async with GrpcClient(door.address, "right") as client:
        yield client


@asynccontextmanager
async def kit_client() -> AsyncGenerator[GrpcClient, None]:
    async with (
        fixture_server.running(),
        serve_grpc("127.0.0.1:0", fixture_server, None, name="fixture") as door,
        GrpcClient(door.address) as client,
    ):
        yield client


# --- what passes through ---------------------------------------------------------------------------------

REQUEST = InputRequest(
    id="req_1",
    kind=RequestKind.APPROVAL,
    state=RequestState.OPEN,
    prompt="Refund 900.00 €?",
    run_id="run_1",
    detail={"tool": "crm.refund_payment", "arguments": {"amount_minor": 90000}},
    approvers=("role:support-lead", "user:ada"),
    created_at=1_800_000_000_000,
    expires_at=1_800_000_600_000,
)
OUTCOMES: dict[str, Outcome] = {
    "text": ToolResult((TextContent("zwölf 😀 \x00", {"audience": ["user"], "priority": 0.5}),)),
    "image": ToolResult((ImageContent(bytes(range(256)), "image/png"),)),
    "audio": ToolResult((AudioContent(b"\x00\xff", "audio/wav", {}),)),
    "link": ToolResult((ResourceLink("file:///a", "a", "A", "first", "text/plain"),)),
    "bare link": ToolResult((ResourceLink("file:///a", "a"),)),
    "text resource": ToolResult((EmbeddedResource(ResourceBody("t://a", "text/plain", text="")),)),
    "blob resource": ToolResult((EmbeddedResource(ResourceBody("t://a", None, blob=b"")),)),
    "several": ToolResult((TextContent("a"), TextContent("b"), ImageContent(b"c", "image/gif"))),
    "nothing": ToolResult(),
    "structured": ToolResult(
        structured_json=b'{"n": 100000000000000000000000000000001, "s": "\xf0\x9f\x98\x80"}'
    ),
    "a failure of its own": text_result("the shop is closed", is_error=True),
    "input required": InputRequired((REQUEST,)),
    "deferred": Deferred("run_2"),
}


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
async def test_every_outcome_arrives_as_it_was_given(
    tools: Tools, client: GrpcClient, outcome: Outcome
) -> None:
    tools.gives(outcome)
    assert await client.call_tool(NOBODY, CALL, NO_CONTEXT) == outcome
    assert await client.call_tool(NOBODY, CALL, CallContext(progress=ignore)) == outcome


async def test_a_call_arrives_as_it_was_made(tools: Tools, client: GrpcClient) -> None:
    seen: list[Any] = []

    async def behaviour(*what: Any) -> Outcome:
        seen.extend(what)
        return ToolResult()

    tools.behaviour = behaviour
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    call = ToolCall("crm.get_record", b'{ "id" : 1e2 }', "call_1", "key_1")
    await client.call_tool(NOBODY, call, CallContext(timeout=20, traceparent=trace, hops=2))
    principal, arrived, context = seen
    assert principal == ADA
    assert arrived == call
    assert (context.traceparent, context.hops) == (trace, 2)
    assert 10 < context.timeout <= 21


async def test_values_keep_every_digit_and_every_character() -> None:
    big = -1234567890123456789012345678901234567890
    raw = b'{"value": {"big": %d, "text": "\\ud83d\\ude00 \xf0\x9f\x98\x80"}}' % big
    async with kit_client() as client:
        result = await client.call_tool(NOBODY, ToolCall("echo", raw), NO_CONTEXT)
    assert isinstance(result, ToolResult)
    assert result.structured == {"value": {"big": big, "text": "😀 😀"}}


async def test_pages_of_tools_follow_the_cursor(tools: Tools, client: GrpcClient) -> None:
    schema = {"type": "object", "properties": {"n": {"maximum": 10**30}}}
    full = Tool("a", "Ä", schema, {"type": "integer"}, "A", {"readOnlyHint": True})
    tools.pages = {None: ToolPage((full,), "next"), "next": ToolPage((Tool("b"),))}
    first = await client.list_tools(NOBODY)
    assert first == tools.pages[None]
    assert await client.list_tools(NOBODY, first.next_cursor) == tools.pages["next"]


async def test_progress_comes_in_order_and_before_the_outcome(tools: Tools, client: GrpcClient) -> None:
    told = [Progress(1.0, 3.0, "one"), Progress(2.0), Progress(2.5, None, "almost")]

    async def behaviour(_: Principal, __: ToolCall, context: CallContext) -> Outcome:
        assert context.progress is not None
        for step in told:
            context.progress(step)
            await asyncio.sleep(0)
        return text_result("done")

    tools.behaviour = behaviour
    seen: list[Progress] = []
    result = await client.call_tool(NOBODY, CALL, CallContext(progress=seen.append))
    assert (seen, result) == (told, text_result("done"))


async def test_progress_without_end_keeps_the_newest(tools: Tools, client: GrpcClient) -> None:
    async def behaviour(_: Principal, __: ToolCall, context: CallContext) -> Outcome:
        assert context.progress is not None
        for step in range(100_000):
            context.progress(Progress(step))
        return ToolResult()

    tools.behaviour = behaviour
    seen: list[Progress] = []
    await client.call_tool(NOBODY, CALL, CallContext(progress=seen.append))
    assert len(seen) < 1000
    assert seen[-1] == Progress(99_999)


# --- errors ----------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip)
violations = st.lists(st.builds(Violation, words, words), max_size=3)


@st.composite
def errors(draw: st.DrawFn) -> ToolwardError:
    return BY_CODE[draw(st.sampled_from(sorted(BY_CODE)))](
        draw(words),
        hint=draw(words),
        violations=draw(violations),
        rule=draw(words),
        request_id=draw(words),
        retry_after=draw(st.none() | st.integers(0, 10**6) | st.just(2.5)),
    )


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(error=errors(), streamed=st.booleans())
async def test_every_error_is_the_same_at_both_ends(
    tools: Tools, client: GrpcClient, error: ToolwardError, streamed: bool
) -> None:
    tools.gives(error)
    context = CallContext(progress=ignore) if streamed else NO_CONTEXT
    found = await failing(client.call_tool(NOBODY, CALL, context))
    assert type(found) is type(error)
    assert found.answered
    assert vars(found) | {"answered": False} == vars(error)  # nobody has answered ours


async def test_a_bug_is_told_to_the_log_alone(
    tools: Tools, client: GrpcClient, caplog: pytest.LogCaptureFixture
) -> None:
    tools.gives(RuntimeError("a secret detail"))
    with caplog.at_level(logging.ERROR):
        found = await failing(client.call_tool(NOBODY, CALL, NO_CONTEXT))
    assert isinstance(found, Internal)
    assert "secret" not in found.text
    assert "a secret detail" in caplog.text


async def test_a_long_error_reaches_a_client_with_default_limits(tools: Tools, door: GrpcDoor) -> None:
    many = [Violation(f"/items/{n}", "x" * 160) for n in range(20)]
    tools.gives(InvalidArguments("x" * 20_000, violations=many))
    async with grpc.aio.insecure_channel(door.address) as channel:
        metadata = (("authorization", "Bearer right"),)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(CALL_TOOL.path)(b"", metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_bad_calls_of_a_kit_server_are_answered_by_its_own_errors() -> None:
    async with kit_client() as client:
        unknown = await failing(client.call_tool(NOBODY, ToolCall("ecko"), NO_CONTEXT))
        wrong = await failing(client.call_tool(NOBODY, ToolCall("add", b'{"a": "1"}'), NO_CONTEXT))
        huge = ToolCall("echo", b'{"value": "%b"}' % (b"x" * 6_000_000))
        large = await failing(client.call_tool(NOBODY, huge, NO_CONTEXT))
        nested = ToolCall("echo", b'{"value": %b1%b}' % (b"[" * 10_000, b"]" * 10_000))
        deep = await failing(client.call_tool(NOBODY, nested, NO_CONTEXT))
        late = await failing(client.call_tool(NOBODY, ToolCall("sleep"), NO_CONTEXT))
    assert isinstance(unknown, UnknownTool)
    assert unknown.hint == "Did you mean 'echo'?"
    assert isinstance(wrong, InvalidArguments)
    assert [one.pointer for one in wrong.violations] == ["/a"]
    assert isinstance(large, TooLarge)
    assert "6,000,013 bytes" in large.message
    assert isinstance(deep, TooLarge)
    assert "64 levels" in deep.message
    assert isinstance(late, DeadlineExceeded)
    assert "0.05 seconds" in late.message


async def test_what_no_server_would_take_is_not_sent(client: GrpcClient) -> None:
    found = await failing(client.call_tool(NOBODY, ToolCall("any", b" " * (65 << 20)), NO_CONTEXT))
    assert isinstance(found, TooLarge)


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_caller_who_is_not_known_gets_nothing(door: GrpcDoor, tools: Tools, token: str) -> None:
    async with GrpcClient(door.address, token) as client:
        for call in (
            client.list_tools(ADA),
            client.call_tool(ADA, CALL, NO_CONTEXT),
            client.call_tool(ADA, CALL, CallContext(progress=ignore)),
        ):
            assert isinstance(await failing(call), Unauthenticated)


@pytest.mark.parametrize(
    ("raw", "metadata", "said"),
    [(b"\xff", (), "CallTool request"), (b"", (("toolward-hops", "many"),), "toolward-hops")],
)
async def test_a_request_that_cannot_be_read_is_refused(
    door: GrpcDoor, raw: bytes, metadata: Any, said: str
) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(CALL_TOOL.path)(
                raw, metadata=(("authorization", "Bearer right"), *metadata)
            )
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in (caught.value.details() or "")


# --- time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [None, ignore], ids=["unary", "stream"])
async def test_giving_up_stops_the_tool(tools: Tools, client: GrpcClient, progress: Any) -> None:
    tools.waits()
    call = asyncio.create_task(client.call_tool(NOBODY, CALL, CallContext(progress=progress)))
    await asyncio.wait_for(tools.started.wait(), 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(tools.stopped.wait(), 10)


@pytest.mark.parametrize("progress", [None, ignore], ids=["unary", "stream"])
async def test_a_deadline_stops_the_tool_and_is_told(tools: Tools, client: GrpcClient, progress: Any) -> None:
    tools.waits()
    found = await failing(client.call_tool(NOBODY, CALL, CallContext(timeout=0.2, progress=progress)))
    assert isinstance(found, DeadlineExceeded)
    assert found.message == "any took longer than 0.2 seconds and was stopped."
    await asyncio.wait_for(tools.stopped.wait(), 10)


async def test_closing_the_client_tells_who_still_waits(tools: Tools, door: GrpcDoor) -> None:
    tools.waits()
    async with GrpcClient(door.address, "right") as client:
        call = asyncio.create_task(client.call_tool(NOBODY, CALL, NO_CONTEXT))
        await asyncio.wait_for(tools.started.wait(), 10)
    assert isinstance(await failing(call), Unavailable)
    assert isinstance(await failing(client.list_tools(NOBODY)), Unavailable)
