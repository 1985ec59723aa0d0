"""What a backend that is a gateway itself can answer, and no tool server: that somebody must be asked there."""

from toolward.errors import ApprovalRequired, InvalidResult
from toolward.types import InputRequired, Outcome, ToolResult
from toolward.wire.outcome import approval_required


def result_of(outcome: Outcome, backend: str) -> ToolResult:
    """Raises ApprovalRequired, and InvalidResult for a run that was started there."""
    if isinstance(outcome, ToolResult):
        return outcome
    if isinstance(outcome, InputRequired):
        raise approval_required(outcome)
    raise InvalidResult(f"{backend} started a run of its own ({outcome.run_id}), which cannot be followed.")


def waits_at(backend: str, error: ApprovalRequired) -> ApprovalRequired:
    """The same, for a caller of ours: our inbox does not have it."""
    which = f"answer {error.request_id} there" if error.request_id else "it is answered there"
    told = ApprovalRequired(
        error.message,
        hint=f"It waits at the backend {backend}, not here: {which}. {error.hint}".rstrip(),
        rule=error.rule,
        request_id=error.request_id,
    )
    told.answered = True
    return told
