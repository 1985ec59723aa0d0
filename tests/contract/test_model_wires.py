"""All wires, streamed and whole, against the scripted endpoint: one suite, so that no run can tell which it is on.

Whatever is sent here, the endpoint holds against the types of the services' own packages and against their rules,
and fails the test for it.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from gateway.core.ports import ContextExceeded, Message, ModelRequest, ModelTool, StopReason, ToolUse, Usage
from tests.endpoints import (
    Call,
    Failure,
    Raw,
    Reply,
    ScriptedEndpoint,
    Silence,
    Tokens,
    calls,
    refuses,
    says,
    scripted_endpoint,
)
from tests.endpoints.official import WIRES, WireName
from tests.endpoints.speech import MODEL
from tests.endpoints.talking import KEY, Talk, our_endpoint
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidRequest,
    InvalidResult,
    Overloaded,
    TooLarge,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)

HEADER = "secret-of-a-header"
COUNTED = Tokens(1000, 300, cached=600, written=100, reasoning=250)
THOUGHT = Reply(
    "I look.",
    "First é, then 😀.",
    sealed=True,
    calls=(Call("get", {"id": "ORD-😀"}), Call("now"), Call("get", {"id": "b", "deep": [1, {"é": None}]})),
    tokens=COUNTED,
)


@dataclass
class Case:
    wire: WireName
    streamed: bool
    endpoint: ScriptedEndpoint
    talk: Talk

    @property
    def bodies(self) -> list[Any]:
        return [request.json for request in self.endpoint.requests]


@pytest.fixture(params=[True, False], ids=["streamed", "whole"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(params=WIRES)
async def case(request: pytest.FixtureRequest, streamed: bool) -> AsyncGenerator[Case]:
    async with (
        scripted_endpoint() as endpoint,
        our_endpoint(request.param, endpoint.url, stream=streamed, headers={"x-auth": HEADER}) as model,
    ):
        yield Case(request.param, streamed, endpoint, Talk(model))


# --- what comes back ------------------------------------------------------------------------------------


async def test_text_with_all_that_is_known_of_it(case: Case) -> None:
    case.endpoint.script([says("Grüße 😀, it is on its way.", tokens=COUNTED)])
    reply = await case.talk.ask("Where is it? ü")
    assert (reply.text, reply.stop, reply.tool_uses) == ("Grüße 😀, it is on its way.", "final", ())
    assert reply.usage == Usage(1000, 300, cached_tokens=600, cache_written_tokens=100, reasoning_tokens=250)
    assert (reply.model, reply.endpoint) == (MODEL, "scripted")
    assert reply.response_id
    assert reply.cost is None
    [body] = case.bodies
    assert (body["model"], body.get("stream", False)) == ("small", case.streamed)
    key = "x-api-key" if case.wire == "anthropic_messages" else "authorization"
    assert case.endpoint.requests[0].headers[key].removeprefix("Bearer ") == KEY


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"size": 1, "crlf": True},
        {"size": 3, "noise": True},
        {"piece": 1, "noise": True},
        {"piece": 1000, "size": 5},
        {"whole": True, "size": 2},
    ],
    ids=str,
)
async def test_however_it_is_cut_up_the_reply_is_the_same(case: Case, how: dict[str, Any]) -> None:
    """Inside characters and lines, with pings and unknown events, parallel calls interleaved, or in one piece
    though a stream was asked for."""
    case.endpoint.script([THOUGHT.sent(**how)])
    reply = await case.talk.ask("Which orders?")
    assert (reply.text, reply.reasoning, reply.stop) == ("I look.", "First é, then 😀.", "tool_use")
    assert [(use.name, arguments(use)) for use in reply.tool_uses] == [
        (call.name, call.arguments) for call in THOUGHT.calls
    ]
    assert len({use.id for use in reply.tool_uses}) == 3
    assert reply.usage.output_tokens == 300


async def test_calls_without_arguments_are_of_an_empty_object(case: Case) -> None:
    case.endpoint.script([calls(("now", {}), ("now", "")), says("Noon.")])
    reply = await case.talk.ask("When?")
    assert [use.arguments_json for use in reply.tool_uses] == ["{}", "{}"]
    case.talk.answer(reply)
    await case.talk.ask()


@pytest.mark.parametrize(
    ("stop", "found"),
    [
        ("final", "final"),
        ("length", "length"),
        ("refusal", "refusal"),
        ("content_filter", "content_filter"),
        ("paused", "paused"),
        ("context", "context"),
    ],
)
async def test_why_it_stopped(case: Case, stop: Any, found: StopReason) -> None:
    own = {  # what a wire has no word of its own for
        ("anthropic_messages", "content_filter"): "refusal",
        ("openai_chat", "paused"): "final",
        ("openai_responses", "paused"): "final",
        ("openai_chat", "context"): "length",
        ("openai_responses", "context"): "final",
    }
    case.endpoint.script([says("I will", stop=stop), says("Go on.")])
    reply = await case.talk.ask("hello")
    assert (reply.text, reply.stop) == ("I will", own.get((case.wire, stop), found))
    await case.talk.ask("And now?")  # a reply that was cut off or refused stands in the next request


async def test_a_call_that_was_cut_off_is_told_as_cut_off(case: Case) -> None:
    whole = case.wire == "anthropic_messages" and not case.streamed  # there, an object cannot be half
    case.endpoint.script([calls(("get", '{"id": "ORD'), stop="length")])
    reply = await case.talk.ask("hello")
    assert reply.stop == "length"
    assert [use.arguments_json for use in reply.tool_uses] == ["{}" if whole else '{"id": "ORD']


async def test_a_conversation_too_long_is_an_error_of_its_own(case: Case) -> None:
    words = {
        "openai_chat": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "130000 tokens. Please reduce the length of the messages.",
        "openai_responses": "Your input exceeds the context window of this model. Please adjust your input and "
        "try again.",
        "anthropic_messages": "prompt is too long: 208310 tokens > 200000 maximum",
    }
    code = None if case.wire == "anthropic_messages" else "context_length_exceeded"
    case.endpoint.script([Failure(400, words[case.wire], code=code)])
    with pytest.raises(ContextExceeded, match="longer than 'small' takes"):
        await case.talk.ask("hello")


# --- rounds of tools ------------------------------------------------------------------------------------


async def test_reasoning_goes_back_word_for_word_over_rounds_of_tools(case: Case) -> None:
    second = replace(THOUGHT, text="", reasoning="Then 漢字.", calls=(Call("get", {"id": "c"}),))
    case.endpoint.script([THOUGHT, second.sent(noise=True), says("Two.", reasoning="Done."), says("Fine.")])
    first = await case.talk.ask("Which orders?")
    assert first.native is not None
    case.talk.answer(first)
    case.talk.answer(await case.talk.ask())
    await case.talk.ask()
    await case.talk.ask("Thanks.")  # the endpoint has seen to it that all of it came back as it was


@pytest.mark.parametrize("vendor", ["reasoning_content", "reasoning"])
async def test_reasoning_of_vendors_goes_back_in_their_own_field(streamed: bool, vendor: Any) -> None:
    async with (
        scripted_endpoint() as endpoint,
        our_endpoint("openai_chat", endpoint.url, stream=streamed) as model,
    ):
        endpoint.script([replace(THOUGHT, vendor=vendor), says("Two.")])
        talk = Talk(model)
        reply = await talk.ask("Which orders?")
        assert reply.reasoning == THOUGHT.reasoning
        talk.answer(reply)
        await talk.ask()
        [echoed] = [message for message in endpoint.requests[1].json["messages"] if message.get("tool_calls")]
        assert echoed[vendor] == THOUGHT.reasoning


async def test_sealed_reasoning_alone_goes_back(case: Case) -> None:
    case.endpoint.script([Reply(sealed=True, calls=(Call("now"),)), says("Noon.")])
    reply = await case.talk.ask("When?")
    assert (reply.text, reply.reasoning) == ("", "")
    case.talk.answer(reply)
    await case.talk.ask()


async def test_what_another_source_wrote_is_rendered_anew(case: Case) -> None:
    """A route may change between rounds: another model's reasoning must not reach this one."""
    case.endpoint.script([THOUGHT, says("Two."), says("Three.")])
    reply = await case.talk.ask("Which orders?")
    case.talk.answer(reply)
    await case.talk.ask()
    async with (
        scripted_endpoint() as other,
        our_endpoint(case.wire, other.url, {"max_output_tokens": 99}, stream=case.streamed) as model,
    ):
        other.script([says("Three.")])
        messages = [
            replace_native(message, f"other/{message.native.source}") if message.native else message
            for message in case.talk.messages
        ]
        await model.reply(ModelRequest((*messages, Message("user", "And?")), case.talk.tools))
        sent = other.requests[0].body.decode()
    assert THOUGHT.reasoning not in sent
    assert "gAAAAAB" not in sent
    assert "ORD-" in sent


