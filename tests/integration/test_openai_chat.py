"""The chat-completions wire against a real HTTP server that plays a script, streamed and whole."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.core.ports import Message, ModelRequest, ModelTool, ToolUse
from gateway.models.http_endpoint import HttpEndpoint
from tests.endpoints import Raw, ScriptedEndpoint, says, scripted_endpoint
from tests.endpoints.chat import delta, events
from tests.integration.asking import BOTH, HELLO, KEY, ask, chat

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def endpoint() -> AsyncGenerator[ScriptedEndpoint]:
    async with scripted_endpoint() as serving:
        yield serving


@pytest.fixture
async def model(endpoint: ScriptedEndpoint) -> AsyncGenerator[HttpEndpoint]:
    async with chat(endpoint.url, KEY, key_setting="SOME_KEY") as connected:
        yield connected


# --- what is sent ---------------------------------------------------------------------------------------

CONVERSATION = ModelRequest(
    (
        Message("system", "Be brief."),
        Message("user", "Which orders? ü"),
        Message(
            "assistant", tool_uses=(ToolUse("c1", "crm__find", '{"a": 1}'), ToolUse("c2", "x", "{broken"))
        ),
        Message("tool", "two", tool_use_id="c1"),
        Message("tool", "no such tool", tool_use_id="c2", is_error=True),
        Message("assistant", "Two."),
    ),
    tools=(
        ModelTool("crm__find", "Finds.", {"type": "object", "properties": {"a": {"type": "integer"}}}),
        ModelTool("now", "", {"type": "object"}),
    ),
)


async def test_a_conversation_on_the_wire(endpoint: ScriptedEndpoint, model: HttpEndpoint) -> None:
    endpoint.script([says("Fine.")])
    await model.reply(CONVERSATION)
    [request] = endpoint.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    broken = json.dumps({"not_valid_json": "{broken"}, separators=(",", ":"))
    assert request.json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which orders? ü"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "crm__find", "arguments": '{"a": 1}'},
                    },
                    {"id": "c2", "type": "function", "function": {"name": "x", "arguments": broken}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "two"},
            {"role": "tool", "tool_call_id": "c2", "content": "The call failed: no such tool"},
            {"role": "assistant", "content": "Two."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "crm__find",
                    "description": "Finds.",
                    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
            },
            {
                "type": "function",
                "function": {
                    "name": "now",
                    "description": "",
                    "parameters": {"type": "object", "properties": {}},
                },
            },
        ],
    }


async def test_a_stream_is_asked_for_with_its_usage(endpoint: ScriptedEndpoint, model: HttpEndpoint) -> None:
    endpoint.script([says("x"), says("x")])
    await ask(model, streamed=True)
    await ask(model, streamed=False)
    streamed, whole = (request.json for request in endpoint.requests)
    assert streamed["stream"] is True
    assert streamed["stream_options"] == {"include_usage": True}
    assert "stream" not in whole
    assert "tools" not in whole


async def test_each_request_has_the_tools_of_its_own(endpoint: ScriptedEndpoint, model: HttpEndpoint) -> None:
    endpoint.script([says("x")] * 100)
    kept = (ModelTool("kept", "", {}),)
    for number in range(50):  # a list that is gone may leave its place in memory to the next
        await model.reply(ModelRequest(HELLO.messages, (ModelTool(f"t{number}", "", {}),)))
        await model.reply(ModelRequest(HELLO.messages, kept))
    sent = [request.json["tools"][0]["function"]["name"] for request in endpoint.requests]
    assert sent == [name for number in range(50) for name in (f"t{number}", "kept")]


async def test_without_a_key_none_is_sent_and_extra_headers_are(endpoint: ScriptedEndpoint) -> None:
    endpoint.script([says("x")])
    async with chat(endpoint.url, headers={"x-title": "Toolward"}) as model:
        await model.reply(HELLO)
    assert "authorization" not in endpoint.requests[0].headers
    assert endpoint.requests[0].headers["x-title"] == "Toolward"


# --- what comes back ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "final"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("something_new", "final"),
    ],
)
async def test_why_it_stopped(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, streamed: bool, finish: str, stop: str
) -> None:
    endpoint.script([says("x", finish=finish)])
    assert (await ask(model, streamed)).stop == stop


def call(number: Any, name: str | None, arguments: Any, **more: Any) -> dict[str, Any]:
    """A fragment of a tool call; None leaves a field out."""
    function = {"name": name, "arguments": arguments}
    function = {key: value for key, value in function.items() if value is not None}
    return ({} if number is None else {"index": number}) | {"function": function} | more


LIBERTIES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "every call has index 0": (
        [call(0, "a", '{"x":1}', id="i"), call(0, "b", '{"y"', id="j"), call(0, None, ":2}", id="j")],
        [("a", '{"x":1}'), ("b", '{"y":2}')],
    ),
    "no index, ids": (
        [call(None, "a", '{"x"', id="i"), call(None, None, ":1}"), call(None, "b", "{}", id="j")],
        [("a", '{"x":1}'), ("b", "{}")],
    ),
    "no index, fragments by id": (
        [call(None, "a", "", id="i"), call(None, "b", "{}", id="j"), call(None, None, '{"x":1}', id="i")],
        [("a", '{"x":1}'), ("b", "{}")],
    ),
    "no index, no ids": ([call(None, "a", "{}"), call(None, "b", "{}")], [("a", "{}"), ("b", "{}")]),
    "the name in every fragment": (
        [call(0, "a", '{"x"', id="i"), call(0, "a", ":1}", id="i")],
        [("a", '{"x":1}')],
    ),
    "a new id in every fragment": (
        [call(0, "a", '{"x"', id="i"), call(0, None, ":1}", id="j")],
        [("a", '{"x":1}')],
    ),
    "the second first": (
        [call(1, "b", "{}", id="j"), call(0, "a", "{}", id="i")],
        [("a", "{}"), ("b", "{}")],
    ),
    "arguments as an object": ([call(0, "a", {"x": 1}, id="i")], [("a", '{"x":1}')]),
    "no arguments": ([call(0, "a", None, id="i")], [("a", "{}")]),
    "one id for all": (
        [call(0, "a", "{}", id="same"), call(1, "b", "{}", id="same")],
        [("a", "{}"), ("b", "{}")],
    ),
}


@pytest.mark.parametrize("liberty", LIBERTIES)
async def test_liberties_of_streaming_servers(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, liberty: str
) -> None:
    fragments, wanted = LIBERTIES[liberty]
    chunks = [delta(tool_calls=[fragment]) for fragment in fragments]
    endpoint.script([events(*chunks, delta(finish="stop"))])
    reply = await ask(model, streamed=True)
    assert [(use.name, use.arguments_json) for use in reply.tool_uses] == wanted
    assert reply.stop == "tool_use"
    assert len({use.id for use in reply.tool_uses}) == len(wanted)
    assert all(use.id for use in reply.tool_uses)


async def test_other_liberties(endpoint: ScriptedEndpoint, model: HttpEndpoint) -> None:
    parts: dict[str, Any] = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    refusal = {"content": None, "refusal": "I will not."}
    endpoint.script(
        [
            Raw((json.dumps({"choices": [{"message": parts}], "usage": None}).encode(),)),
            Raw((json.dumps({"choices": [{"message": refusal, "finish_reason": "stop"}]}).encode(),)),
            Raw((json.dumps({"choices": [{"message": {"content": "whole"}}]}).encode(),)),
            events(delta(content="x", finish="stop"), done=False),
            events(delta(content="y", finish="stop")),
        ]
    )
    assert (await ask(model, streamed=False)).text == "ab"
    refused = await ask(model, streamed=False)
    assert (refused.text, refused.stop) == ("I will not.", "refusal")
    assert (await ask(model, streamed=True)).text == "whole"  # a server that does not stream
    assert (await ask(model, streamed=True)).text == "x"  # one that ends without [DONE]
    assert (await ask(model, streamed=False)).text == "y"  # one that streams unasked
