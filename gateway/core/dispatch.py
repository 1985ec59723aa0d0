"""Dispatch: the one road from any caller to any tool.

find -> bound -> validate -> decide (`admission`) -> ask where policy says so (`approvals`) -> record the intent
(`recording`) -> backend -> check the result -> record the outcome (`performing`). `list_tools` asks the same policy
that `call_tool` asks.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from gateway.core.admission import Admission, Admitted, Bounds
from gateway.core.approvals import Approvals
from gateway.core.binding import Decision
from gateway.core.catalog import Catalog, CatalogTool, build_catalog
from gateway.core.performing import Performer
from gateway.core.policy import BoundPolicy, Policy, bind
from gateway.core.ports import BackendPort, Called, Clock, Ids, LedgerPort
from gateway.core.recording import Recorder
from gateway.core.snapshot import Snapshot
from toolward.errors import Conflict, Denied, InvalidRequest
from toolward.types import (
    CallContext,
    InputRequest,
    InputRequired,
    Outcome,
    Principal,
    RequestState,
    RunScope,
    ToolCall,
    ToolPage,
)

__all__ = ["Bounds", "Dispatch"]


class Dispatch:
    """A ToolProvider over all backends. Before the first `replace` it has no tools."""

    def __init__(
        self,
        backends: BackendPort,
        ledger: LedgerPort,
        clock: Clock,
        ids: Ids,
        bounds: Bounds | None = None,
    ) -> None:
        self._bounds = bounds or Bounds()
        self._admission = Admission(clock, ids, self._bounds)
        self._approvals = Approvals(ledger, clock, ids, self._bounds)
        self._recorder = Recorder(ledger, clock)
        self._performer = Performer(backends, self._recorder, clock, self._bounds)
        nothing = build_catalog(())
        self._now = Snapshot(nothing, bind(Policy(), nothing))
        self._generation = 0
        self._changed = asyncio.Event()

    @property
    def catalog(self) -> Catalog:
        return self._now.catalog

    @property
    def policy(self) -> BoundPolicy:
        return self._now.policy

    def replace(self, catalog: Catalog, policy: BoundPolicy) -> None:
        """Put another catalog and the policy bound to it in force. A call under way keeps what it began with."""
        self._now = Snapshot(catalog, policy)
        self._generation += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def watch(self) -> AsyncIterator[None]:
        """Yields after each replacement since this was called; several at once may be one."""
        return self._watch(self._generation)

    async def _watch(self, seen: int) -> AsyncIterator[None]:
        while True:
            while seen == self._generation:
                await self._changed.wait()
            seen = self._generation
            yield

    # --- listing -----------------------------------------------------------------------------------------

    def visible(self, principal: Principal, run: RunScope | None = None) -> Iterator[CatalogTool]:
        """Every tool of which some call could be allowed or asked for, in the catalog's order."""
        return self._now.visible(principal, run)

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """One page. The cursor is the name of the last tool of the page before. Raises InvalidRequest."""
        start = 0 if cursor is None else self._after(principal, cursor)
        shown = self._now.visible(principal, start=start)
        page = list(islice(shown, self._bounds.page))
        more = next(shown, None) is not None
        return ToolPage(tuple(entry.tool for entry in page), page[-1].name if more else None)

    def _after(self, principal: Principal, cursor: str) -> int:
        catalog, policy = self._now.catalog, self._now.policy
        position = catalog.position(cursor)
        # A name that this caller cannot see is no cursor either, or cursors would tell what exists.
        if position is None or not policy.listable(principal, catalog.tools[position]):
            raise InvalidRequest(
                "The cursor is not one of this list, or the list has changed since.",
                hint="List again from the start.",
            )
        return position + 1

    # --- calling -----------------------------------------------------------------------------------------

    def decide_call(self, principal: Principal, call: ToolCall, context: CallContext) -> Decision:
        """What policy says about a call, without making it. Raises what `call_tool` raises before deciding."""
        return self._admission.admit(self._now, principal, call, context).decision

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        """`call`, without what was decided."""
        return (await self.call(principal, call, context)).outcome

    async def call(self, principal: Principal, call: ToolCall, context: CallContext) -> Called:
        """Make one call if policy lets it through.

        Of `call.call_id` only a run's is kept, since a run makes unique ones. Raises UnknownTool, Unavailable,
        TooLarge, InvalidRequest, InvalidArguments, Denied, DeadlineExceeded, InvalidResult, and what the
        backend answers.
        """
        admitted = self._admission.admit(self._now, principal, call, context)
        effect, rule = admitted.decision.effect, admitted.decision.rule
        if effect == "deny":
            raise self._denied(admitted, call)
        if effect == "allow":
            await self._recorder.intend(admitted, call)
        elif (request := await self._unanswered(principal, admitted, call, context)) is not None:
            return Called(effect, rule, InputRequired((request,)))
        return Called(effect, rule, await self._performer.perform(principal, admitted, call, context))

    def _denied(self, admitted: Admitted, call: ToolCall) -> Denied:
        decision = admitted.decision
        error = Denied(
            f"Policy denies this call of {admitted.tool.name}: {decision.reason.rstrip('.')}.",
            rule=decision.rule,
        )
        self._recorder.refuse(admitted, call, error)
        return error

    async def _unanswered(
        self, principal: Principal, admitted: Admitted, call: ToolCall, context: CallContext
    ) -> InputRequest | None:
        """The request that must be answered first; None when a person approved this very call and the approval
        is now used up for it, with the intent on record."""
        request = await self._approvals.find(principal, admitted, context)
        if request.state is not RequestState.APPROVED:
            return request
        try:
            await self._recorder.intend(admitted, call, approval=request.id)
        except Conflict:  # another call took it in this moment
            return await self._approvals.open(principal, admitted, context)
        return None
