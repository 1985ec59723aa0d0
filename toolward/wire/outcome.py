"""Outcomes that a wire without a better word for them must say as a result or an error."""

import msgspec

from toolward.errors import ApprovalRequired
from toolward.types import Deferred, InputRequired, Outcome, TextContent, ToolResult


def as_result(outcome: Outcome) -> ToolResult:
    """Raises ApprovalRequired where people must answer first."""
    if isinstance(outcome, ToolResult):
        return outcome
    if isinstance(outcome, Deferred):
        said = msgspec.json.encode({"run_id": outcome.run_id})
        return ToolResult((TextContent(f"The run {outcome.run_id} was started and will have it."),), said)
    raise approval_required(outcome)


def approval_required(outcome: InputRequired) -> ApprovalRequired:
    request = outcome.requests[0]
    people = " or ".join(request.approvers) or "a person"
    return ApprovalRequired(
        f"{request.prompt} This waits for approval ({request.id}).",
        hint=f"Ask {people} to answer it, then make the same call again.",
        request_id=request.id,
    )
