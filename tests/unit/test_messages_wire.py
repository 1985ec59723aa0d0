"""The Anthropic Messages wire: what is sent, held against the official types, and what is read."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.ports import (
    Message,
    ModelReply,
    ModelRequest,
    ModelTool,
    Native,
    OnPiece,
    Piece,
    ToolUse,
    Usage,
)
from gateway.models.failures import Endpoint
from gateway.models.messages_reply import MessagesReader
from gateway.models.messages_shapes import MAX_BLOCKS
from gateway.models.messages_wire import DEFAULT_MAX_TOKENS, MAX_STRICT_TOOLS, MAX_UNIONS, MessagesWire
from gateway.models.wire import Reported, WireSettings
from tests.unit.wire_speech import (
    ADD,
    ELSEWHERE,
    HERE,
    JSON,
    LOOK_UP,
    conversations,
    fed,
    fragments,
    spoken,
)
from toolward.errors import Overloaded, Unauthenticated, Unavailable

MARK = {"type": "ephemeral"}
Json = dict[str, Any]
THOUGHT: Json = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
HIDDEN: Json = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
NATIVE = Native(HERE, json.dumps([THOUGHT, {"type": "text", "text": "So."}]))

ROUND = (
    Message("user", "What is it?"),
    Message(
        "assistant", "I look.", (ToolUse("t1", "calc__add", '{"a": 1}'), ToolUse("t2", "calc__add", '{"a":'))
    ),
    Message("tool", "4", tool_use_id="t1"),
    Message("tool", "", tool_use_id="t2", is_error=True),
)


def wire(**given: Any) -> MessagesWire:
    return MessagesWire(replace(WireSettings(source=HERE, model="some-model"), **given))


def sent(
    *messages: Message,
    tools: tuple[ModelTool, ...] = (),
    stream: bool = False,
    before: tuple[ModelTool, ...] = (),
    **given: Any,
) -> Json:
    return json.loads(wire(**given).encode(ModelRequest(messages, tools, tools_before=before), stream=stream))


def faults(body: Json) -> list[str]:
    from tests.endpoints.messages_rules import messages_faults

    headers = {"content-type": "application/json", **wire().headers("key")}
    return [fault for fault in messages_faults(body, headers, []) if "signature" not in fault]


# --- what is sent -----------------------------------------------------------------------------------------


def test_a_conversation_takes_the_form_of_the_wire() -> None:
    body = sent(Message("system", "Be brief."), *ROUND, Message("user", "Go on."), tools=(ADD, LOOK_UP))
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "calc__add", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "calc__add", "input": {"not_valid_json": '{"a":'}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "4"},
        {"type": "tool_result", "tool_use_id": "t2", "content": "The call failed.", "is_error": True},
        {"type": "text", "text": "Go on.", "cache_control": MARK},
    ]
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, MARK]
    assert body["max_tokens"] == DEFAULT_MAX_TOKENS
    assert "tool_choice" not in body
    assert "stream" not in body
    assert faults(body) == []


def test_results_come_before_what_a_user_said_among_them() -> None:
    body = sent(*ROUND[:3], Message("user", "Wait."), ROUND[3])
    assert [block["type"] for block in body["messages"][-1]["content"]] == [
        "tool_result",
        "tool_result",
        "text",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"parallel": False}, {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        ({"max_output_tokens": 99}, {"max_tokens": 99}),
        ({"extra": {"max_tokens": 7, "thinking": None}}, {"max_tokens": 7, "thinking": None}),
        ({"extra": {"thinking": {"budget_tokens": 9}}}, {"max_tokens": DEFAULT_MAX_TOKENS + 9}),
        ({"extra": {"tools": []}}, {"tools": []}),
        ({"extra": {"quoted \" name": 1}}, {"quoted \" name": 1}),
        ({"stream": True}, {"stream": True}),
    ],
)  # fmt: skip
def test_settings_stand_in_the_body(given: Json, expected: Json) -> None:
    body = sent(*ROUND, tools=(ADD,), **given)
    assert {name: body[name] for name in expected} == expected


def test_the_key_and_the_version_go_into_headers() -> None:
    assert wire().headers("abc") == {"x-api-key": "abc", "anthropic-version": "2023-06-01"}
    assert "x-api-key" not in wire().headers("")


def test_strict_schemas_stay_within_what_one_request_may_hold() -> None:
    schema: Any = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    many = tuple(ModelTool(f"t{number}", "", schema) for number in range(MAX_STRICT_TOOLS + 3))
    listed = sent(*ROUND, tools=many, strict=True)["tools"]
    assert sum(tool.get("strict", False) for tool in listed) == MAX_STRICT_TOOLS
    optional: Any = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(MAX_UNIONS)}}
    both = sent(*ROUND, tools=(ModelTool("a", "", optional), ModelTool("b", "", optional)), strict=True)[
        "tools"
    ]
    assert [tool.get("strict", False) for tool in both] == [True, False]


def test_calls_of_before_need_tools_also_when_no_more_are_wanted() -> None:
    before = sent(*ROUND, tools=(LOOK_UP, ADD))
    last = sent(*ROUND, Message("user", "Answer now."), before=(LOOK_UP, ADD))
    assert last["tools"] == before["tools"]  # what the prompt cache has
    assert last["tool_choice"] == {"type": "none"}
    unknown = sent(*ROUND)
    assert [tool["name"] for tool in unknown["tools"]] == ["calc__add"]
    assert unknown["tool_choice"] == {"type": "none"}
    assert "tools" not in sent(Message("user", "Hello"))
    assert faults(last) == faults(unknown) == []


def test_ids_of_other_wires_are_made_to_fit_and_still_belong_together() -> None:
    odd = "functions.add:0|" + "x" * 90
    body = sent(
        Message("user", "a"),
        Message("assistant", "", (ToolUse(odd, "t", "{}"),)),
        Message("tool", "r", (), odd),
    )
    assert body["messages"][1]["content"][0]["id"] == body["messages"][2]["content"][0]["tool_use_id"] != odd
    assert faults(body) == []


def test_a_reply_goes_back_as_it_was_written_to_its_own_source_only() -> None:
    native = '[{"type": "thinking",  "thinking": "é", "signature": "s"}]'
    said = (
        Message("user", "a"),
        Message("assistant", "b", native=Native(HERE, native)),
        Message("user", "c"),
    )
    assert native[1:-1].encode() in wire().encode(ModelRequest(said), stream=False)
    there = sent(*said, source=ELSEWHERE)
    assert there["messages"][1]["content"] == [{"type": "text", "text": "b"}]


@settings(deadline=None)  # the official types are imported
@given(conversations([NATIVE, Native(ELSEWHERE, "[]")]), st.booleans(), st.booleans())
def test_every_conversation_is_one_that_the_service_takes(
    messages: tuple[Message, ...], cache: bool, tools: bool
) -> None:
    body = sent(*messages, tools=(ADD, LOOK_UP) if tools else (), cache=cache)
    assert faults(body) == []
    assert ("cache_control" in json.dumps(body)) == cache


@given(st.lists(st.tuples(conversations([NATIVE]), st.integers(0, 99)), min_size=1, max_size=4))
def test_what_is_kept_of_earlier_requests_changes_nothing(
    talks: list[tuple[tuple[Message, ...], int]],
) -> None:
    memo: Json = {}
    one, before = wire(), cast(tuple[Message, ...], ())
    for messages, kept in talks:
        before = before[: kept % (len(before) + 1)] + messages
        request = ModelRequest(before, (ADD,), memo=memo)
        assert one.encode(request, stream=True) == wire().encode(ModelRequest(before, (ADD,)), stream=True)


def test_marks_move_on_and_nothing_before_them_changes() -> None:
    memo: Json = {}
    one, said = wire(), (Message("system", "S"), Message("user", "begin"))
    texts: list[str] = []
    for turn in range(4):
        body = json.loads(one.encode(ModelRequest(said, (ADD,), memo=memo), stream=False))
        marked = [place for place, message in enumerate(body["messages"]) if "cache_control" in str(message)]
        assert marked == ([2 * turn - 2, 2 * turn] if turn else [0])
        assert json.dumps(body).count("cache_control") <= 4
        texts.append(json.dumps(body["messages"]).replace(f', "cache_control": {json.dumps(MARK)}', ""))
        use = ToolUse(f"t{turn}", "calc__add", "{}")
        said += (Message("assistant", "", (use,)), Message("tool", "r", (), use.id))
    assert all(after.startswith(before[:-1]) for before, after in pairwise(texts))
    paused = json.loads(one.encode(ModelRequest((*said, Message("assistant", "So far"))), stream=False))
    assert "cache_control" in str(paused["messages"][-2])
    own = json.loads(wire(extra={"cache_control": MARK}).encode(ModelRequest(said), stream=False))
    assert "cache_control" not in str(own["messages"])  # the body's own mark is on the last block


# --- what is read -----------------------------------------------------------------------------------------

USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "calc__add", "input": {"a": 1}}
BLOCKS: list[Json] = [
    THOUGHT,
    HIDDEN,
    {"type": "text", "text": "I look."},
    USE,
    {"type": "thinking", "thinking": "And?", "signature": "c2"},
    {"type": "tool_use", "id": "toolu_2", "name": "docs__look_up", "input": {}},
]
COUNTS = {
    "input_tokens": 3,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 20,
    "output_tokens": 9,
}


def reader(on_piece: OnPiece | None = None, tools: tuple[ModelTool, ...] = ()) -> MessagesReader:
    made = wire().reader(ModelRequest((Message("user", "a"),), tools), on_piece)
    return cast(MessagesReader, made)


def whole(blocks: list[Json], on_piece: OnPiece | None = None, **also: Any) -> ModelReply:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "some-model-1",
        "content": blocks,
    }
    made = reader(on_piece)
    made.whole(json.dumps({**message, "stop_reason": "tool_use", "usage": COUNTS, **also}).encode())
    assert made.finished
    return made.reply()


def start(index: int, block: Json) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **given: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **given}}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def streamed(
    blocks: list[Json],
    cut: Callable[[str], list[str]] = lambda text: [text],
    reason: str = "tool_use",
) -> list[Json]:
    message: Json = {
        "id": "msg_1",
        "type": "message",
        "model": "some-model-1",
        "content": [],
        "stop_reason": None,
    }
    events: list[Json] = [{"type": "message_start", "message": {**message, "usage": COUNTS}}]
    for index, block in enumerate(blocks):
        match block["type"]:
            case "text":
                events.append(start(index, {**block, "text": ""}))
                events += [delta(index, "text_delta", text=piece) for piece in cut(block["text"])]
            case "thinking":
                events.append(start(index, {**block, "thinking": "", "signature": ""}))
                events += [delta(index, "thinking_delta", thinking=piece) for piece in cut(block["thinking"])]
                events.append(delta(index, "signature_delta", signature=block["signature"]))
            case "tool_use":
                events.append(start(index, {**block, "input": {}}))
                pieces = cut(json.dumps(block["input"]))
                events += [delta(index, "input_json_delta", partial_json=piece) for piece in pieces]
            case _:
                events.append(start(index, block))
        events += [stop(index), {"type": "ping"}, {"type": "news", "index": "odd"}]
    return [
        *events,
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 40}},
        {"type": "message_stop"},
    ]


def test_a_reply_with_thinking_between_its_calls_is_kept_whole_and_in_order() -> None:
    reply = whole(BLOCKS)
    assert reply.text == "I look."
    assert reply.reasoning == "Hm.\n\nAnd?"
    assert [(use.id, use.name) for use in reply.tool_uses] == [
        ("toolu_1", ADD.name),
        ("toolu_2", LOOK_UP.name),
    ]
    assert json.loads(reply.tool_uses[0].arguments_json) == {"a": 1}
    assert (reply.stop, reply.response_id, reply.model) == ("tool_use", "msg_1", "some-model-1")
    assert reply.usage == Usage(123, 9, 100, 20)
    assert reply.native is not None
    assert reply.native.source == HERE
    assert json.loads(reply.native.items) == BLOCKS
    results = tuple(Message("tool", "r", (), use.id) for use in reply.tool_uses)
    said = (
        Message("user", "a"),
        Message("assistant", reply.text, reply.tool_uses, native=reply.native),
        *results,
    )
    assert sent(*said, tools=(ADD,))["messages"][1]["content"] == BLOCKS


@pytest.mark.parametrize("blocks", [[{"type": "text", "text": "Yes."}], [USE], []])
def test_what_a_neutral_message_holds_is_kept_in_no_other_form(blocks: list[Json]) -> None:
    assert whole(blocks).native is None


TEXTS = st.text(max_size=8)
KINDS: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXTS, "signature": st.just("c2ln")}),
    st.just(HIDDEN),
    st.fixed_dictionaries(
        {"type": st.just("tool_use"), "name": st.just("t"), "input": st.dictionaries(TEXTS, JSON)}
    ),
    st.just({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "a"}}),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(KINDS, max_size=5), st.data())
def test_however_it_is_cut_a_streamed_reply_is_the_whole_one(blocks: list[Json], data: st.DataObject) -> None:
    pieces: list[Piece] = []
    streaming = reader(pieces.append)
    events = streamed(blocks, lambda text: data.draw(fragments(text)))
    assert fed(streaming, events)
    found, expected = streaming.reply(), whole(blocks, usage={**COUNTS, "output_tokens": 40})
    assert loaded(found) == loaded(expected)
    assert spoken(pieces, "text") == found.text
    assert spoken(pieces, "reasoning") == found.reasoning
    assert [piece.text for piece in pieces if piece.kind == "call"] == [use.name for use in found.tool_uses]


def loaded(reply: ModelReply) -> Any:
    """As values, so that white space in JSON is none."""
    native = json.loads(reply.native.items) if reply.native else None
    uses = [(use.id, use.name, json.loads(use.arguments_json)) for use in reply.tool_uses]
    return reply.text, reply.reasoning, uses, native, reply.stop, reply.usage, reply.response_id, reply.model


def test_what_whole_replies_say_is_told_too() -> None:
    pieces: list[Piece] = []
    whole(BLOCKS, pieces.append)
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("reasoning", "Hm."),
        ("text", "I look."),
        ("call", ADD.name),
        ("reasoning", "\n\n"),
        ("reasoning", "And?"),
        ("call", LOOK_UP.name),
    ]


@pytest.mark.parametrize(
    ("reason", "blocks", "expected"),
    [
        ("end_turn", [], "final"),
        ("stop_sequence", [], "final"),
        ("tool_use", [USE], "tool_use"),
        ("end_turn", [USE], "tool_use"),
        ("max_tokens", [USE], "length"),
        ("pause_turn", [], "paused"),
        ("refusal", [], "refusal"),
        ("model_context_window_exceeded", [], "context"),
        ("something_new", [], "final"),
    ],
)
def test_why_it_stopped(reason: str, blocks: list[Json], expected: str) -> None:
    assert whole(blocks, stop_reason=reason).stop == expected
    streaming = reader()
    fed(streaming, streamed(blocks, reason=reason)[:-1])
    assert streaming.finished  # `message_stop` need not come
    assert streaming.reply().stop == expected


def test_an_end_of_the_stream_is_no_end_of_the_reply() -> None:
    cut_off, over = reader(), reader()
    fed(cut_off, streamed(BLOCKS)[:-2])
    assert not cut_off.event("", b"[DONE]")
    assert not cut_off.finished
    fed(over, streamed(BLOCKS)[:-1])
    assert over.event("", b" [DONE]")


def test_a_refusal_without_words_says_what_the_endpoint_explains() -> None:
    pieces: list[Piece] = []
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    reply = whole([], pieces.append, stop_reason="refusal", stop_details=details)
    assert (reply.text, spoken(pieces, "text")) == ("Not this.", "Not this.")


def test_what_was_cut_off_comes_back_so_that_it_can_be_sent_again() -> None:
    cut_thought = {"type": "thinking", "thinking": "Hm", "signature": ""}
    blank = {"type": "text", "text": "\n\n"}
    assert whole([cut_thought], stop_reason="max_tokens").native is None
    streaming = reader()
    events = [
        start(0, THOUGHT),
        start(1, blank),
        start(2, USE),
        delta(2, "input_json_delta", partial_json='{"a": '),
    ]
    fed(streaming, [*events, {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}])
    reply = streaming.reply()
    assert reply.tool_uses == (ToolUse("toolu_1", ADD.name, '{"a":'),)
    assert reply.native is not None
    assert json.loads(reply.native.items) == [THOUGHT, {**USE, "input": {"not_valid_json": '{"a":'}}]


def test_calls_have_ids_of_their_own_that_are_taken_back() -> None:
    reply = whole([THOUGHT, USE, USE, {**USE, "id": "a b"}])
    assert [use.id for use in reply.tool_uses] == ["toolu_1", "call_1_1", "call_1_2"]
    assert reply.native is None  # its ids are not these


def test_an_id_of_ours_is_no_other_calls_after_a_summary() -> None:
    kept = (Message("user", "a summary"), Message("assistant", "", (ToolUse("call_3_0", "t", "{}"),)))
    made = wire().reader(ModelRequest((*kept, Message("tool", "r", (), "call_3_0"))), None)
    made.whole(json.dumps({"content": [{**USE, "id": ""}]}).encode())
    assert [use.id for use in made.reply().tool_uses] == ["call_4_0"]


def test_arguments_of_a_strict_tool_are_what_the_tool_wants() -> None:
    strict = wire(strict=True)
    made = strict.reader(ModelRequest((), (LOOK_UP,)), None)
    made.whole(json.dumps({"content": [{**USE, "name": LOOK_UP.name, "input": {"q": None}}]}).encode())
    assert made.reply().tool_uses[0].arguments_json == "{}"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, Overloaded),
        ({"type": "rate_limit_error", "message": "Slow down"}, Overloaded),
        ({"type": "api_error", "message": "Internal"}, Unavailable),
        ({"type": "timeout_error", "message": "Late"}, Unavailable),
        ({"type": "billing_error", "message": "Pay"}, Unavailable),
        ({"type": "authentication_error", "message": "No"}, Unauthenticated),
        (None, Unavailable),
    ],
)
def test_a_failure_inside_a_reply_is_the_endpoints_own(error: Any, expected: type[Exception]) -> None:
    endpoint = Endpoint("desk", "https://desk.example/v1", "m", path="/messages", key_setting="K", secrets=[])
    event = {"type": "error", "error": error}
    with pytest.raises(Reported) as caught:
        fed(reader(), [event])
    if error:
        with pytest.raises(Reported):
            fed(reader(), [{"error": error}])
    with pytest.raises(Reported) as again:
        reader().whole(json.dumps(event).encode())
    assert caught.value.error == again.value.error == error
    assert isinstance(endpoint.reported(error), expected)


TEXT = start(0, {"type": "text", "text": ""})


@pytest.mark.parametrize(
    "events",
    [
        [delta(0, "text_delta", text="a")],
        [stop(0)],
        [TEXT, TEXT],
        [TEXT, stop(0), delta(0, "text_delta", text="a")],
        [TEXT, delta(0, "input_json_delta", partial_json="{}")],
        [TEXT, delta(0, "signature_delta", signature="a")],
        [start(0, USE), delta(0, "text_delta", text="a")],
        [TEXT, delta(0, "text_delta")],
        [TEXT, delta(0, "text_delta", text=7)],
        [start(-1, USE)],
        [start(MAX_BLOCKS, USE)],
        [start(0, {"type": "tool_use", "name": 7})],
        [start(0, {"text": "a"})],
        [{"type": "message_start"}],
        [{"type": "message_delta", "usage": {"output_tokens": -1}}],
        [{"type": "message_delta", "usage": {"output_tokens": 2**80}}],
        [{"no": "type"}],
    ],
)
def test_what_does_not_fit_is_a_malformed_reply(events: list[Json]) -> None:
    with pytest.raises(ValueError, match=r"."):
        fed(reader(), events)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"content": 7}',
        b'{"content": [7]}',
        b'{"content": [{"type": "text", "text": "\xff"}]}',
        b'{"content": [{"type": "unknown", "text": "\xff"}]}',
        b'{"content": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
        b'{"content": [' + b",".join([b"{}"] * (MAX_BLOCKS + 1)) + b"]}",
    ],
)
def test_a_whole_reply_that_is_none_is_malformed(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        reader().whole(raw)
    assert not reader().finished


def test_a_call_without_a_name_is_malformed() -> None:
    with pytest.raises(ValueError, match="no name"):
        whole([{"type": "tool_use", "id": "a", "input": {}}])


SKELETONS: list[Json] = [
    *streamed(BLOCKS),
    {"type": "error", "error": {"type": "api_error"}},
    delta(3, "citations_delta", citation={"type": "x"}),
    start(1, {"type": "news"}),
]
FIELDS = ["type", "index", "delta", "content_block", "message", "usage", "error"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(SKELETONS), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=1)),
        max_size=12,
    )
)
def test_no_sequence_of_events_raises_anything_else(
    events: list[tuple[Json, Json]],
) -> None:
    made = reader(lambda piece: None)
    try:
        fed(made, [{**event, **changed} for event, changed in events])
        reply = made.reply()
    except ValueError:  # Reported is one
        return
    assert reply.native is None or isinstance(json.loads(reply.native.items), list)