async def test_broken_arguments_go_back_as_an_object_with_what_was_wrong(case: Case) -> None:
    case.endpoint.script([calls(("get", '{"id": "A'), ("get", "[1]")), says("Sorry.")])
    reply = await case.talk.ask("hello")
    if case.streamed or case.wire != "anthropic_messages":
        assert reply.tool_uses[0].arguments_json == '{"id": "A'
    case.talk.answer(reply, "The arguments are not valid JSON.", is_error=True)
    await case.talk.ask()
    sent = case.endpoint.requests[1].body.decode()
    assert "The arguments are not valid JSON." in sent


async def test_ids_of_another_wire_and_empty_texts_are_made_fit(case: Case) -> None:
    """What a run may hold that has changed its endpoint, or has had a tool that said nothing."""
    uses = (ToolUse("call:1/ä" + "x" * 80, "get", '{"id":"A"}'), ToolUse("functions.get:1", "get", "{}"))
    case.endpoint.script([says("Fine.")])
    case.talk.messages += [
        Message("user", "hello"),
        Message("assistant", "", uses),
        Message("tool", "", tool_use_id=uses[0].id),
        Message("tool", " ", tool_use_id=uses[1].id, is_error=True),
        Message("assistant", "  "),
        Message("user", "And?"),
        Message("user", "Well?"),
        Message("system", "Say what you have: the budget is used up."),
    ]
    await case.talk.ask()
    assert "the budget is used up" in case.endpoint.requests[0].body.decode()


