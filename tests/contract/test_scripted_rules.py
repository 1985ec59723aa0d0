"""The scripted endpoint refuses what the services refuse: a request that is right, and each way to spoil it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.core.ports import Message, ModelRequest
from tests.endpoints import Call, Reply
from tests.endpoints.server import SPEECHES
from tests.endpoints.speech import WIRES, Given, WireName
from tests.endpoints.talking import TOOLS, our_wire, said

THOUGHT = Reply("I look.", "First.", sealed=True, calls=(Call("get", {"id": "A"}), Call("now")))

Spoil = Callable[[Any], Any]


def right(wire: WireName) -> tuple[Any, dict[str, str], list[Given]]:
    """A request in the middle of a round of tools: body, headers, and what was given before."""
    ours, speech = our_wire(wire), SPEECHES[wire]
    messages = [Message("system", "Be brief."), Message("user", "Which orders?")]
    reader = ours.reader(ModelRequest(tuple(messages), TOOLS), None)
    reader.whole(json.dumps(speech.whole(THOUGHT, 1)).encode())
    reply = reader.reply()
    messages.append(said(reply))
    messages += [Message("tool", "done", tool_use_id=use.id) for use in reply.tool_uses]
    body = json.loads(ours.encode(ModelRequest(tuple(messages), TOOLS), stream=False))
    headers = {"content-type": "application/json", **ours.headers("k")}
    return body, headers, [speech.given(THOUGHT, 1)]


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_right_is_taken(wire: WireName) -> None:
    assert SPEECHES[wire].faults(*right(wire)) == []


def item(kind: str, place: int = 0) -> Callable[[Any], dict[str, Any]]:
    """Of a Responses request: the input item of this type."""
    return lambda body: [found for found in body["input"] if found["type"] == kind][place]


def block(kind: str) -> Callable[[Any], dict[str, Any]]:
    """Of a Messages request: the first block of this type."""
    return lambda body: next(
        found for message in body["messages"] for found in message["content"] if found["type"] == kind
    )


def without(found: list[Any], wanted: Any) -> None:
    found[:] = [one for one in found if one is not wanted]


SPOILT: dict[WireName, dict[str, tuple[Spoil, str]]] = {
    "openai_chat": {
        "a key that nobody knows": (lambda body: body.update(cache=True), "unknown key 'cache'"),
        "a number for text": (lambda body: body["messages"][1].update(content=5), "body.messages[1].content"),
        "no model": (lambda body: body.pop("model"), "'model' is missing"),
        "an empty list of tools": (lambda body: body.update(tools=[]), "tools: too short"),
        "no answer to a call": (lambda body: body["messages"].pop(), "are answered by"),
        "an answer to no call": (lambda body: body["messages"].pop(2), "must follow"),
        "a user between": (
            lambda body: body["messages"].insert(3, {"role": "user", "content": "x"}),
            "are answered by []",
        ),
        "broken arguments": (
            lambda body: body["messages"][2]["tool_calls"][0]["function"].update(arguments="{"),
            "are no object",
        ),
        "reasoning left out": (lambda body: body["messages"][2].pop("reasoning_content"), "instead of"),
        "reasoning changed": (lambda body: body["messages"][2].update(reasoning_content="x"), "instead of"),
        "calls in parallel of no tools": (
            lambda body: (body.pop("tools"), body.update(parallel_tool_calls=False)),
            "without tools",
        ),
        "stream options": (
            lambda body: body.update(stream_options={"include_usage": True}),
            "without stream",
        ),
        "a tool twice": (lambda body: body["tools"].append(body["tools"][0]), "must be unique"),
        "a schema of no properties": (
            lambda body: body["tools"][1]["function"].update(parameters={"type": "object"}),
            "missing properties",
        ),
        "strict with a choice": (
            lambda body: body["tools"][0]["function"].update(strict=True),
            "strict mode",
        ),
    },
    "openai_responses": {
        "a key that nobody knows": (lambda body: body.update(cache=True), "unknown key 'cache'"),
        "no strict": (lambda body: body["tools"][0].pop("strict"), "'strict' is missing"),
        "no output of a call": (lambda body: body["input"].pop(), "no tool output found"),
        "an output of no call": (
            lambda body: item("function_call_output")(body).update(call_id="other"),
            "no tool call found for call_id 'other'",
        ),
        "broken arguments": (lambda body: item("function_call")(body).update(arguments="["), "are no object"),
        "reasoning left out": (
            lambda body: without(body["input"], item("reasoning")(body)),
            "without its required reasoning",
        ),
        "reasoning changed": (lambda body: item("reasoning")(body).update(summary=[]), "not as it was given"),
        "reasoning as it began": (
            lambda body: item("reasoning")(body).update(encrypted_content="gAAAAABnotyet"),
            "not as it was given",
        ),
        "kept there": (lambda body: body.update(store=True), "store must be false"),
        "too small a bound": (lambda body: body.update(max_output_tokens=5), "at least 16"),
        "a choice at the top": (
            lambda body: body["tools"][0]["parameters"].update(anyOf=[]),
            "'anyOf' at the top level",
        ),
    },
    "anthropic_messages": {
        "a key that nobody knows": (lambda body: body.update(cache=True), "unknown key 'cache'"),
        "no bound": (lambda body: body.pop("max_tokens"), "'max_tokens' is missing"),
        "input as text": (lambda body: block("tool_use")(body).update(input="{}"), "no object"),
        "an assistant first": (lambda body: body["messages"].pop(0), "the first must be a user's"),
        "two of a user": (
            lambda body: body["messages"].insert(0, {"role": "user", "content": "x"}),
            "must alternate",
        ),
        "a result missing": (lambda body: body["messages"][2]["content"].pop(), "are answered by"),
        "a result of no call": (
            lambda body: block("tool_result")(body).update(tool_use_id="other"),
            "unexpected tool_use_id 'other'",
        ),
        "text before results": (
            lambda body: body["messages"][2]["content"].insert(0, {"type": "text", "text": "x"}),
            "must come first",
        ),
        "blank text": (lambda body: block("text")(body).update(text=" "), "non-whitespace"),
        "thinking left out": (
            lambda body: without(body["messages"][1]["content"], block("thinking")(body)),
            "cannot be modified or left out",
        ),
        "a signature changed": (
            lambda body: block("thinking")(body).update(signature="x"),
            "cannot be modified or left out",
        ),
        "thinking in another order": (
            lambda body: body["messages"][1]["content"].insert(0, body["messages"][1]["content"].pop(1)),
            "cannot be modified or left out",
        ),
        "marks over the most": (
            lambda body: [
                body["messages"][0]["content"].append(
                    {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
                )
                for _ in range(5)
            ],
            "a maximum of 4 blocks",
        ),
        "a mark on thinking": (
            lambda body: block("thinking")(body).update(cache_control={"type": "ephemeral"}),
            "unknown key 'cache_control'",
        ),
        "a choice of no tools": (
            lambda body: (body.pop("tools"), body.update(tool_choice={"type": "auto"})),
            "while providing tools",
        ),
        "a union at the top": (
            lambda body: body["tools"][0]["input_schema"].update(oneOf=[{}]),
            "'oneOf' at the top level",
        ),
    },
}


@pytest.mark.parametrize(("wire", "how"), [(wire, how) for wire in WIRES for how in SPOILT[wire]])
def test_what_is_spoilt_is_refused(wire: WireName, how: str) -> None:
    spoil, why = SPOILT[wire][how]
    body, headers, given = right(wire)
    spoil(body)
    faults = SPEECHES[wire].faults(body, headers, given)
    assert any(why in fault for fault in faults), faults


@pytest.mark.parametrize("wire", WIRES)
def test_headers_are_looked_at(wire: WireName) -> None:
    body, _, given = right(wire)
    assert SPEECHES[wire].faults(body, {}, given)
