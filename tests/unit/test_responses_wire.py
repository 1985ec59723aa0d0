"""The OpenAI Responses wire: what is sent, held against the official types, and what is read."""

import json
from collections.abc import Callable
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
from gateway.models.responses_reply import ResponsesReader
from gateway.models.responses_shapes import MAX_ITEMS
from gateway.models.responses_wire import LEAST_OUTPUT, ResponsesWire
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
from toolward.errors import InvalidRequest, Overloaded, Unavailable

Json = dict[str, Any]


def thought(*summary: str, **given: Any) -> Json:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": parts, "encrypted_content": "gAAA", **given}


def saying(text: str, **given: Any) -> Json:
    part: Json = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
        **given,
    }


def refusing(text: str) -> Json:
    return saying("", content=[{"type": "refusal", "refusal": text}])


def call(name: str = ADD.name, call_id: str = "call_1", arguments: Any = '{"a": 1}', **given: Any) -> Json:
    return {
        "type": "function_call",
        "id": "fc",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        **given,
    }


OUTPUT = [thought("Hm.", "And?"), saying("I look."), call(), call(LOOK_UP.name, "call_2", "{}")]
NATIVE = Native(HERE, json.dumps(OUTPUT[:2]))
ROUND = (
    Message("user", "What is it?"),
    Message(
        "assistant", "I look.", (ToolUse("t1", "calc__add", '{"a": 1}'), ToolUse("t2", "calc__add", '{"a":'))
    ),
    Message("tool", "4", tool_use_id="t1"),
    Message("tool", "None.", tool_use_id="t2", is_error=True),
)


def wire(**given: Any) -> ResponsesWire:
    return ResponsesWire(replace(WireSettings(source=HERE, model="some-model"), **given))


def sent(
    *messages: Message,
    tools: tuple[ModelTool, ...] = (),
    stream: bool = False,
    before: tuple[ModelTool, ...] = (),
    **given: Any,
) -> Json:
    return json.loads(wire(**given).encode(ModelRequest(messages, tools, tools_before=before), stream=stream))


def faults(body: Json) -> list[str]:
    from tests.endpoints.responses_rules import responses_faults

    found = responses_faults(body, {"content-type": "application/json"}, [])
    return [fault for fault in found if "as it was given" not in fault]


# --- what is sent -----------------------------------------------------------------------------------------


def test_a_conversation_takes_the_form_of_the_wire() -> None:
    body = sent(
        Message("system", "Be brief."),
        Message("system", "Be kind."),
        *ROUND,
        Message("system", "One more."),
        Message("user", "Go on."),
        tools=(ADD, LOOK_UP),
    )
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert body["input"] == [
        {"type": "message", "role": "user", "content": "What is it?"},
        {"type": "message", "role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "t1", "name": "calc__add", "arguments": '{"a": 1}'},
        {
            "type": "function_call",
            "call_id": "t2",
            "name": "calc__add",
            "arguments": '{"not_valid_json":"{\\"a\\":"}',
        },
        {"type": "function_call_output", "call_id": "t1", "output": "4"},
        {"type": "function_call_output", "call_id": "t2", "output": "The call failed: None."},
        {"type": "message", "role": "system", "content": "One more."},
        {"type": "message", "role": "user", "content": "Go on."},
    ]
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert [tool["strict"] for tool in body["tools"]] == [False, False]
    assert body.keys() == {"model", "store", "include", "instructions", "input", "tools"}
    assert faults(body) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"parallel": False}, {"parallel_tool_calls": False}),
        ({"max_output_tokens": 99}, {"max_output_tokens": 99}),
        ({"max_output_tokens": 3}, {"max_output_tokens": LEAST_OUTPUT}),
        (
            {"extra": {"store": True, "reasoning": {"effort": "low"}}},
            {"store": True, "reasoning": {"effort": "low"}},
        ),
        ({"extra": {"include": None}}, {"include": None}),
        ({"stream": True}, {"stream": True}),
    ],
)
def test_settings_stand_in_the_body(given: Json, expected: Json) -> None:
    body = sent(*ROUND, tools=(ADD,), **given)
    assert {name: body[name] for name in expected} == expected


def test_strict_schemas_are_said_to_be_so() -> None:
    (tool,) = sent(*ROUND, tools=(ADD,), strict=True)["tools"]
    assert tool["strict"] is True
    assert tool["parameters"]["additionalProperties"] is False


def test_the_key_goes_into_a_header() -> None:
    assert wire().headers("abc") == {"authorization": "Bearer abc"}
    assert wire().headers("") == {}


