"""The error tree at each kind of door, in one table: gRPC status, HTTP problem (RFC 9457), JSON-RPC error.

Both ways, so that an error that came through a door is the same error again on the caller's side. What needs
grpc's own types is in `toolward.wire.grpc_errors`: loading grpc costs a stdio server a third of its start.
"""

from typing import Any, NamedTuple, cast

import msgspec

from toolward.errors import BY_CODE, ToolwardError, Violation
from toolward.types import JsonObject

DOMAIN = "toolward"
"""ErrorInfo's domain, and the prefix of our problem types."""

META_KEY = "toolward/error"
"""Where an MCP result with isError carries the error's code and details in its `_meta`."""


class Codes(NamedTuple):
    """gRPC status, HTTP status, JSON-RPC error code."""

    grpc: int
    http: int
    jsonrpc: int


# JSON-RPC: -32768..-32100 are JSON-RPC's, -32099..-32020 and a few below are MCP's; -32010..-32019 are ours.
CODES: dict[str, Codes] = {
    "invalid_request": Codes(3, 400, -32600),
    "invalid_arguments": Codes(3, 422, -32602),
    "too_large": Codes(3, 413, -32602),
    "unauthenticated": Codes(16, 401, -32010),
    "denied": Codes(7, 403, -32011),
    "approval_required": Codes(9, 409, -32012),
    "not_found": Codes(5, 404, -32602),
    "unknown_tool": Codes(5, 404, -32602),
    "conflict": Codes(10, 409, -32013),
    "outcome_unknown": Codes(2, 409, -32019),
    "overloaded": Codes(8, 429, -32014),
    "unavailable": Codes(14, 503, -32015),
    "deadline_exceeded": Codes(4, 504, -32016),
    "cancelled": Codes(1, 499, -32017),
    "invalid_result": Codes(2, 502, -32018),
    "invalid_configuration": Codes(9, 500, -32603),
    "internal": Codes(13, 500, -32603),
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
    error = kind(
        message.removesuffix(f" {hint}") if hint else message,
        hint=hint,
        violations=violations,
        rule=str(entries.get("rule", "")),
        request_id=str(entries.get("request_id", "")),
        retry_after=float(retry_after) if isinstance(retry_after, int | float) else None,
    )
    error.answered = True
    return error


# --- HTTP ----------------------------------------------------------------------------------------------


def to_problem(error: ToolwardError) -> tuple[int, JsonObject]:
    """HTTP status and the body of an `application/problem+json`."""
    status = CODES[error.code].http
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
    return {"code": CODES[error.code].jsonrpc, "message": error.text, "data": details(error)}


def from_jsonrpc(message: str, data: object) -> ToolwardError | None:
    """None where the far end is not one of ours: then the caller says what the error means to it."""
    return from_details(message, data)
