"""One turn's question to the first of several model endpoints that answers it."""

import logging
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from gateway.core.ports import ModelPort, ModelReply, ModelRequest, OnPiece, Piece
from toolward.errors import (
    BY_CODE,
    ConfigurationError,
    DeadlineExceeded,
    Internal,
    InvalidResult,
    Overloaded,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger(__name__)

FindEndpoint = Callable[[str], ModelPort]
"""By its name in the configuration. Raises ConfigurationError."""

PASSED_ON = (
    Unavailable,
    Overloaded,
    DeadlineExceeded,
    Unauthenticated,
    ConfigurationError,
    InvalidResult,
)
"""What says that an endpoint has no answer, and nothing of the question: another may have one."""


async def ask(
    names: Sequence[str], find: FindEndpoint, request: ModelRequest, on_piece: OnPiece | None = None
) -> ModelReply:
    """The reply of the first endpoint that has one, with its name and those that were passed over.

    Raises what the last one failed with, naming all of them, or at once what asking another would not mend
    (InvalidRequest, TooLarge, ContextExceeded); Internal where an adapter breaks.
    """
    passed_over: list[str] = []
    for name in names[:-1]:
        try:
            return _told(await _ask(name, find, request, on_piece), name, passed_over)
        except PASSED_ON as error:
            log.warning("the model endpoint %s is passed over: %s", name, error.text)
            passed_over.append(f"{name}: {error.code}")
        if on_piece is not None:
            on_piece(Piece("again"))
    name = names[-1]
    try:
        return _told(await _ask(name, find, request, on_piece), name, passed_over)
    except PASSED_ON as error:
        if not passed_over:
            raise
        raise _of_all(error, [*passed_over, f"{name}: {error.code}"]) from error


async def _ask(name: str, find: FindEndpoint, request: ModelRequest, on_piece: OnPiece | None) -> ModelReply:
    try:
        return await find(name).reply(request, on_piece)
    except ToolwardError:
        raise
    except Exception:  # a bug in an adapter must not end the gateway's work
        log.exception("the adapter of the model endpoint %s failed inside", name)
        raise Internal(
            f"The adapter of the model endpoint {name!r} failed inside.", hint="The log says why."
        ) from None


def _told(reply: ModelReply, name: str, passed_over: Sequence[str]) -> ModelReply:
    if reply.endpoint and not passed_over:
        return reply
    return replace(reply, endpoint=reply.endpoint or name, passed_over=(*passed_over, *reply.passed_over))


def _of_all(last: ToolwardError, failures: Sequence[str]) -> ToolwardError:
    return BY_CODE[last.code](
        f"No model endpoint answered ({'; '.join(failures)}). The last one: {last.message}",
        hint=last.hint,
        retry_after=last.retry_after,
    )
