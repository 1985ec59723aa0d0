"""The call itself: a round trip to the backend under a deadline, made again where that does no harm, its result
checked, its outcome on record. Where the rule says so, a result that is kept stands in for it."""

import asyncio
import hashlib
import logging

import msgspec

from gateway.core.admission import Admitted, Bounds
from gateway.core.agent_tools import AGENTS
from gateway.core.outputs import AS_IT_IS, redactor
from gateway.core.ports import BackendPort, Clock, Superseded
from gateway.core.recording import Recorder
from gateway.core.result_cache import Answered, Question, ResultCache
from gateway.core.results import checked, size
from gateway.core.retrying import Retries, may_repeat
from toolward.errors import DeadlineExceeded, Internal, ToolwardError, Unavailable
from toolward.types import CallContext, LogEntry, Principal, Progress, ToolCall, ToolResult

_LARGE = 64 * 1024  # bytes of a result

log = logging.getLogger(__name__)


class _Attempts:
    """How often a call was tried, for the record."""

    made = 0

    def told(self, message: str) -> str:
        if self.made < 2:
            return message
        return f"{message} ({self.made} attempts)" if message else f"at attempt {self.made}"


class Performer:
    def __init__(
        self, backends: BackendPort, recorder: Recorder, clock: Clock, bounds: Bounds, retries: Retries
    ) -> None:
        self._backends = backends
        self._retries = retries
        self._recorder = recorder
        self._clock = clock
        self._bounds = bounds
        self._cache = ResultCache(clock)

    async def perform(self, admitted: Admitted) -> ToolResult:
        """Make a call whose intent is on record. Raises DeadlineExceeded, InvalidResult, and what the backend
        answers."""
        settle = self._recorder.settle
        started = self._clock.monotonic()
        attempts = _Attempts()
        try:
            answered = await self._kept_or_made(admitted, attempts)
            result = await _shown(admitted, answered.result)
        except asyncio.CancelledError:
            settle(admitted, started, "cancelled", attempts.told("the caller gave up"))
            raise
        except ToolwardError as raw:
            error = _redacted(admitted, raw)
            settle(admitted, started, error.code, attempts.told(error.message))
            raise error from None
        except Exception:  # a bug of ours: its details go to our log, never to the caller
            log.exception("the call of %s failed", admitted.tool.name)
            error = Internal(f"The call of {admitted.tool.name} failed inside.", hint="The log says why.")
            settle(admitted, started, error.code, error.message)
            raise error from None
        told = attempts.told("")
        if answered.age is not None:
            told = f"answered from the cache, {answered.age:.3g} s old"
        settle(admitted, started, "tool_error" if result.is_error else "ok", told, result)
        return result

    async def _kept_or_made(self, admitted: Admitted, attempts: _Attempts) -> Answered:
        asked, rule, tool = admitted.cached, admitted.rule, admitted.tool
        if asked is not None and rule is not None:
            return await self._kept(admitted, asked, rule.cache, attempts)
        try:
            return Answered(await self._made(admitted, attempts))
        finally:
            if tool.facts.changes:
                self._cache.forget(tool.backend)

    async def _kept(self, admitted: Admitted, asked: Question, lasts: int, attempts: _Attempts) -> Answered:
        """Who waits for the call of another waits no longer than for their own."""
        seconds = self._seconds(admitted)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await self._cache.answer(asked, lasts, lambda: self._made(admitted, attempts))
        except TimeoutError:
            if not deadline.expired():
                raise
            raise _too_long(admitted.tool.name, seconds) from None

    async def _made(self, admitted: Admitted, attempts: _Attempts) -> ToolResult:
        """All attempts share one deadline, which the backends keep."""
        principal, call, tool = admitted.principal, admitted.call, admitted.tool
        context = _overheard(admitted)
        seconds = self._seconds(admitted)
        # An agent's run is the caller's own, and so is its key: the same one at every door.
        key = call.idempotency_key if tool.backend == AGENTS else _scoped(principal, call.idempotency_key)
        sent = ToolCall.parsed(
            tool.own_name, call.arguments_json, admitted.arguments, admitted.record.id, key
        )
        left, until = seconds, self._clock.monotonic() + seconds
        self._retries.earn(tool.backend)
        while True:
            attempts.made += 1
            _check_lease(admitted, context)
            onward = CallContext(
                timeout=left,
                progress=context.progress,
                log=context.log,
                traceparent=context.traceparent,
                hops=context.hops + 1,
                approved_by=context.approved_by,
            )
            try:
                answer = await self._backends.call(tool.backend, principal, sent, onward)
                return checked(tool, answer, self._bounds.result_bytes)
            except Unavailable as error:
                pause = self._pause(admitted, error, attempts.made, until - self._clock.monotonic())
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            left = until - self._clock.monotonic()

    def _seconds(self, admitted: Admitted) -> float:
        return min(self._bounds.timeout, admitted.context.timeout or self._bounds.timeout)

    def _pause(self, admitted: Admitted, error: Unavailable, attempt: int, left: float) -> float | None:
        """Seconds until it is tried again; None where it is not."""
        tool = admitted.tool
        if not may_repeat(tool.facts, admitted.call.idempotency_key):
            return None
        pause = self._retries.pause(tool.backend, error, attempt)
        if pause is None or pause >= left:
            return None
        log.info(
            "attempt %d of the call %s of %s failed, and is made again in %.2f s: %s",
            attempt,
            admitted.record.id,
            tool.name,
            pause,
            error.message,
        )
        return pause


def _too_long(tool: str, seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"{tool} took longer than {seconds:g} seconds and was stopped.",
        hint="Ask for less at once, or give it more time.",
    )


def _check_lease(admitted: Admitted, context: CallContext) -> None:
    """A process that stood still after the intent was stored must not send what another has taken over."""
    if context.in_force is not None and not context.in_force():
        raise Superseded(
            f"The call of {admitted.tool.name} was not sent: another gateway has taken over the run."
        )


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


def _overheard(admitted: Admitted) -> CallContext:
    """What a backend says while it works comes out under the same rules as its result."""
    context = admitted.context
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
