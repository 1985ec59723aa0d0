"""Everything that can go wrong between a caller and a tool, with a stable code each.

    ToolwardError
    ├── InvalidRequest      invalid_request     the message itself cannot be read
    │   ├── InvalidArguments  invalid_arguments the arguments break the tool's schema
    │   └── TooLarge          too_large         over a bound on size or depth
    ├── Unauthenticated     unauthenticated     who calls is not proven
    ├── Denied              denied              policy says no
    ├── ApprovalRequired    approval_required   policy says ask: a person must approve first
    ├── NotFound            not_found           no such run, agent, request (or not yours to see)
    │   └── UnknownTool       unknown_tool      no such tool (or not yours to see)
    ├── Conflict            conflict            the thing is no longer in the state that this needs
    ├── OutcomeUnknown      outcome_unknown     it was begun earlier, and whether it took effect is not known
    ├── Overloaded          overloaded          a limit is reached; says when to come back
    ├── Unavailable         unavailable         a backend or model endpoint cannot be reached
    ├── DeadlineExceeded    deadline_exceeded   it took too long and was stopped
    ├── Cancelled           cancelled           the caller gave up
    ├── InvalidResult       invalid_result      a backend answered what it must not
    ├── ConfigurationError  invalid_configuration  a file of the operator's is wrong
    └── Internal            internal            our bug; the details are in our log only

A failure that a tool itself reports is none of these: it is a result with `is_error`, raised in a tool
as `ToolError`. Each door maps this tree once to its own codes (`toolward.wire.errors`).
"""

from collections.abc import Sequence

import msgspec


class Violation(msgspec.Struct, frozen=True):
    """One place where a value breaks its schema: an RFC 6901 pointer and what is wrong there."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class ToolwardError(Exception):
    """What was wrong (`message`), what to do about it (`hint`), and its stable `code`. All three are
    made for people to read and hold no secret and no stack trace."""

    code = "internal"
    # A model can act on it: in MCP it is a result with isError, not a JSON-RPC error.
    for_model = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        violations: Sequence[Violation] = (),
        rule: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.violations = tuple(violations)
        self.rule = rule  # the policy rule that decided
        self.request_id = request_id  # the input request that waits for a person
        self.retry_after = retry_after  # seconds
        self.answered = False  # whether it is what a far end said, and not what we found on the way there

    @property
    def text(self) -> str:
        """Message and hint, as every door shows them."""
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidRequest(ToolwardError):
    code = "invalid_request"


class InvalidArguments(InvalidRequest):
    code = "invalid_arguments"
    for_model = True


class TooLarge(InvalidRequest):
    code = "too_large"
    for_model = True


class Unauthenticated(ToolwardError):
    code = "unauthenticated"


class Denied(ToolwardError):
    code = "denied"
    for_model = True


class ApprovalRequired(ToolwardError):
    code = "approval_required"
    for_model = True


class NotFound(ToolwardError):
    code = "not_found"


class UnknownTool(NotFound):
    code = "unknown_tool"


class Conflict(ToolwardError):
    code = "conflict"


class OutcomeUnknown(ToolwardError):
    code = "outcome_unknown"
    for_model = True


class Overloaded(ToolwardError):
    code = "overloaded"
    for_model = True


class Unavailable(ToolwardError):
    code = "unavailable"
    for_model = True


class DeadlineExceeded(ToolwardError):
    code = "deadline_exceeded"
    for_model = True


class Cancelled(ToolwardError):
    code = "cancelled"


class InvalidResult(ToolwardError):
    code = "invalid_result"
    for_model = True


class ConfigurationError(ToolwardError):
    code = "invalid_configuration"


class Internal(ToolwardError):
    code = "internal"


BY_CODE: dict[str, type[ToolwardError]] = {
    kind.code: kind
    for kind in (
        InvalidRequest,
        InvalidArguments,
        TooLarge,
        Unauthenticated,
        Denied,
        ApprovalRequired,
        NotFound,
        UnknownTool,
        Conflict,
        OutcomeUnknown,
        Overloaded,
        Unavailable,
        DeadlineExceeded,
        Cancelled,
        InvalidResult,
        ConfigurationError,
        Internal,
    )
}


class ToolError(Exception):
    """A tool says that it could not do what was asked: what was wrong; what to do. The model sees it."""
