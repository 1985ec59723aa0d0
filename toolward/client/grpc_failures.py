"""What a failed RPC means: the server's own error again, or what gRPC itself found."""

import grpc
from grpc.aio import AioRpcError

from toolward.errors import DeadlineExceeded, InvalidResult, TooLarge, ToolwardError, Unavailable
from toolward.wire.grpc_errors import from_code, from_status
from toolward.wire.grpc_metadata import MAX_MESSAGE, status_in

UNREACHED = ("failed to connect", "connection refused", "resolving", "resolution", "no route", "unreachable")
"""gRPC has one code for *never reached* and for *lost on the way*; its words tell them apart."""

_TOO_LARGE_FOR_IT = "SERVER: Received message larger than max"


def to_error(error: AioRpcError, address: str, what: str, timeout: float | None) -> ToolwardError:
    """`what` names the thing asked for; `timeout` is in seconds."""
    status = status_in(error.trailing_metadata() or ())
    if status is not None and (found := from_status(status)) is not None:
        return found
    code, said = error.code(), error.details() or "no reason given"
    if code is grpc.StatusCode.UNAVAILABLE:
        return _unavailable(address, what, said)
    if (
        code is grpc.StatusCode.CANCELLED
    ):  # not by us, who would not be here then: a server that stops does it
        return _unavailable(address, what, "the server stopped")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        after = "its deadline" if timeout is None else f"{timeout:g} seconds"
        return DeadlineExceeded(
            f"{what} took longer than {after} and was stopped.",
            hint="Ask for less at once, or give it more time.",
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return InvalidResult(
            f"{address} speaks gRPC and does not know {what}.",
            hint="Check that it is a server of toolward.v1, and offers that.",
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and said.startswith(_TOO_LARGE_FOR_IT):
        return TooLarge(f"{address} takes no message as large as the request for {what}.", hint="Send less.")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in said:
        return InvalidResult(f"{address} answered {what} with more than {MAX_MESSAGE:,} bytes.")
    return from_code(code, said, address)


def _unavailable(address: str, what: str, said: str) -> Unavailable:
    lower = said.lower()
    if any(words in lower for words in UNREACHED):
        cause = said.rpartition(": ")[2].rstrip(".]")  # the last error, behind the addresses that were tried
        return Unavailable(
            f"Nothing answers at {address}: {cause}.", hint="Start the server, or correct its address."
        )
    return Unavailable(
        f"The connection to {address} was lost before {what} was answered: {said.rstrip('.')}.",
        hint="What was asked for may have been done: look before it is repeated.",
    )
