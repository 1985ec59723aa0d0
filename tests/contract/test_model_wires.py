"""All wires, streamed and whole, against the scripted endpoint: one suite, so that no run can tell which it is on.

Whatever is sent here, the endpoint holds against the types of the services' own packages and against their rules,
and fails the test for it.
"""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from gateway.core.ports import ContextExceeded, Message, ModelRequest, ModelTool, StopReason, ToolUse, Usage
from tests.endpoints import (
    Call,
    Failure,
    Reply,
    calls,
    says,
    scripted_endpoint,
)
from tests.endpoints.cases import COUNTED, THOUGHT, Case, opened
from tests.endpoints.speech import MODEL, WIRES, WireName
from tests.endpoints.talking import KEY, Talk, our_endpoint


@pytest.fixture(params=[True, False], ids=["streamed", "whole"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(params=WIRES)
async def case(request: pytest.FixtureRequest, streamed: bool) -> AsyncGenerator[Case]:
    async with opened(request.param, streamed) as case:
        yield case


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


@pytest.mark.parametrize("wire", WIRES)
async def test_calls_as_json_where_an_endpoint_has_no_tools(wire: WireName, streamed: bool) -> None:
    """Cut up as any reply may be; what people see is never JSON, and reasoning goes back all the same."""
    both = '{"type":"tools","calls":[{"name":"get","arguments":{"id":"é"}},{"name":"now","arguments":{}}]}'
    async with (
        scripted_endpoint() as endpoint,
        our_endpoint(wire, endpoint.url, {"actions": True}, stream=streamed) as model,
    ):
        endpoint.script(
            [
                says(f"I look. 😀\n{both}", reasoning="First é.", sealed=True, tokens=COUNTED).sent(size=3),
                says('{"type": "tool", "name": "get", "arguments": {"id": ', stop="length"),
                says('{"type": "final", "answer": "Two \\"things\\", ü 😀."}').sent(noise=True, crlf=True),
            ]
        )
        talk = Talk(model)
        reply = await talk.ask("Which orders?")
        assert (reply.text, reply.reasoning, reply.stop) == ("I look. 😀", "First é.", "tool_use")
        assert [(use.name, arguments(use)) for use in reply.tool_uses] == [("get", {"id": "é"}), ("now", {})]
        assert reply.usage.input_tokens == 1000
        talk.answer(reply, "It says ü.")
        talk.answer(await talk.ask(), "That was cut off.", is_error=True)
        last = await talk.ask()
        assert (last.text, last.stop, last.tool_uses) == ('Two "things", ü 😀.', "final", ())
        assert not any("tools" in request.json for request in endpoint.requests)
        assert "It says ü." in endpoint.requests[1].body.decode()


# --- the parts ------------------------------------------------------------------------------------------


def arguments(use: ToolUse) -> Any:
    return json.loads(use.arguments_json)


def replace_native(message: Message, source: str) -> Message:
    assert message.native is not None
    return changed(message, native=changed(message.native, source=source))
