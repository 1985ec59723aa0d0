"""The call itself: one round trip to the backend, under a deadline, its result checked, its outcome on record."""

import asyncio
import hashlib
import logging

import msgspec

from gateway.core.admission import Admitted, Bounds
from gateway.core.ports import BackendPort, Clock
from gateway.core.recording import Recorder
from gateway.core.results import checked
from toolward.errors import DeadlineExceeded, Internal, ToolwardError
from toolward.types import CallContext, Principal, ToolCall, ToolResult

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
            result = checked(admitted.tool, answer, self._bounds.result_bytes)
        except asyncio.CancelledError:
            settle(admitted, started, "cancelled", "the caller gave up")
            raise
        except ToolwardError as error:
            settle(admitted, started, error.code, error.message)
            raise
        except Exception:  # a bug of ours: its details go to our log, never to the caller
            log.exception("the call of %s failed", admitted.tool.name)
            error = Internal(f"The call of {admitted.tool.name} failed inside.", hint="The log says why.")
            settle(admitted, started, error.code, error.message)
            raise error from None
        settle(admitted, started, "tool_error" if result.is_error else "ok", "", result)
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


def _scoped(principal: Principal, key: str) -> str:
    """A backend knows only the gateway, so one caller's idempotency key must not be another's: with it they
    would be given each other's results."""
    if not key:
        return ""
    return hashlib.sha256("\0".join((principal.tenant, principal.id, key)).encode()).hexdigest()[:32]
