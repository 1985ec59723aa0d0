"""A call on record: its intent before it, its outcome or its refusal after it."""

import asyncio

from gateway.core.admission import Admitted
from gateway.core.limits import NO_LIMITS, Hold, Limiter
from gateway.core.ports import CallOutcome, Clock, LedgerPort, RunAppend
from toolward.errors import Overloaded, ToolwardError
from toolward.types import ToolResult


class Recorder:
    def __init__(self, ledger: LedgerPort, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._limiter = Limiter(clock)

    async def begin(self, admitted: Admitted, *, approval: str = "") -> Hold:
        """The last step before the backend: the call is within its limits, and its intent on record. What it holds
        of the limits is the caller's to leave.

        Raises Overloaded where a limit is reached, and ApprovalGone when `approval` cannot be used any more: then
        nothing is used up. Raises what `admitted.joining` raises.
        """
        limits = admitted.rule.limits if admitted.rule else NO_LIMITS
        record = admitted.record
        hold = self._limiter.hold(record.rule, limits, admitted.principal, admitted.arguments, record.at)
        try:
            hold.take()
            await self._intend(admitted, approval, hold)
        except BaseException as error:
            hold.give_back()
            if isinstance(error, Overloaded):
                self.refuse(admitted, error)
            raise
        return hold

    async def _intend(self, admitted: Admitted, approval: str, hold: Hold) -> None:
        async def store(append: RunAppend | None = None) -> None:
            await self._ledger.intend(
                admitted.record,
                admitted.call.arguments_json,
                approval=approval,
                joining=append,
                spends=hold.spends,
            )

        try:
            await (admitted.joining(store) if admitted.joining else store())
        except asyncio.CancelledError:
            # The intent may be on record already: without an outcome it would look like a call under way.
            self.settle(admitted, self._clock.monotonic(), "cancelled", "cancelled before it was sent")
            raise

    def refuse(self, admitted: Admitted, error: ToolwardError) -> None:
        """A call that was decided and is not made."""
        outcome = CallOutcome(admitted.record.id, self._clock.now_ms(), error.code, 0, error.message)
        self._ledger.refuse(admitted.record, admitted.call.arguments_json, outcome)

    def settle(
        self, admitted: Admitted, started: float, code: str, message: str, result: ToolResult | None = None
    ) -> None:
        """`started` is by the clock's `monotonic`; `result` is what the caller gets."""
        took = round((self._clock.monotonic() - started) * 1_000_000)
        outcome = CallOutcome(admitted.record.id, self._clock.now_ms(), code, took, message)
        self._ledger.settle(outcome, result)
