"""The error tree at each kind of door: gRPC status, HTTP problem (RFC 9457), JSON-RPC error. Both ways, so that
an error that came through a door is the same error again on the caller's side.
"""

import math
from typing import Any, NamedTuple, cast

import grpc
import msgspec
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from toolward.errors import BY_CODE, Internal, ToolwardError, Violation
from toolward.types import JsonObject

DOMAIN = "toolward"
"""ErrorInfo's domain, and the prefix of our problem types."""

META_KEY = "toolward/error"
"""Where an MCP result with isError carries the error's code and details in its `_meta`."""


class _Codes(NamedTuple):
    grpc: int
    http: int
    jsonrpc: int


# JSON-RPC: -32768..-32100 are JSON-RPC's, -32099..-32020 and a few below are MCP's; -32010..-32019 are ours.
_CODES: dict[str, _Codes] = {
    "invalid_request": _Codes(code_pb2.INVALID_ARGUMENT, 400, -32600),
    "invalid_arguments": _Codes(code_pb2.INVALID_ARGUMENT, 422, -32602),
    "too_large": _Codes(code_pb2.INVALID_ARGUMENT, 413, -32602),
    "unauthenticated": _Codes(code_pb2.UNAUTHENTICATED, 401, -32010),
    "denied": _Codes(code_pb2.PERMISSION_DENIED, 403, -32011),
    "approval_required": _Codes(code_pb2.FAILED_PRECONDITION, 409, -32012),
    "not_found": _Codes(code_pb2.NOT_FOUND, 404, -32602),
    "unknown_tool": _Codes(code_pb2.NOT_FOUND, 404, -32602),
    "conflict": _Codes(code_pb2.ABORTED, 409, -32013),
    "overloaded": _Codes(code_pb2.RESOURCE_EXHAUSTED, 429, -32014),
    "unavailable": _Codes(code_pb2.UNAVAILABLE, 503, -32015),
    "deadline_exceeded": _Codes(code_pb2.DEADLINE_EXCEEDED, 504, -32016),
    "cancelled": _Codes(code_pb2.CANCELLED, 499, -32017),
    "invalid_result": _Codes(code_pb2.UNKNOWN, 502, -32018),
    "invalid_configuration": _Codes(code_pb2.FAILED_PRECONDITION, 500, -32603),
    "internal": _Codes(code_pb2.INTERNAL, 500, -32603),
}


def details(error: ToolwardError) -> JsonObject:
    """Everything of an error but its message, as JSON: `code` always, the rest where there is any."""
    found: JsonObject = {"code": error.code}
    if error.hint:
        found["hint"] = error.hint
    if error.violations:
        found["violations"] = [msgspec.to_builtins(violation) for violation in error.violations]
    if error.rule:
        found["rule"] = error.rule
    if error.request_id:
        found["request_id"] = error.request_id
    if error.retry_after is not None:
        found["retry_after"] = error.retry_after
    return found


def from_details(message: str, found: object) -> ToolwardError | None:
    """The error that `details` described; None where `found` is nothing of ours. `message` may end in the hint."""
    if not isinstance(found, dict):
        return None
    entries = cast(dict[str, Any], found)
    kind = BY_CODE.get(str(entries.get("code", "")))
    if kind is None:
        return None
    hint = str(entries.get("hint", ""))
    listed = entries.get("violations", [])
    retry_after = entries.get("retry_after")
    try:
        violations = msgspec.convert(listed, list[Violation])
    except msgspec.ValidationError:
        violations = []
    return kind(
        message.removesuffix(hint).rstrip() if hint else message,
        hint=hint,
        violations=violations,
        rule=str(entries.get("rule", "")),
        request_id=str(entries.get("request_id", "")),
        retry_after=float(retry_after) if isinstance(retry_after, int | float) else None,
    )


# --- HTTP ----------------------------------------------------------------------------------------------


def to_problem(error: ToolwardError) -> tuple[int, JsonObject]:
    """HTTP status and the body of an `application/problem+json`."""
    status = _CODES[error.code].http
    title = error.code.replace("_", " ")
    problem = {"type": f"urn:{DOMAIN}:error:{error.code}", "title": title, "status": status}
    return status, problem | {"detail": error.text} | details(error)


def from_problem(problem: object) -> ToolwardError | None:
    """None where it is no problem of ours."""
    if not isinstance(problem, dict):
        return None
    return from_details(str(cast(dict[str, Any], problem).get("detail", "")), problem)  # pyright: ignore[reportUnknownArgumentType] -- JSON


# --- JSON-RPC ------------------------------------------------------------------------------------------


def to_jsonrpc(error: ToolwardError) -> JsonObject:
    """The `error` member of a JSON-RPC response."""
    return {"code": _CODES[error.code].jsonrpc, "message": error.text, "data": details(error)}


def from_jsonrpc(message: str, data: object) -> ToolwardError | None:
    """None where the far end is not one of ours: then the caller says what the error means to it."""
    return from_details(message, data)


# --- gRPC ----------------------------------------------------------------------------------------------


def to_status(error: ToolwardError) -> status_pb2.Status:
    """A google.rpc.Status with ErrorInfo, and BadRequest and RetryInfo where they say something."""
    info = {"hint": error.hint, "rule": error.rule, "request_id": error.request_id}
    parts: list[Any] = [
        error_details_pb2.ErrorInfo(
            reason=error.code, domain=DOMAIN, metadata={key: value for key, value in info.items() if value}
        )
    ]
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=one.pointer, description=one.message)
            for one in error.violations
        ]
        parts.append(error_details_pb2.BadRequest(field_violations=fields))
    if error.retry_after is not None:
        whole = math.floor(error.retry_after)
        delay = duration_pb2.Duration(seconds=whole, nanos=int((error.retry_after - whole) * 1e9))
        parts.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed: list[any_pb2.Any] = []
    for part in parts:
        box = any_pb2.Any()
        box.Pack(part)
        packed.append(box)
    return status_pb2.Status(code=_CODES[error.code].grpc, message=error.text, details=packed)


def from_status(status: status_pb2.Status) -> ToolwardError | None:
    """None where the status carries no ErrorInfo of ours."""
    found: JsonObject = {}
    for box in status.details:
        if box.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            box.Unpack(info)
            if info.domain == DOMAIN:
                found |= {"code": info.reason, **info.metadata}
        elif box.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest()
            box.Unpack(request)
            found["violations"] = [
                {"pointer": one.field, "message": one.description} for one in request.field_violations
            ]
        elif box.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            box.Unpack(retry)
            found["retry_after"] = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return from_details(status.message, found)


def from_grpc_code(code: grpc.StatusCode, message: str, where: str) -> ToolwardError:
    """What a status that is not ours means: from a server of somebody else's, or from gRPC itself."""
    number = cast(int, code.value[0])  # pyright: ignore[reportUnknownMemberType] -- (number, name)
    for name in ("unavailable", "deadline_exceeded", "not_found", "unauthenticated", "denied", "overloaded"):
        if _CODES[name].grpc == number:
            return BY_CODE[name](f"{where}: {message}")
    if number == code_pb2.CANCELLED:
        return BY_CODE["cancelled"](f"{where}: {message}")
    return Internal(f"{where} answered {code.name}: {message}")