def test_where_no_more_calls_are_wanted_the_tools_stay_for_the_prompt_cache() -> None:
    before = sent(*ROUND, tools=(LOOK_UP, ADD))
    last = sent(*ROUND, Message("user", "Answer now."), before=(LOOK_UP, ADD))
    assert last["tools"] == before["tools"]
    assert last["tool_choice"] == "none"
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & sent(*ROUND, parallel=False).keys()
    assert faults(last) == []


def test_ids_that_are_too_long_are_made_to_fit_and_still_belong_together() -> None:
    odd = "x" * 90
    said = (
        Message("user", "a"),
        Message("assistant", "", (ToolUse(odd, "t", "{}"),)),
        Message("tool", "r", (), odd),
    )
    items = sent(*said)["input"]
    assert items[1]["call_id"] == items[2]["call_id"]
    assert len(items[1]["call_id"]) <= 64


def test_a_reply_goes_back_as_it_was_written_to_its_own_source_only() -> None:
    native = '[{"type": "reasoning",  "id": "é", "summary": [], "encrypted_content": "s"}]'
    said = (
        Message("user", "a"),
        Message("assistant", "b", native=Native(HERE, native)),
        Message("user", "c"),
    )
    assert native[1:-1].encode() in wire().encode(ModelRequest(said), stream=False)
    assert sent(*said, source=ELSEWHERE)["input"][1] == {
        "type": "message",
        "role": "assistant",
        "content": "b",
    }


@settings(deadline=None)  # the official types are imported
@given(conversations([NATIVE, Native(ELSEWHERE, "[]")]), st.booleans())
def test_every_conversation_is_one_that_the_service_takes(messages: tuple[Message, ...], tools: bool) -> None:
    assert faults(sent(*messages, tools=(ADD, LOOK_UP) if tools else ())) == []


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


# --- what is read -----------------------------------------------------------------------------------------

COUNTS = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 150,
}


def reader(
    on_piece: OnPiece | None = None, tools: tuple[ModelTool, ...] = (), **given: Any
) -> ResponsesReader:
    made = wire(**given).reader(ModelRequest((Message("user", "a"),), tools), on_piece)
    return cast(ResponsesReader, made)


def response(output: list[Json], **also: Any) -> Json:
    return {
        "id": "resp_1",
        "model": "some-model-1",
        "status": "completed",
        "output": output,
        "usage": COUNTS,
        **also,
    }


def whole(output: list[Json], on_piece: OnPiece | None = None, **also: Any) -> ModelReply:
    made = reader(on_piece)
    made.whole(json.dumps(response(output, **also)).encode())
    assert made.finished
    return made.reply()


def began(index: int, item: Json) -> Json:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: Json) -> Json:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(index: int, kind: str, text: Any, **given: Any) -> Json:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": text, **given}


def ended(output: list[Json], kind: str = "completed", **also: Any) -> Json:
    return {"type": f"response.{kind}", "response": response(output, status=kind, **also)}


def streamed(
    output: list[Json], cut: Callable[[str], list[str]] = lambda text: [text], *, repeated: bool = True
) -> list[Json]:
    """`repeated`: the last event holds all items once more, as OpenAI's does."""
    events: list[Json] = [{"type": "response.created", "response": response([], status="in_progress")}]
    for index, item in enumerate(output):
        match item["type"]:
            case "message":
                events.append(began(index, {**item, "content": []}))
                for part in item["content"]:
                    kind = "refusal" if "refusal" in part else "output_text"
                    text = part["refusal"] if "refusal" in part else part["text"]
                    events += [delta(index, kind, piece) for piece in cut(text)]
            case "reasoning":
                events.append(began(index, {**item, "summary": [], "encrypted_content": "half"}))
                for place, part in enumerate(item["summary"]):
                    for piece in cut(part["text"]):
                        events.append(delta(index, "reasoning_summary_text", piece, summary_index=place))
            case "function_call":
                events.append(began(index, {**item, "arguments": ""}))
                events += [delta(index, "function_call_arguments", piece) for piece in cut(item["arguments"])]
            case _:
                events.append(began(index, item))
        events += [done(index, item), {"type": "response.news", "output_index": "odd"}]
    return [*events, ended(output if repeated else [])]


