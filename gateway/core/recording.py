"""A call on record: its intent before it, its outcome or its refusal after it."""

import asyncio

from gateway.core.admission import Admitted
from gateway.core.ports import CallOutcome, Clock, Joining, LedgerPort, RunAppend
from toolward.errors import ToolwardError
from toolward.types import ToolCall, ToolResult


class Recorder:
    def __init__(self, ledger: LedgerPort, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def intend(
        self, admitted: Admitted, call: ToolCall, *, approval: str = "", joining: Joining | None = None
    ) -> None:
        """Returns when the call may be made. Raises ApprovalGone when `approval` cannot be used any more, and what
        `joining` raises."""

        async def store(append: RunAppend | None = None) -> None:
            await self._ledger.intend(admitted.record, call.arguments_json, approval=approval, joining=append)

        try:
            await (joining(store) if joining else store())
        except asyncio.CancelledError:
            # The intent may be on record already: without an outcome it would look like a call under way.
            self.settle(admitted, self._clock.monotonic(), "cancelled", "cancelled before it was sent")
            raise

    def refuse(self, admitted: Admitted, call: ToolCall, error: ToolwardError) -> None:
        """A call that was decided and is not made."""
        outcome = CallOutcome(admitted.record.id, self._clock.now_ms(), error.code, 0, error.message)
        self._ledger.refuse(admitted.record, call.arguments_json, outcome)

    def settle(
        self, admitted: Admitted, started: float, code: str, message: str, result: ToolResult | None = None
    ) -> None:
        """`started` is by the clock's `monotonic`; `result` is what the caller gets."""
        took = round((self._clock.monotonic() - started) * 1_000_000)
        outcome = CallOutcome(admitted.record.id, self._clock.now_ms(), code, took, message)
        self._ledger.settle(outcome, result)
