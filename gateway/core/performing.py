"""The call itself: one round trip to the backend, under a deadline, its result checked, its outcome on record."""

import asyncio
import hashlib
import logging

import msgspec

from gateway.core.admission import Admitted, Bounds
from gateway.core.outputs import AS_IT_IS, redactor
from gateway.core.ports import BackendPort, Clock
from gateway.core.recording import Recorder
from gateway.core.results import checked, size
from toolward.errors import DeadlineExceeded, Internal, ToolwardError
from toolward.types import CallContext, LogEntry, Principal, Progress, ToolCall, ToolResult

_LARGE = 64 * 1024  # bytes of a result

log = logging.getLogger(__name__)


class Performer:
    def __init__(self, backends: BackendPort, recorder: Recorder, clock: Clock, bounds: Bounds) -> None:
        self._backends = backends
        self._recorder = recorder
        self._clock = clock
        self._bounds = bounds

    async def perform(
        self, principal: Principal, admitted: Admitted, call: ToolCall, context: CallContext
    ) -> ToolResult:
        """Make a call whose intent is on record. Raises DeadlineExceeded, InvalidResult, and what the backend
        answers."""
        settle = self._recorder.settle
        started = self._clock.monotonic()
        try:
            answer = await self._round_trip(principal, admitted, call, context)
            result = await _shown(admitted, checked(admitted.tool, answer, self._bounds.result_bytes))
        except asyncio.CancelledError:
            settle(admitted, started, "cancelled", "the caller gave up")
            raise
        except ToolwardError as raw:
            error = _redacted(admitted, raw)
            settle(admitted, started, error.code, error.message)
            raise error from None
        except Exception:  # a bug of ours: its details go to our log, never to the caller
            log.exception("the call of %s failed", admitted.tool.name)
            error = Internal(f"The call of {admitted.tool.name} failed inside.", hint="The log says why.")
            settle(admitted, started, error.code, error.message)
            raise error from None
        settle(admitted, started, "tool_error" if result.is_error else "ok", "")
        return result

    async def _round_trip(
        self, principal: Principal, admitted: Admitted, call: ToolCall, context: CallContext
    ) -> ToolResult:
        tool = admitted.tool
        seconds = min(self._bounds.timeout, context.timeout or self._bounds.timeout)
        sent = ToolCall(
            tool.own_name, call.arguments_json, admitted.record.id, _scoped(principal, call.idempotency_key)
        )
        onward = msgspec.structs.replace(
            context, timeout=seconds, hops=context.hops + 1, on_behalf_of="", run=None
        )
        onward = _overheard(admitted, onward)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await self._backends.call(tool.backend, principal, sent, onward)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"{tool.name} took longer than {seconds:g} seconds and was stopped.",
                hint="Ask for less at once, or give it more time.",
            ) from None


async def _shown(admitted: Admitted, result: ToolResult) -> ToolResult:
    """The result under the output rules. A large one is looked through beside the event loop, not in it."""
    output = admitted.rule.output if admitted.rule else AS_IT_IS
    if output.redact and size(result) > _LARGE:
        return await asyncio.to_thread(output.of, result)
    return output.of(result)


def _redacted(admitted: Admitted, error: ToolwardError) -> ToolwardError:
    if admitted.rule is None or not admitted.rule.output.redact:
        return error
    return redactor(admitted.rule.output.redact).error(error)


def _overheard(admitted: Admitted, context: CallContext) -> CallContext:
    """What a backend says while it works comes out under the same rules as its result."""
    if admitted.rule is None or not admitted.rule.output.redact:
        return context
    by, progress, log_to = redactor(admitted.rule.output.redact), context.progress, context.log

    def report(one: Progress) -> None:
        if progress is not None:
            progress(by.progress(one))

    def tell(entry: LogEntry) -> None:
        if log_to is not None:
            log_to(by.log_entry(entry))

    return msgspec.structs.replace(
        context,
        progress=None if progress is None else report,
        log=None if log_to is None else tell,
    )


def _scoped(principal: Principal, key: str) -> str:
    """A backend knows only the gateway, so one caller's idempotency key must not be another's: with it they
    would be given each other's results."""
    if not key:
        return ""
    return hashlib.sha256("\0".join((principal.tenant, principal.id, key)).encode()).hexdigest()[:32]