def test_a_reply_with_reasoning_is_kept_whole_and_in_order() -> None:
    reply = whole(OUTPUT)
    assert reply.text == "I look."
    assert reply.reasoning == "Hm.\n\nAnd?"
    assert reply.tool_uses == (ToolUse("call_1", ADD.name, '{"a": 1}'), ToolUse("call_2", LOOK_UP.name, "{}"))
    assert (reply.stop, reply.response_id, reply.model) == ("tool_use", "resp_1", "some-model-1")
    assert reply.usage == Usage(100, 50, 60, 20, 30)
    assert reply.native is not None
    assert reply.native.source == HERE
    assert json.loads(reply.native.items) == OUTPUT
    results = tuple(Message("tool", "r", (), use.id) for use in reply.tool_uses)
    said = (
        Message("user", "a"),
        Message("assistant", reply.text, reply.tool_uses, native=reply.native),
        *results,
    )
    assert sent(*said, tools=(ADD,))["input"][1:-2] == OUTPUT


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ([saying("Yes."), call()], False),
        ([], False),
        ([saying("Yes.", phase="commentary")], True),  # a neutral message has no phases
        ([{"type": "compaction", "id": "c", "content": 7}, saying("Yes.")], True),
        ([thought(encrypted_content=None), call()], False),  # only named, and the endpoint keeps nothing
        ([thought(encrypted_content=None, content=[{"type": "reasoning_text", "text": "Hm."}])], True),
        ([thought(status="incomplete")], False),
        ([thought(), call(call_id="")], False),  # an id is made, which the items do not have
    ],
)
def test_items_are_kept_where_they_hold_more_than_a_neutral_message_does(
    output: list[Json], kept: bool
) -> None:
    native = whole(output).native
    assert (native is not None) == kept
    assert native is None or json.loads(native.items) == output


TEXTS = st.text(max_size=8)
ITEMS: st.SearchStrategy[Json] = st.one_of(
    st.builds(saying, TEXTS),
    st.builds(thought, TEXTS, TEXTS),
    st.builds(call, arguments=TEXTS),
    st.builds(refusing, TEXTS),
    st.just({"type": "program", "content": 7}),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ITEMS, max_size=5), st.booleans(), st.data())
def test_however_it_is_cut_a_streamed_reply_is_the_whole_one(
    output: list[Json], repeated: bool, data: st.DataObject
) -> None:
    pieces: list[Piece] = []
    streaming = reader(pieces.append)
    assert fed(streaming, streamed(output, lambda text: data.draw(fragments(text)), repeated=repeated))
    found = streaming.reply()
    assert found == whole(output)
    assert spoken(pieces, "text") == found.text
    assert spoken(pieces, "reasoning") == found.reasoning
    assert [piece.text for piece in pieces if piece.kind == "call"] == [use.name for use in found.tool_uses]


@pytest.mark.parametrize("events", [[ended(OUTPUT)], [done(0, OUTPUT[0]), done(1, OUTPUT[1]), ended(OUTPUT)]])
def test_what_comes_without_deltas_is_told_too(events: list[Json]) -> None:
    pieces: list[Piece] = []
    streaming = reader(pieces.append)
    assert fed(streaming, events)
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("reasoning", "Hm."),
        ("reasoning", "\n\n"),
        ("reasoning", "And?"),
        ("text", "I look."),
        ("call", ADD.name),
        ("call", LOOK_UP.name),
    ]


def test_a_stream_whose_items_have_no_numbers_is_read_all_the_same() -> None:
    """As llama.cpp's: some events name an item, and all items end together."""
    events = [
        {name: value for name, value in event.items() if name != "output_index"} for event in streamed(OUTPUT)
    ]
    ends = [event for event in events if event["type"].endswith("done")]
    pieces: list[Piece] = []
    streaming = reader(pieces.append)
    assert fed(streaming, [event for event in events[:-1] if event not in ends] + ends + events[-1:])
    assert streaming.reply() == whole(OUTPUT)
    assert (spoken(pieces, "text"), spoken(pieces, "reasoning")) == ("I look.", "Hm.\n\nAnd?")


