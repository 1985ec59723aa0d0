"""`toolward.v1.ToolService`: its methods, and its messages as `toolward.types`."""

from typing import cast, get_args

from toolward.types import (
    EMPTY_OBJECT,
    Deferred,
    GivenInput,
    InputRequired,
    LogEntry,
    LogLevel,
    Outcome,
    Progress,
    Tool,
    ToolCall,
    ToolPage,
    ToolResult,
)
from toolward.v1 import tools_pb2 as pb
from toolward.wire.grpc_common import (
    from_content,
    from_input_request,
    read_answer,
    to_content,
    to_input_request,
    write_answer,
)
from toolward.wire.grpc_rpc import (
    Malformed,
    Rpc,
    json_text,
    optional_json,
    read_json,
    read_object,
    read_optional_object,
    rpc,
)

SERVICE = pb.DESCRIPTOR.services_by_name["ToolService"].full_name


def to_tool(tool: Tool) -> pb.Tool:
    return pb.Tool(
        name=tool.name,
        title=tool.title or "",
        description=tool.description,
        input_schema_json=json_text(tool.input_schema),
        output_schema_json=optional_json(tool.output_schema),
        annotations_json=optional_json(tool.annotations),
    )


def from_tool(found: pb.Tool) -> Tool:
    """Raises Malformed."""
    return Tool(
        name=found.name,
        description=found.description,
        input_schema=read_object(found.input_schema_json, f"the input schema of {found.name!r}"),
        output_schema=read_optional_object(found.output_schema_json, f"the output schema of {found.name!r}"),
        title=found.title or None,
        annotations=read_optional_object(found.annotations_json, f"the annotations of {found.name!r}"),
    )


def to_page(page: ToolPage) -> pb.ListToolsResponse:
    return pb.ListToolsResponse(tools=map(to_tool, page.tools), next_cursor=page.next_cursor or "")


def from_page(found: pb.ListToolsResponse) -> ToolPage:
    """Raises Malformed."""
    return ToolPage(tuple(map(from_tool, found.tools)), found.next_cursor or None)


def to_call(call: ToolCall) -> pb.CallToolRequest:
    return pb.CallToolRequest(
        name=call.name,
        arguments_json=call.arguments_json.decode(),
        call_id=call.call_id,
        idempotency_key=call.idempotency_key,
        given=None if call.given is None else _to_given(call.given),
    )


def to_stream_call(call: ToolCall) -> pb.CallToolStreamRequest:
    return pb.CallToolStreamRequest(
        name=call.name,
        arguments_json=call.arguments_json.decode(),
        call_id=call.call_id,
        idempotency_key=call.idempotency_key,
        given=None if call.given is None else _to_given(call.given),
    )


def _to_given(given: GivenInput) -> pb.GivenInput:
    """Raises InvalidRequest."""
    made = pb.GivenInput(state=given.state)
    for request_id, answer in given.answers.items():
        write_answer(made.answers.add(request_id=request_id), answer)
    return made


def _from_given(found: pb.GivenInput) -> GivenInput:
    """Raises Malformed."""
    return GivenInput({one.request_id: read_answer(one) for one in found.answers}, found.state)


def from_call(found: pb.CallToolRequest | pb.CallToolStreamRequest) -> ToolCall:
    """The arguments are checked by what is called, not here."""
    return ToolCall(
        name=found.name,
        arguments_json=found.arguments_json.encode() or EMPTY_OBJECT,
        call_id=found.call_id,
        idempotency_key=found.idempotency_key,
        given=_from_given(found.given) if found.HasField("given") else None,
    )


def to_result(result: ToolResult) -> pb.ToolResult:
    """The trust label stays here: whoever receives a result decides how far to trust it."""
    return pb.ToolResult(
        content=map(to_content, result.content),
        structured_content_json=(result.structured_json or b"").decode(),
        is_error=result.is_error,
    )


def from_result(found: pb.ToolResult) -> ToolResult:
    """Raises Malformed. The structured content is kept as the text that came."""
    text = found.structured_content_json
    if text:
        read_json(text, "the structured content")
    return ToolResult(
        content=tuple(map(from_content, found.content)),
        structured_json=text.encode() or None,
        is_error=found.is_error,
    )


