"""The call itself: a round trip to the backend under a deadline, made again where that does no harm, its result
checked, its outcome on record."""

import asyncio
import hashlib
import logging

import msgspec

from gateway.core.admission import Admitted, Bounds
from gateway.core.ports import BackendPort, Clock
from gateway.core.recording import Recorder
from gateway.core.results import checked
from gateway.core.retrying import Retries, may_repeat
from toolward.errors import DeadlineExceeded, Internal, ToolwardError, Unavailable
from toolward.types import CallContext, Principal, ToolCall, ToolResult

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

    async def perform(
        self, principal: Principal, admitted: Admitted, call: ToolCall, context: CallContext
    ) -> ToolResult:
        """Make a call whose intent is on record. Raises DeadlineExceeded, InvalidResult, and what the backend
        answers."""
        settle = self._recorder.settle
        started = self._clock.monotonic()
        attempts = _Attempts()
        try:
            answer = await self._answer(principal, admitted, call, context, attempts)
            result = checked(admitted.tool, answer, self._bounds.result_bytes)
        except asyncio.CancelledError:
            settle(admitted, started, "cancelled", attempts.told("the caller gave up"))
            raise
        except ToolwardError as error:
            settle(admitted, started, error.code, attempts.told(error.message))
            raise
        except Exception:  # a bug of ours: its details go to our log, never to the caller
            log.exception("the call of %s failed", admitted.tool.name)
            error = Internal(f"The call of {admitted.tool.name} failed inside.", hint="The log says why.")
            settle(admitted, started, error.code, error.message)
            raise error from None
        settle(admitted, started, "tool_error" if result.is_error else "ok", attempts.told(""), result)
        return result

    async def _answer(
        self,
        principal: Principal,
        admitted: Admitted,
        call: ToolCall,
        context: CallContext,
        attempts: _Attempts,
    ) -> ToolResult:
        """All attempts share one deadline."""
        tool = admitted.tool
        seconds = min(self._bounds.timeout, context.timeout or self._bounds.timeout)
        sent = ToolCall(
            tool.own_name, call.arguments_json, admitted.record.id, _scoped(principal, call.idempotency_key)
        )
        until = self._clock.monotonic() + seconds
        deadline = asyncio.timeout(seconds)
        self._retries.earn(tool.backend)
        try:
            async with deadline:
                while True:
                    attempts.made += 1
                    left = until - self._clock.monotonic() if attempts.made > 1 else seconds
                    onward = msgspec.structs.replace(
                        context, timeout=left, hops=context.hops + 1, on_behalf_of="", run=None
                    )
                    try:
                        return await self._backends.call(tool.backend, principal, sent, onward)
                    except Unavailable as error:
                        pause = self._pause(admitted, call, error, attempts.made, left)
                        if pause is None:
                            raise
                    await asyncio.sleep(pause)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"{tool.name} took longer than {seconds:g} seconds and was stopped.",
                hint="Ask for less at once, or give it more time.",
            ) from None

    def _pause(
        self, admitted: Admitted, call: ToolCall, error: Unavailable, attempt: int, left: float
    ) -> float | None:
        """Seconds until it is tried again; None where it is not."""
        tool = admitted.tool
        if not may_repeat(tool.facts, call.idempotency_key):
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


def _scoped(principal: Principal, key: str) -> str:
    """A backend knows only the gateway, so one caller's idempotency key must not be another's: with it they
    would be given each other's results."""
    if not key:
        return ""
    return hashlib.sha256("\0".join((principal.tenant, principal.id, key)).encode()).hexdigest()[:32]