@pytest.mark.parametrize(
    ("output", "also", "expected"),
    [
        ([saying("a")], {}, "final"),
        ([saying("a")], {"status": None}, "final"),
        ([call()], {}, "tool_use"),
        ([call()], {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        (
            [saying("a")],
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
        ([saying("a")], {"status": "incomplete"}, "length"),
        ([refusing("No.")], {}, "refusal"),
    ],
)
def test_why_it_stopped(output: list[Json], also: Json, expected: str) -> None:
    assert whole(output, **also).stop == expected
    streaming = reader()
    kind = "response.incomplete" if also.get("status") else "response.completed"
    assert fed(streaming, [{"type": kind, "response": response(output, **also)}])
    assert streaming.reply().stop == expected


def test_an_end_of_the_stream_is_no_end_of_the_reply() -> None:
    cut_off = reader()
    fed(cut_off, streamed(OUTPUT)[:-1])
    assert not cut_off.event("", b"[DONE]")
    assert not cut_off.finished


def test_broken_arguments_come_back_so_that_they_can_be_sent_again() -> None:
    reply = whole([thought(), call(arguments='{"a": ')], status="incomplete")
    assert reply.tool_uses[0].arguments_json == '{"a":'
    assert reply.native is not None
    sent_back = json.loads(reply.native.items)[1]["arguments"]
    assert json.loads(sent_back) == {"not_valid_json": '{"a": '}


def test_calls_have_ids_of_their_own() -> None:
    reply = whole([call(), call(), call(call_id="x" * 65)])
    assert [use.id for use in reply.tool_uses] == ["call_1", "call_1_1", "call_1_2"]


def test_arguments_of_a_strict_tool_are_what_the_tool_wants() -> None:
    made = reader(tools=(LOOK_UP,), strict=True)
    made.whole(json.dumps(response([call(LOOK_UP.name, arguments='{"q": null}')])).encode())
    assert made.reply().tool_uses[0].arguments_json == "{}"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down"}, Overloaded),
        ({"type": "error", "error": {"code": "server_error", "message": "Internal"}}, Unavailable),
        ({"error": {"code": "rate_limit_exceeded", "message": "Slow down"}}, Overloaded),
        (ended([], "failed", error={"code": "server_error", "message": "Internal"}), Unavailable),
        (ended([], "failed", error={"code": "rate_limit_exceeded", "message": "Slow down"}), Overloaded),
        (ended([], "failed", error={"code": "invalid_prompt", "message": "No"}), InvalidRequest),
        (ended([], "failed", error={"code": "bio_policy", "message": "No"}), InvalidRequest),
        (ended([], "failed"), Unavailable),
    ],
)
def test_a_failure_inside_a_reply_is_the_endpoints_own(event: Json, expected: type[Exception]) -> None:
    endpoint = Endpoint(
        "desk", "https://desk.example/v1", "m", path="/responses", key_setting="K", secrets=[]
    )
    with pytest.raises(Reported) as caught:
        fed(reader(), [event])
    assert isinstance(endpoint.reported(caught.value.error), expected)
    if error := event.get("response", {}).get("error"):
        with pytest.raises(Reported):
            whole([], status="failed", error=error)


TEXT = began(0, saying("", content=[]))


@pytest.mark.parametrize(
    "events",
    [
        [TEXT, TEXT, done(0, saying("a")), done(0, saying("a")), ended([])],
        [TEXT, delta(0, "output_text", None)],
        [TEXT, delta(-1, "output_text", "a")],
        [TEXT, delta(MAX_ITEMS, "output_text", "a")],
        [delta(0, "output_text", "a"), ended([])],  # of which nothing is left
        [began(0, call()), ended([])],  # which never ended
        [ended([]), ended([])],
        [TEXT] * (MAX_ITEMS + 1),
        [began(0, {"type": "message", "content": 7})],
        [ended([call(name="")])],
        [ended([call(name="", arguments={})])],
        [ended([], usage={"input_tokens": -1})],
        [ended([], usage={"input_tokens": 2**80})],
        [{"type": "response.completed"}],
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
        b'{"output": 7}',
        b'{"output": [7]}',
        b'{"output": [], "status": "in_progress"}',
        b'{"output": [{"type": "message", "content": "\xff"}]}',
        b'{"output": [{"type": "unknown", "text": "\xff"}]}',
        b'{"output": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
        b'{"output": [' + b",".join([b"{}"] * (MAX_ITEMS + 1)) + b"]}",
    ],
)
def test_a_whole_reply_that_is_none_is_malformed(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        reader().whole(raw)
    assert not reader().finished


SKELETONS: list[Json] = [
    *streamed(OUTPUT),
    *streamed(OUTPUT, repeated=False)[-1:],
    {"type": "error", "message": "a"},
    ended(OUTPUT, "incomplete"),
    began(1, {"type": "news"}),
]
FIELDS = ["type", "output_index", "delta", "item", "response", "error", "arguments"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(SKELETONS), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=1)),
        max_size=12,
    )
)
def test_no_sequence_of_events_raises_anything_else(events: list[tuple[Json, Json]]) -> None:
    made = reader(lambda piece: None)
    try:
        fed(made, [{**event, **changed} for event, changed in events])
        reply = made.reply()
    except ValueError:  # Reported is one
        return
    assert reply.native is None or isinstance(json.loads(reply.native.items), list)
