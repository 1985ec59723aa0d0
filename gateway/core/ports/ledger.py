"""The ledger as calls and input requests need it."""

from collections.abc import Sequence
from typing import Protocol

from gateway.core.ports.records import Binding, CallOutcome, CallRecord, RequestSpec, RunAppend, Spend
from toolward.types import (
    InputRequest,
    ToolResult,
)


class LedgerPort(Protocol):
    async def intend(
        self,
        record: CallRecord,
        arguments_json: bytes,
        *,
        approval: str = "",
        joining: RunAppend | None = None,
        spends: Sequence[Spend] = (),
    ) -> None:
        """Record that a call will be made. `approval` is the id of an approved input request, used up in the same
        transaction; `joining` what its run's log says of the call; `spends` what it takes of budgets, counted once
        for each call id. All of it is stored, or nothing is.

        Returns when the record is durable if the tool changes things or there is something beside the record;
        otherwise at once. Raises ApprovalGone; Overloaded where a budget is exceeded
        (`gateway.core.limits.exceeded`); Superseded; Conflict when another writer of the run was first or the
        call's id belongs to another call.
        """
        ...

    def settle(self, outcome: CallOutcome, result: ToolResult | None = None) -> None:
        """Record how it ended, and what the tool said; batched."""
        ...

    def refuse(self, record: CallRecord, arguments_json: bytes, outcome: CallOutcome) -> None:
        """Record a call that was not made; batched."""
        ...

    async def find_request(self, binding: Binding) -> RequestSpec | None:
        """The newest open, approved or denied, not expired request that is bound to this call."""
        ...

    async def request_used_by(self, run_id: str, call_id: str) -> RequestSpec | None:
        """The approval that this call of a run has used up: it is known here where the call is made again because
        nobody knows how it ended."""
        ...

    async def open_request(self, spec: RequestSpec, at_most: int = 0) -> InputRequest:
        """Open it, or give the one that has its id, in whatever state, or is open or taken for the same call, or
        approved and not used, or freshly denied, of the same tool: somebody may have answered in this moment.
        Closes those of the same principal that have expired. Raises Overloaded where the principal has `at_most`
        open ones already (0: any number)."""
        ...

    async def get_request(self, request_id: str) -> RequestSpec:
        """Raises NotFound."""
        ...

    async def list_requests(self, tenant: str, run_id: str | None = None) -> tuple[RequestSpec, ...]:
        """The open and the taken ones, oldest first."""
        ...

    async def close_request(
        self, request_id: str, request: InputRequest, answered_by: str, sent_digest: str = ""
    ) -> None:
        """Store the request in its next state. Raises Conflict when the stored one cannot go there any more
        (`gateway.core.requests.SOURCES`), NotFound when there is none."""
        ...

    async def replace_request(
        self, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
    ) -> None:
        """Void an open request and open another in its place, in one transaction. Raises as `close_request`."""
        ...

    async def expire_requests(self) -> tuple[RequestSpec, ...]:
        """Close those whose time is over; which they were."""
        ...

    async def left_open(self, run_id: str = "") -> tuple[RequestSpec, ...]:
        """What is still open, taken or approved of runs that were cancelled, or of this one: nobody needs it any
        more."""
        ...

    async def live_requests(self) -> tuple[RequestSpec, ...]:
        """The open and the approved ones of all tenants, not expired, oldest first."""
        ...
