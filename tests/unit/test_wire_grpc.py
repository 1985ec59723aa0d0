"""Messages of `toolward.v1` say everything that `toolward.types` says, and nothing that cannot be read passes."""

from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.errors import (
    ConfigurationError,
    Denied,
    InvalidArguments,
    InvalidRequest,
    InvalidResult,
    Violation,
)
from toolward.types import (
    EVERY_RUN,
    Agent,
    Answer,
    AudioContent,
    CallContext,
    Deferred,
    EmbeddedResource,
    GivenInput,
    ImageContent,
    InputRequest,
    InputRequired,
    LogEntry,
    LogLevel,
    Progress,
    RequestKind,
    RequestState,
    ResourceBody,
    ResourceLink,
    Run,
    RunEvent,
    RunFilter,
    RunPage,
    RunState,
    TextContent,
    TextDelta,
    Tool,
    ToolCall,
    ToolPage,
    ToolResult,
)
from toolward.v1 import agents_pb2, common_pb2, tools_pb2
from toolward.wire import grpc_agents, grpc_metadata, grpc_tools
from toolward.wire import grpc_run_requests as asked_of
from toolward.wire.grpc_errors import from_status
from toolward.wire.grpc_rpc import Rpc, json_text

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
named = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
optional = st.none() | named  # an empty optional text and an absent one are the same on this wire
numbers = (
    st.integers()
    | st.integers(min_value=2**63, max_value=10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=3)
hints = st.none() | objects
times = st.integers(0, 2**53)
small = st.integers(0, 2**31 - 1)

contents = st.one_of(
    st.builds(TextContent, texts, hints),
    st.builds(ImageContent, st.binary(max_size=20), texts, hints),
    st.builds(AudioContent, st.binary(max_size=20), texts, hints),
    st.builds(ResourceLink, texts, texts, optional, optional, optional, hints),
    st.builds(EmbeddedResource, st.builds(ResourceBody, texts, optional, text=texts), hints),
    st.builds(EmbeddedResource, st.builds(ResourceBody, texts, optional, blob=st.binary(max_size=20)), hints),
)
results = st.builds(
    ToolResult,
    content=st.lists(contents, max_size=3).map(tuple),
    structured_json=st.none() | values.map(lambda value: json_text(value).encode()),
    is_error=st.booleans(),
)
requests = st.builds(
    InputRequest,
    id=texts,
    kind=st.sampled_from(RequestKind),
    state=st.sampled_from(RequestState),
    prompt=texts,
    run_id=texts,
    detail=objects,
    approvers=st.lists(texts, max_size=3).map(tuple),
    created_at=times,
    expires_at=times,
    choices=st.lists(texts, max_size=3).map(tuple),
)
required = st.builds(InputRequired, st.lists(requests, min_size=1, max_size=3).map(tuple), state=texts)
said = (
    st.builds(Answer, approve=st.booleans(), reason=texts)
    | st.builds(Answer, text=texts, reason=texts)
    | st.builds(Answer, choice=named, text=st.none() | texts, reason=texts)
)
handed_back = st.builds(GivenInput, st.dictionaries(texts, said, max_size=2), texts)
outcomes = results | required | st.builds(Deferred, texts)
progress = st.builds(
    Progress,
    st.floats(allow_nan=False),
    st.none() | st.floats(allow_nan=False).filter(bool),
    optional,
)
entries = st.builds(LogEntry, st.sampled_from(get_args(LogLevel)), texts, objects)
tools = st.builds(
    Tool,
    name=texts,
    description=texts,
    input_schema=objects,
    output_schema=hints,
    title=optional,
    annotations=hints,
)
calls = st.builds(
    ToolCall,
    name=texts,
    arguments_json=objects.map(lambda value: json_text(value).encode()),
    call_id=texts,
    idempotency_key=texts,
    given=st.none() | handed_back,
)
runs = st.builds(
    Run,
    id=texts,
    agent=texts,
    owner=texts,
    state=st.sampled_from(RunState),
    input=texts,
    answer=texts,
    error_code=texts,
    error_message=texts,
    turns=small,
    calls=small,
    input_tokens=times,
    output_tokens=times,
    created_at=times,
    updated_at=times,
    last_seq=times,
    parent=texts,
)
filters = st.builds(
    RunFilter,
    agent=texts,
    owner=texts,
    state=st.none() | st.sampled_from(RunState),
    tool=texts,
    since=times,
    until=times,
    min_tokens=times,
)
events = st.builds(RunEvent, run_id=texts, seq=times, type=texts, at=times, data=objects)
deltas = st.builds(
    TextDelta, turn=small, offset=times, text=texts, kind=st.sampled_from(["text", "reasoning", "call"])
)
answers = said | st.builds(
    Answer, approve=st.booleans(), arguments_json=objects.map(lambda value: json_text(value).encode())
)

ASKED: list[tuple[Rpc[Any, Any], st.SearchStrategy[Any]]] = [
    (grpc_tools.LIST_TOOLS, optional),
    (grpc_tools.CALL_TOOL, calls),
    (grpc_tools.CALL_TOOL_STREAM, calls),
    (grpc_tools.WATCH_TOOLS, st.none()),
    (grpc_agents.LIST_AGENTS, st.none()),
    (grpc_agents.START_RUN, st.builds(asked_of.StartRun, texts, texts, texts)),
    (grpc_agents.WATCH_RUN, st.builds(asked_of.WatchRun, texts, times, st.booleans())),
    (grpc_agents.GET_RUN, texts),
    (grpc_agents.LIST_RUNS, st.builds(asked_of.ListRuns, st.integers(1, 200), optional, filters)),
    (grpc_agents.CANCEL_RUN, texts),
    (grpc_agents.PAUSE_RUN, texts),
    (grpc_agents.RESUME_RUN, texts),
    (grpc_agents.RETRY_RUN, st.builds(asked_of.RetryRun, texts, times, texts)),
    (grpc_agents.SEND_MESSAGE, st.builds(asked_of.SendMessage, texts, texts, texts)),
    (grpc_agents.RATE_RUN, st.builds(asked_of.RateRun, texts, st.floats(-1, 1), texts)),
    (grpc_agents.TAKE_INPUT_REQUEST, texts),
    (grpc_agents.LIST_INPUT_REQUESTS, optional),
    (grpc_agents.GET_INPUT_REQUEST, texts),
    (grpc_agents.WITHDRAW_INPUT_REQUEST, texts),
    (grpc_agents.ANSWER_INPUT_REQUEST, st.builds(asked_of.AnswerRequest, texts, answers)),
]
ANSWERED: list[tuple[Rpc[Any, Any], st.SearchStrategy[Any]]] = [
    (grpc_tools.LIST_TOOLS, st.builds(ToolPage, st.lists(tools, max_size=3).map(tuple), optional)),
    (grpc_tools.CALL_TOOL, outcomes),
    (grpc_tools.CALL_TOOL_STREAM, outcomes | progress | entries),
    (grpc_tools.WATCH_TOOLS, st.none()),
    (
        grpc_agents.LIST_AGENTS,
        st.lists(st.builds(Agent, texts, texts, texts, texts), max_size=3).map(tuple),
    ),
    (grpc_agents.START_RUN, runs),
    (grpc_agents.WATCH_RUN, events | deltas),
    (grpc_agents.GET_RUN, runs),
    (grpc_agents.LIST_RUNS, st.builds(RunPage, st.lists(runs, max_size=3).map(tuple), optional)),
    (grpc_agents.CANCEL_RUN, runs),
    (grpc_agents.RETRY_RUN, runs),
    (grpc_agents.LIST_INPUT_REQUESTS, st.lists(requests, max_size=3).map(tuple)),
    (grpc_agents.ANSWER_INPUT_REQUEST, requests),
    (grpc_agents.TAKE_INPUT_REQUEST, requests),
]


def _by_method(case: Any) -> str:
    return case.method if isinstance(case, Rpc) else ""


@pytest.mark.parametrize(("rpc", "asked"), ASKED, ids=_by_method)
@given(data=st.data())
def test_every_request_arrives_as_it_was_asked(
    rpc: Rpc[Any, Any], asked: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(asked)
    assert rpc.decode_request(rpc.encode_request(value)) == value


@pytest.mark.parametrize(("rpc", "answered"), ANSWERED, ids=_by_method)
@given(data=st.data())
def test_every_answer_arrives_as_it_was_given(
    rpc: Rpc[Any, Any], answered: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(answered)
    assert rpc.decode_response(rpc.encode_response(value)) == value


@pytest.mark.parametrize(("rpc", "_asked"), ASKED, ids=_by_method)
@given(raw=st.binary(max_size=60))
def test_junk_is_read_or_refused_in_our_own_words(rpc: Rpc[Any, Any], _asked: Any, raw: bytes) -> None:
    for decode, refusal in ((rpc.decode_request, InvalidRequest), (rpc.decode_response, InvalidResult)):
        with suppress(refusal):  # anything else fails the test
            decode(raw)


def test_arguments_that_are_left_out_are_an_empty_object() -> None:
    assert grpc_tools.CALL_TOOL.decode_request(b"").arguments == {}


def test_text_that_is_not_unicode_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidRequest, match="cannot be sent as a CallTool request"):
        grpc_tools.CALL_TOOL.encode_request(ToolCall("t", b'{"a": "\xff"}'))


def test_a_result_is_not_trusted_because_its_sender_says_so() -> None:
    sent = ToolResult((TextContent("x"),), trust="trusted")
    received = grpc_tools.CALL_TOOL.decode_response(grpc_tools.CALL_TOOL.encode_response(sent))
    assert isinstance(received, ToolResult)
    assert received.trust == "untrusted"


@pytest.mark.parametrize(
    "body", [ResourceBody("u"), ResourceBody("u", text="a", blob=b"b")], ids=["none", "two"]
)
def test_a_resource_has_one_body(body: ResourceBody) -> None:
    with pytest.raises(InvalidResult, match="text or a blob"):
        grpc_tools.CALL_TOOL.encode_response(ToolResult((EmbeddedResource(body),)))


def _result(**fields: Any) -> tools_pb2.CallToolResponse:
    return tools_pb2.CallToolResponse(result=tools_pb2.ToolResult(**fields))


@pytest.mark.parametrize(
    ("rpc", "message", "said"),
    [
        (grpc_tools.CALL_TOOL, tools_pb2.CallToolResponse(), "no outcome"),
        (grpc_tools.CALL_TOOL_STREAM, tools_pb2.CallToolStreamResponse(), "no event"),
        (grpc_tools.CALL_TOOL, _result(structured_content_json="{"), "structured content is not valid JSON"),
        (grpc_tools.CALL_TOOL, _result(structured_content_json="[" * 9000), "nested more than 64"),
        (grpc_tools.CALL_TOOL, _result(content=[common_pb2.Content()]), "no kind"),
        (
            grpc_tools.CALL_TOOL,
            _result(content=[common_pb2.Content(resource=common_pb2.EmbeddedResource(uri="u"))]),
            "neither text nor blob",
        ),
        (
            grpc_tools.CALL_TOOL,
            tools_pb2.CallToolResponse(input_required=tools_pb2.InputRequired()),
            "names no request",
        ),
        (
            grpc_tools.CALL_TOOL,
            tools_pb2.CallToolResponse(
                input_required=tools_pb2.InputRequired(requests=[common_pb2.InputRequest(id="r")])
            ),
            "'r' has 0 for its kind",
        ),
        (
            grpc_tools.LIST_TOOLS,
            tools_pb2.ListToolsResponse(tools=[tools_pb2.Tool(name="t")]),
            "input schema of 't' is not valid JSON",
        ),
        (
            grpc_tools.LIST_TOOLS,
            tools_pb2.ListToolsResponse(tools=[tools_pb2.Tool(name="t", input_schema_json="[]")]),
            "input schema of 't' is not a JSON object",
        ),
        (grpc_agents.GET_RUN, agents_pb2.GetRunResponse(), "no run"),
        (grpc_agents.GET_RUN, agents_pb2.GetRunResponse(run=agents_pb2.Run(id="r")), "0 for its state"),
        (grpc_agents.WATCH_RUN, agents_pb2.WatchRunResponse(), "no event"),
        (grpc_agents.ANSWER_INPUT_REQUEST, agents_pb2.AnswerInputRequestResponse(), "no input request"),
    ],
)
def test_an_answer_that_says_nothing_is_an_invalid_result(
    rpc: Rpc[Any, Any], message: Any, said: str
) -> None:
    with pytest.raises(InvalidResult, match=said):
        rpc.decode_response(message.SerializeToString())


@pytest.mark.parametrize(
    ("rpc", "message", "said"),
    [
        (grpc_agents.LIST_RUNS, agents_pb2.ListRunsRequest(page_size=201), "page of 201 runs"),
        (grpc_agents.LIST_RUNS, agents_pb2.ListRunsRequest(page_size=-1), "page of -1 runs"),
        (grpc_agents.LIST_RUNS, agents_pb2.ListRunsRequest(since_ms=-1), "since_ms is -1"),
        (grpc_agents.LIST_RUNS, agents_pb2.ListRunsRequest(min_tokens=-1), "min_tokens is -1"),
        (grpc_agents.WATCH_RUN, agents_pb2.WatchRunRequest(after_seq=-1), "after_seq is -1"),
        (grpc_agents.RETRY_RUN, agents_pb2.RetryRunRequest(after_seq=-1), "after_seq is -1"),
        (grpc_agents.RATE_RUN, agents_pb2.RateRunRequest(score=1.01), "1.01 is no rating"),
        (grpc_agents.RATE_RUN, agents_pb2.RateRunRequest(score=float("nan")), "nan is no rating"),
        (
            grpc_agents.ANSWER_INPUT_REQUEST,
            agents_pb2.AnswerInputRequestRequest(approve=True, choice="x"),
            "no answer",
        ),
        (grpc_agents.ANSWER_INPUT_REQUEST, agents_pb2.AnswerInputRequestRequest(), "no answer"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(rpc: Rpc[Any, Any], message: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        rpc.decode_request(message.SerializeToString())


def test_a_state_of_a_later_version_is_refused_by_its_number() -> None:
    later = agents_pb2.GetRunResponse(run=agents_pb2.Run(id="r", state=99))  # pyright: ignore[reportArgumentType] -- a number that this version does not know
    with pytest.raises(InvalidResult, match="99 for its state"):
        grpc_agents.GET_RUN.decode_response(later.SerializeToString())


def test_a_page_size_of_nothing_is_the_default() -> None:
    assert grpc_agents.LIST_RUNS.decode_request(b"") == asked_of.ListRuns(50, None, EVERY_RUN)


@pytest.mark.parametrize(
    "answer",
    [Answer(), Answer(approve=True, text="yes"), Answer(approve=False, choice="yes")],
    ids=["none", "two", "approve and choice"],
)
def test_an_answer_is_one_of_three(answer: Answer) -> None:
    with pytest.raises(InvalidRequest, match="one of them"):
        grpc_agents.ANSWER_INPUT_REQUEST.encode_request(asked_of.AnswerRequest("r", answer))


# --- metadata ------------------------------------------------------------------------------------------

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_trace_and_the_hops_travel_beside_the_message() -> None:
    context = CallContext(traceparent=TRACE, hops=3)
    headers = grpc_metadata.to_headers(grpc_metadata.from_context(context))
    assert grpc_metadata.to_context(headers) == context


@pytest.mark.parametrize("trace", ["\n", "nonsense", TRACE + "x"])
def test_a_trace_that_is_none_is_left_out(trace: str) -> None:
    assert grpc_metadata.from_context(CallContext(traceparent=trace)) == ()
    assert grpc_metadata.to_context({"traceparent": trace}) == CallContext()


@pytest.mark.parametrize("hops", ["", "-1", "1e3", "99999", "٣"])
def test_hops_that_are_no_number_are_refused(hops: str) -> None:
    with pytest.raises(InvalidRequest, match="toolward-hops"):
        grpc_metadata.to_context({"toolward-hops": hops})


def test_a_token_that_was_sent_twice_is_no_token_that_is_known() -> None:
    headers = grpc_metadata.to_headers([("Authorization", "Bearer a"), ("authorization", "Bearer b")])
    assert headers == {"authorization": "Bearer a, Bearer b"}


@pytest.mark.parametrize("token", ["a\n", "a b", "é"])
def test_a_token_that_no_header_can_hold_is_refused_early(token: str) -> None:
    with pytest.raises(ConfigurationError, match="token") as caught:
        grpc_metadata.authorization(token)
    assert token not in caught.value.text


def test_a_long_error_keeps_its_code_and_as_much_as_fits() -> None:
    violations = [Violation(f"/field{n}", "😀" * 100) for n in range(20)]
    error = InvalidArguments("é" * 5000, hint="h" * 5000, violations=violations, rule="r")
    status = grpc_metadata.fitting_status(error)
    found = from_status(status)
    assert isinstance(found, InvalidArguments)
    assert found.message.startswith("é" * 500)
    assert found.message.endswith("…")
    assert found.rule == "r"
    assert found.violations
    assert len(status.SerializeToString()) < grpc_metadata.MAX_STATUS


def test_an_error_with_half_a_character_is_still_told() -> None:
    found = from_status(grpc_metadata.fitting_status(Denied("no \ud83d", hint="stop")))
    assert isinstance(found, Denied)
    assert found.text == "no ? stop"


def test_details_that_cannot_be_read_are_as_good_as_none() -> None:
    assert grpc_metadata.status_in([("grpc-status-details-bin", b"\xff")]) is None