async def test_a_last_turn_without_tools_after_rounds_with_them(case: Case) -> None:
    case.endpoint.script([THOUGHT, says("That is all I have.")])
    reply = await case.talk.ask("Which orders?")
    case.talk.answer(reply)
    case.talk.tools = ()
    assert (await case.talk.ask()).text == "That is all I have."


ODD = (
    ModelTool("nothing", "", {}),
    ModelTool(
        "either", "One of two.", {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    ),
    ModelTool(
        "loose",
        "Takes much.",
        {
            "type": "object",
            "properties": {
                "free": {"type": "object", "additionalProperties": {"type": "string"}},
                "n": {"type": "integer", "minimum": 1, "default": 3},
                "tree": {"$ref": "#/$defs/tree"},
                "list": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"a": {"type": "string"}}},
                },
            },
            "required": ["n"],
            "$defs": {"tree": {"type": "object", "properties": {"in": {"$ref": "#/$defs/tree"}}}},
        },
    ),
    ModelTool(
        "plain",
        "Plain.",
        {
            "type": "object",
            "properties": {"id": {"type": "string"}, "note": {"type": "string", "maxLength": 9}},
            "required": ["id"],
            "additionalProperties": False,
        },
    ),
)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("wire", WIRES)
async def test_any_tools_are_offered_as_the_service_takes_them(wire: WireName, strict: bool) -> None:
    async with (
        scripted_endpoint() as endpoint,
        our_endpoint(wire, endpoint.url, {"strict": strict, "parallel": False}) as model,
    ):
        endpoint.script([calls(("plain", {"id": "A"})), says("Fine.")])
        talk = Talk(model, tools=ODD)
        talk.answer(await talk.ask("hello"))
        await talk.ask()


# --- failures -------------------------------------------------------------------------------------------

