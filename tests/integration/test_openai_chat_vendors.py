"""What vendors add to chat completions: reasoning in fields of their own, other counts of tokens, other names."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from gateway.core.ports import Message, ModelReply, ModelRequest, ModelTool, Piece, ToolUse, Usage
from gateway.models.http_endpoint import HttpEndpoint
from tests.endpoints import Raw, ScriptedEndpoint, Silence, calls, refuses, says, scripted_endpoint
from tests.endpoints.chat import delta, events
from tests.integration.asking import BOTH, HELLO, KEY, ask, chat
from toolward.errors import DeadlineExceeded, Overloaded, ToolwardError, Unavailable

pytestmark = pytest.mark.anyio

TOOLS = (
    ModelTool("find", "Finds.", {"type": "object", "properties": {"a": {"type": "integer"}}}),
    ModelTool("free", "Takes all.", {"type": "object", "properties": {"any": {"type": "object"}}}),
)
ASKED = ModelRequest(HELLO.messages, TOOLS)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def endpoint() -> AsyncGenerator[ScriptedEndpoint]:
    async with scripted_endpoint(checks=False) as serving:  # vendors have fields of their own
        yield serving


@pytest.fixture
async def model(endpoint: ScriptedEndpoint) -> AsyncGenerator[HttpEndpoint]:
    async with chat(endpoint.url, KEY) as connected:
        yield connected


def whole(message: dict[str, Any], finish: str = "stop", **more: Any) -> Raw:
    return Raw((json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more}).encode(),))


def cut(words: str) -> list[str]:
    return [words[at : at + 5] for at in range(0, len(words), 5)]


async def pieces_of(model: HttpEndpoint, request: ModelRequest = HELLO) -> tuple[ModelReply, list[Piece]]:
    pieces: list[Piece] = []
    return await model.reply(request, pieces.append), pieces


# --- reasoning --------------------------------------------------------------------------------------------

THOUGHT = "First look, then speak. Ü"


@BOTH
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_is_shown_and_goes_back_in_the_field_in_which_it_came(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, streamed: bool, field: str
) -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
    if streamed:
        thoughts = [delta(**{field: words}) for words in cut(THOUGHT)]
        said = events(*thoughts, delta(content="Wait."), delta(tool_calls=[call]), delta(finish="tool_calls"))
    else:
        said = whole({"content": "Wait.", field: THOUGHT, "tool_calls": [call]}, "tool_calls")
    endpoint.script([said, says("One."), says("One.")])
    pieces: list[Piece] = []
    reply = await model.reply(HELLO, pieces.append if streamed else None)
    assert (reply.text, reply.reasoning) == ("Wait.", THOUGHT)
    if streamed:
        assert "".join(piece.text for piece in pieces if piece.kind == "reasoning") == THOUGHT
        assert [(piece.kind, piece.text) for piece in pieces[-2:]] == [("text", "Wait."), ("call", "find")]
    after = (
        Message("assistant", reply.text, reply.tool_uses, native=reply.native),
        Message("tool", "1", tool_use_id="c1"),
    )
    await model.reply(ModelRequest((*HELLO.messages, *after)))
    async with chat(endpoint.url, settings={"source": "another"}) as other:
        await other.reply(ModelRequest((*HELLO.messages, *after)))
    echoed, elsewhere = (request.json["messages"][1] for request in endpoint.requests[1:])
    neutral = {
        "role": "assistant",
        "content": "Wait.",
        "tool_calls": [{key: value for key, value in call.items() if key != "index"}],
    }
    assert echoed == neutral | {field: THOUGHT}
    assert elsewhere == neutral


@BOTH
async def test_signatures_go_back_with_what_they_sign(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, streamed: bool
) -> None:
    """OpenRouter's details of reasoning, Gemini's signature beside a call."""
    signed = {"google": {"thought_signature": "c2lnbmVk"}}
    call = {"index": 0, "id": "c1", "extra_content": signed, "function": {"name": "find", "arguments": "{}"}}
    told = [
        {"type": "reasoning.text", "index": 0, "text": "First look.", "signature": "s1"},
        {"type": "reasoning.encrypted", "index": 1, "data": "opaque"},
    ]
    fragments = [
        {"type": "reasoning.text", "index": 0, "text": "First"},
        {"type": "reasoning.text", "index": 0, "text": " look.", "signature": None},
        {"type": "reasoning.text", "index": 0, "signature": "s1"},
        told[1],
    ]
    if streamed:
        chunks = [delta(reasoning_details=[fragment]) for fragment in fragments]
        endpoint.script([events(*chunks, delta(tool_calls=[call]), delta(finish="tool_calls"))])
    else:
        endpoint.script([whole({"content": None, "reasoning_details": told, "tool_calls": [call]})])
    reply = await ask(model, streamed)
    assert reply.native is not None
    native = json.loads(reply.native.items)
    assert native["reasoning_details"] == told
    assert native["tool_calls"][0]["extra_content"] == signed


async def test_an_endpoint_that_does_not_stream_gives_its_text_in_one_piece(
    endpoint: ScriptedEndpoint,
) -> None:
    endpoint.script([calls(("find", {"a": 1}), text="A longer text than one chunk.")])
    async with chat(endpoint.url, stream=False) as model:
        reply, pieces = await pieces_of(model)
    assert pieces == [Piece("text", reply.text), Piece("call", "find")]
    assert "stream" not in endpoint.requests[0].json


# --- what it cost and why it ended -------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 10},
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            Usage(100, 50, 80, 10, 30),
        ),
        (  # xAI: reasoning is counted beside
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 150,
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            Usage(100, 50, 0, 0, 30),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8}, Usage(9, 1, 8)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(9, 0)),
    ],
)
async def test_tokens(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, streamed: bool, counts: dict[str, Any], usage: Usage
) -> None:
    last: dict[str, Any] = {"id": "r-1", "choices": [], "usage": counts}
    endpoint.script(
        [
            events(delta(content="x", finish="stop"), last)
            if streamed
            else whole({"content": "x"}, usage=counts, id="r-1")
        ]
    )
    reply = await ask(model, streamed)
    assert (reply.usage, reply.response_id, reply.endpoint) == (usage, "r-1", "gpt")


@BOTH
@pytest.mark.parametrize("finish", ["error", "abort", "insufficient_system_resource"])
async def test_a_reply_that_the_endpoint_broke_off_is_none(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, streamed: bool, finish: str
) -> None:
    endpoint.script([says("half of", finish=finish)])
    with pytest.raises(Unavailable, match=r"'gpt' at .* failed"):
        await ask(model, streamed)


@pytest.mark.parametrize(
    "said",
    [
        events(delta(content="x"), {"choices": [{"error": {"code": 502, "message": "upstream is gone"}}]}),
        Raw(
            (b'event: error\ndata: {"message": "upstream is gone"}\n\n',),
            200,
            {"content-type": "text/event-stream"},
        ),
    ],
)
async def test_a_failure_in_other_places_of_a_stream(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, said: Raw
) -> None:
    endpoint.script([said])
    with pytest.raises(ToolwardError, match="upstream is gone"):
        await ask(model, streamed=True)


@BOTH
async def test_half_a_character_costs_no_reply(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, streamed: bool
) -> None:
    said = r"\\ud83d a\ud83d\ude00 b\uD83d \ude00c \u00fc"
    part = '{"choices":[{"%s":{"content":"' + said + '"},"finish_reason":"stop"}]}'
    endpoint.script([events(part % "delta") if streamed else Raw(((part % "message").encode(),))])
    assert (await ask(model, streamed)).text == "\\ud83d a😀 b\ufffd \ufffdc ü"


# --- what is asked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "base", "wanted"),
    [
        ({"max_output_tokens": 9}, "", {"max_tokens": 9}),
        ({"max_output_tokens": 9, "model": "openai/gpt-5-mini"}, "", {"max_completion_tokens": 9}),
        ({"max_output_tokens": 9}, "https://api.openai.com/v1", {"max_completion_tokens": 9}),
        ({"max_output_tokens": 9, "model": "gpt-oss-120b"}, "", {"max_tokens": 9}),
        ({"max_output_tokens": 9, "extra": {"max_completion_tokens": 5}}, "", {"max_completion_tokens": 5}),
        ({"parallel": False}, "", {"parallel_tool_calls": False}),
        ({"extra": {"temperature": 0, "model": "other"}}, "", {"temperature": 0, "model": "other"}),
        ({}, "", {}),
    ],
)
async def test_what_the_configuration_adds(
    endpoint: ScriptedEndpoint, settings: dict[str, Any], base: str, wanted: dict[str, Any]
) -> None:
    endpoint.script([says("x")])
    async with chat(endpoint.url, settings=settings, base=base) as model:
        await model.reply(ASKED)
    sent = endpoint.requests[0].json
    added = {key: value for key, value in sent.items() if key not in ("messages", "tools")}
    assert added == {"model": settings.get("model", "small")} | wanted


async def test_without_tools_nothing_is_said_of_them(endpoint: ScriptedEndpoint) -> None:
    endpoint.script([says("x")])
    async with chat(endpoint.url, settings={"parallel": False, "strict": True}) as model:
        await model.reply(HELLO)
    assert endpoint.requests[0].json.keys() == {"model", "messages"}


@BOTH
async def test_strict_tools_where_it_can_be_and_their_nulls_left_out(
    endpoint: ScriptedEndpoint, streamed: bool
) -> None:
    endpoint.script([calls(("find", {"a": None}), ("free", {"any": None}))])
    async with chat(endpoint.url, settings={"strict": True}) as model:
        reply = await ask(model, streamed, ASKED)
    find, free = (tool["function"] for tool in endpoint.requests[0].json["tools"])
    assert find["strict"] is True
    assert find["parameters"]["properties"] == {"a": {"type": ["integer", "null"]}}
    assert "strict" not in free
    assert free["parameters"] == TOOLS[1].input_schema
    assert [use.arguments_json for use in reply.tool_uses] == ["{}", '{"any": null}']


async def test_a_conversation_is_encoded_once(endpoint: ScriptedEndpoint, model: HttpEndpoint) -> None:
    """With a memo the bytes are those without one, also where the conversation becomes another."""
    conversation: list[Message] = [Message("system", "Be brief."), Message("user", "ü")]
    memo: dict[str, Any] = {}
    turns: list[tuple[Message, ...]] = []
    for turn in range(4):
        use = ToolUse(f"c{turn}", "find", "{}")
        conversation += [Message("assistant", tool_uses=(use,)), Message("tool", "x", tool_use_id=use.id)]
        turns.append(tuple(conversation))
    turns += [turns[1], (*turns[3][:4], Message("user", "folded"), *turns[3][6:]), turns[3][1:], ()]
    endpoint.script([says("x")] * 2 * len(turns))
    for messages in turns:
        await model.reply(ModelRequest(messages, TOOLS, memo=memo))
        await model.reply(ModelRequest(messages, TOOLS))
    bodies = [request.body for request in endpoint.requests]
    assert bodies[::2] == bodies[1::2]


async def test_where_no_more_is_to_be_called_the_tools_are_still_told(
    endpoint: ScriptedEndpoint, model: HttpEndpoint
) -> None:
    endpoint.script([says("x")] * 3)
    await model.reply(ModelRequest(HELLO.messages, TOOLS))
    await model.reply(ModelRequest(HELLO.messages, tools_before=TOOLS))
    await model.reply(HELLO)
    first, last, bare = (request.json for request in endpoint.requests)
    assert last == first | {"tool_choice": "none"}
    assert "tools" not in bare


@pytest.mark.parametrize(
    ("settings", "base", "longest"),
    [({}, "", 99), ({}, "https://api.openai.com/v1", 40), ({"model": "mistral-large"}, "", 9)],
)
async def test_ids_that_an_endpoint_takes(
    endpoint: ScriptedEndpoint, settings: dict[str, Any], base: str, longest: int
) -> None:
    """Mistral takes nine letters and digits, OpenAI forty characters, some hide a signature in longer ones."""
    wanted = ["c1", "call_2_0_late", "abcDEF123", "x" * 99]
    uses = tuple(ToolUse(name, "find", "{}") for name in wanted)
    results = tuple(Message("tool", use.id, tool_use_id=use.id) for use in uses)
    endpoint.script([says("x")])
    async with chat(endpoint.url, settings=settings, base=base) as model:
        await model.reply(ModelRequest((*HELLO.messages, Message("assistant", tool_uses=uses), *results)))
    _, said, *answered = endpoint.requests[0].json["messages"]
    sent = [call["id"] for call in said["tool_calls"]]
    assert sent == [answer["tool_call_id"] for answer in answered]
    assert len(set(sent)) == 4
    if longest == 9:
        assert all(len(one) == 9 and one.isalnum() for one in sent)
        assert sent[2] == wanted[2]
    else:
        assert [one for one in sent if one in wanted] == [one for one in wanted if len(one) <= longest]
        assert max(map(len, sent)) == longest


async def test_one_connection_carries_a_conversation(endpoint: ScriptedEndpoint, model: HttpEndpoint) -> None:
    endpoint.script([says("x")] * 6)
    for streamed in (True, False) * 3:
        await ask(model, streamed)
    assert endpoint.connections == 1


# --- over a transport of httpx's ---------------------------------------------------------------------------------


@BOTH
async def test_a_transport_of_httpx_that_is_given(endpoint: ScriptedEndpoint, streamed: bool) -> None:
    """Httpx's own failures are told as those of our pool are."""
    cut_off = events(delta(content="x"), cut=True) if streamed else Raw((b'{"choices":',), cut=True)
    endpoint.script([says("Grüße."), cut_off, refuses(429, "slow down", {"retry-after": "3"}), Silence()])
    async with httpx.AsyncHTTPTransport() as transport, chat(endpoint.url, KEY, transport=transport) as model:
        assert (await ask(model, streamed)).text == "Grüße."
        with pytest.raises(
            Unavailable, match=r"'gpt' at .* closed the connection before its reply was whole"
        ):
            await ask(model, streamed)
        with pytest.raises(Overloaded, match="slow down") as caught:
            await ask(model, streamed)
        assert caught.value.retry_after == 3.0
        with pytest.raises(DeadlineExceeded):
            await ask(model, streamed, ModelRequest(HELLO.messages, timeout=0.05))
    async with (
        httpx.AsyncHTTPTransport() as transport,
        chat("http://127.0.0.1:9", transport=transport) as gone,
    ):
        with pytest.raises(Unavailable, match=r"'gpt' at .* cannot be reached: "):
            await ask(gone, streamed)
