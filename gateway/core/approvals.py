"""The step of a call that policy asks about: a person's approval, found or asked for."""

from gateway.core.admission import Admitted, Bounds
from gateway.core.ports import Clock, Ids, LedgerPort, RequestSpec
from gateway.core.requests import approval_request
from toolward.types import CallContext, InputRequest, Principal


class Approvals:
    def __init__(self, ledger: LedgerPort, clock: Clock, ids: Ids, bounds: Bounds) -> None:
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._bounds = bounds

    async def find(self, principal: Principal, admitted: Admitted, context: CallContext) -> InputRequest:
        """The request that is bound to this very call: approved and not used yet, or open (perhaps just now)."""
        spec = self._spec(principal, admitted, context)
        return await self._ledger.find_request(spec) or await self._ledger.open_request(spec)

    async def open(self, principal: Principal, admitted: Admitted, context: CallContext) -> InputRequest:
        """An open one, whatever was approved before."""
        return await self._ledger.open_request(self._spec(principal, admitted, context))

    def _spec(self, principal: Principal, admitted: Admitted, context: CallContext) -> RequestSpec:
        return approval_request(
            self._ids.new("req"),
            principal,
            admitted.tool,
            admitted.arguments,
            admitted.decision,
            context.run,
            now=self._clock.now_ms(),
            lifetime=self._bounds.approval_lifetime,
        )