STATUSES: dict[int, type[ToolwardError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Unauthenticated,
    404: ConfigurationError,
    413: TooLarge,
    429: Overloaded,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    529: Overloaded,
    302: InvalidResult,
}


async def test_each_status_is_its_error_and_tells_no_secret(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    telling = f"bad key {KEY} with {HEADER}, Bearer {KEY} " + "x" * 250 + KEY
    for status, error in STATUSES.items():
        case.endpoint.script([refuses(status, telling)])
        with pytest.raises(error) as caught:
            await case.talk.ask("hello")
        assert type(caught.value) is error, status
        assert caught.value.message.startswith(f"The model endpoint 'scripted' at {case.endpoint.url} ")
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        told = f"{caught.value.text} {caught.value!r} {case.talk.model!r} {caplog.text}"
        assert not [secret for secret in (KEY, KEY[:12], HEADER) if secret in told], status
    case.endpoint.script([says("still here")])
    assert (await case.talk.ask("hello")).text == "still here"


async def test_when_to_come_back(case: Case) -> None:
    dated = {"date": "Fri, 20 Nov 2026 12:00:00 GMT", "retry-after": "Fri, 20 Nov 2026 12:01:30 GMT"}
    for status, headers, seconds in (
        (429, {"retry-after": "17"}, 17.0),
        (429, dated, 90.0),
        (429, {}, None),
        (529, {"retry-after": "3"}, 3.0),
        (503, {"retry-after": "0.5"}, 0.5),
    ):
        case.endpoint.script([refuses(status, headers=headers)])
        with pytest.raises((Overloaded, Unavailable)) as caught:
            await case.talk.ask("hello")
        assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("how", "error", "why"),
    [
        ({"then": "cut"}, Unavailable, "closed the connection before"),
        ({"then": "close"}, Unavailable, "closed the connection before"),
        ({"then": "cut", "until": 0.9}, Unavailable, "closed the connection before"),
        ({"then": "invalid_utf8"}, InvalidResult, "not valid UTF-8"),
        ({"then": "no_json"}, InvalidResult, "malformed"),
        ({"then": "error", "error": Failure(500, "fell over " + KEY)}, Unavailable, r"fell over \[secret\]"),
        ({"then": "error", "error": Failure(429, "slow down")}, Overloaded, "slow down"),
        ({"then": "error", "error": Failure(529, "overloaded")}, Overloaded, "overloaded"),
    ],
    ids=str,
)
@pytest.mark.parametrize("wire", WIRES)
async def test_streams_that_fail_on_their_way(
    wire: WireName, how: dict[str, Any], error: type[ToolwardError], why: str
) -> None:
    if (
        wire != "anthropic_messages" and how.get("error", Failure(0)).status == 529
    ):  # a status of Anthropic's own
        how = how | {"error": Failure(503, "overloaded", code="server_is_overloaded")}
        error = Unavailable
    async with scripted_endpoint() as endpoint, our_endpoint(wire, endpoint.url) as model:
        endpoint.script([THOUGHT.sent(**({"until": 0.6} | how)), says("still here")])
        with pytest.raises(error, match=f"'scripted' at .*{why}") as caught:
            await Talk(model).ask("hello")
        assert type(caught.value) is error
        assert (await Talk(model).ask("hello")).text == "still here"


async def test_whole_replies_that_are_none(case: Case) -> None:
    case.endpoint.script(
        [
            THOUGHT.sent(then="cut", until=0.5, whole=True),
            THOUGHT.sent(then="close", until=0.5, whole=True),
            Raw((b"<html>welcome</html>",), headers={"content-type": "text/html"}),
            Raw((b'{"hello": "\xff"}',)),
            Raw((b'{"a":' * 50_000,)),
            Raw((b"{}",)),
            Raw((b'{"error": {"message": "no provider is free", "code": 503, "type": "api_error"}}',)),
        ]
    )
    for error in (Unavailable, *(5 * [InvalidResult]), Unavailable):
        with pytest.raises(error, match="'scripted' at"):
            await case.talk.ask("hello")
    assert not case.endpoint.left.is_set()


async def test_an_endpoint_that_stalls_is_left_at_the_deadline(case: Case) -> None:
    case.endpoint.script([THOUGHT.sent(then="stall", until=0.5), Silence()])
    for _ in range(2):
        case.endpoint.left.clear()
        with pytest.raises(DeadlineExceeded, match=r"'scripted' at .* did not finish within 0\.1 s"):
            await case.talk.ask("hello", timeout=0.1)
        await asyncio.wait_for(case.endpoint.left.wait(), 5)


async def test_cancelled_in_the_middle_it_closes_its_connection_at_once(case: Case) -> None:
    case.endpoint.script([THOUGHT.sent(then="stall", until=0.5), says("still here")])
    asking = asyncio.create_task(case.talk.ask("hello"))
    await case.endpoint.stalled.wait()
    if case.streamed:
        await case.talk.spoken.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(case.endpoint.left.wait(), 0.2)
    assert (await case.talk.ask("hello")).text == "still here"


async def test_an_endpoint_that_is_not_there(streamed: bool) -> None:
    async with scripted_endpoint() as gone:
        url = gone.url
    for wire in WIRES:
        async with our_endpoint(wire, url, stream=streamed) as model:
            with pytest.raises(Unavailable, match=r"'scripted' at .* cannot be reached: nothing"):
                await Talk(model).ask("hello")


# --- the parts ------------------------------------------------------------------------------------------


def arguments(use: ToolUse) -> Any:
    return json.loads(use.arguments_json)


def replace_native(message: Message, source: str) -> Message:
    assert message.native is not None
    return changed(message, native=changed(message.native, source=source))