def to_outcome(outcome: Outcome) -> pb.CallToolResponse:
    match outcome:
        case ToolResult():
            return pb.CallToolResponse(result=to_result(outcome))
        case InputRequired():
            return pb.CallToolResponse(input_required=_to_required(outcome))
        case Deferred():
            return pb.CallToolResponse(deferred=pb.Deferred(run_id=outcome.run_id))


def from_outcome(found: pb.CallToolResponse) -> Outcome:
    """Raises Malformed."""
    match found.WhichOneof("outcome"):
        case "result":
            return from_result(found.result)
        case "input_required":
            return _from_required(found.input_required)
        case "deferred":
            return Deferred(found.deferred.run_id)
        case None:
            raise Malformed("it has no outcome that is known here")


def to_event(event: Progress | LogEntry | Outcome) -> pb.CallToolStreamResponse:
    match event:
        case LogEntry():
            fields = json_text(event.fields) if event.fields else ""
            entry = pb.LogEntry(level=event.level, message=event.message, fields_json=fields)
            return pb.CallToolStreamResponse(log=entry)
        case Progress():
            said = pb.Progress(progress=event.progress, total=event.total or 0.0, message=event.message or "")
            return pb.CallToolStreamResponse(progress=said)
        case ToolResult():
            return pb.CallToolStreamResponse(result=to_result(event))
        case InputRequired():
            return pb.CallToolStreamResponse(input_required=_to_required(event))
        case Deferred():
            return pb.CallToolStreamResponse(deferred=pb.Deferred(run_id=event.run_id))


def from_event(found: pb.CallToolStreamResponse) -> Progress | LogEntry | Outcome:
    """Raises Malformed."""
    match found.WhichOneof("event"):
        case "progress":
            said = found.progress
            return Progress(said.progress, said.total or None, said.message or None)
        case "log":
            return _from_log(found.log)
        case "result":
            return from_result(found.result)
        case "input_required":
            return _from_required(found.input_required)
        case "deferred":
            return Deferred(found.deferred.run_id)
        case None:
            raise Malformed("it has no event that is known here")


def _from_log(found: pb.LogEntry) -> LogEntry:
    if found.level not in get_args(LogLevel):
        raise Malformed(f"it has a log entry of an unknown level, {found.level!r}")
    fields = read_optional_object(found.fields_json, "the fields of a log entry") or {}
    return LogEntry(cast(LogLevel, found.level), found.message, fields)


def _to_required(outcome: InputRequired) -> pb.InputRequired:
    return pb.InputRequired(requests=map(to_input_request, outcome.requests), state=outcome.state)


def _from_required(found: pb.InputRequired) -> InputRequired:
    if not found.requests:
        raise Malformed("it wants input and names no request for it")
    return InputRequired(tuple(map(from_input_request, found.requests)), found.state)


def _from_list_request(found: pb.ListToolsRequest) -> str | None:
    return found.cursor or None


LIST_TOOLS: Rpc[str | None, ToolPage] = rpc(
    SERVICE,
    "ListTools",
    request=pb.ListToolsRequest,
    response=pb.ListToolsResponse,
    to_request=lambda cursor: pb.ListToolsRequest(cursor=cursor or ""),
    from_request=_from_list_request,
    to_response=to_page,
    from_response=from_page,
)

CALL_TOOL: Rpc[ToolCall, Outcome] = rpc(
    SERVICE,
    "CallTool",
    request=pb.CallToolRequest,
    response=pb.CallToolResponse,
    to_request=to_call,
    from_request=from_call,
    to_response=to_outcome,
    from_response=from_outcome,
)

CALL_TOOL_STREAM: Rpc[ToolCall, Progress | LogEntry | Outcome] = rpc(
    SERVICE,
    "CallToolStream",
    request=pb.CallToolStreamRequest,
    response=pb.CallToolStreamResponse,
    to_request=to_stream_call,
    from_request=from_call,
    to_response=to_event,
    from_response=from_event,
    streams=True,
)

WATCH_TOOLS: Rpc[None, None] = rpc(
    SERVICE,
    "WatchTools",
    request=pb.WatchToolsRequest,
    response=pb.WatchToolsResponse,
    to_request=lambda _: pb.WatchToolsRequest(),
    from_request=lambda _: None,
    to_response=lambda _: pb.WatchToolsResponse(),
    from_response=lambda _: None,
    streams=True,
)
