"""A call on record: its intent before it, its outcome or its refusal after it."""

import asyncio
from collections.abc import Sequence

from gateway.core.admission import Admitted
from gateway.core.ports import CallOutcome, Clock, LedgerPort, Spend
from toolward.errors import ToolwardError
from toolward.types import ToolCall


class Recorder:
    def __init__(self, ledger: LedgerPort, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def intend(
        self, admitted: Admitted, call: ToolCall, *, approval: str = "", spends: Sequence[Spend] = ()
    ) -> None:
        """Returns when the call may be made. Raises Conflict when `approval` cannot be used any more, Overloaded
        when one of `spends` exceeds its budget."""
        try:
            await self._ledger.intend(admitted.record, call.arguments_json, approval=approval, spends=spends)
        except asyncio.CancelledError:
            # The intent may be on record already: without an outcome it would look like a call under way.
            self.settle(admitted, self._clock.monotonic(), "cancelled", "cancelled before it was sent")
            raise

    def refuse(self, admitted: Admitted, call: ToolCall, error: ToolwardError) -> None:
        """A call that was decided and is not made."""
        outcome = CallOutcome(admitted.record.id, self._clock.now_ms(), error.code, 0, error.message)
        self._ledger.refuse(admitted.record, call.arguments_json, outcome)

    def settle(self, admitted: Admitted, started: float, code: str, message: str) -> None:
        """`started` is by the clock's `monotonic`."""
        took = round((self._clock.monotonic() - started) * 1_000_000)
        self._ledger.settle(CallOutcome(admitted.record.id, self._clock.now_ms(), code, took, message))
