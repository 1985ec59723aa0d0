"""The inbox: what people are asked, and what becomes of it when they answer, take it back, or let it expire.

Policy decides who reads and answers what (`gateway.runs.access`); what belongs to somebody else is not found. Every
method raises Unavailable when the ledger fails.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from gateway.core.ports import Caller, Clock, LedgerPort, RequestSpec
from gateway.core.requests import SOURCES, expired, taken, withdrawn
from gateway.runs.access import Access
from toolward.errors import NotFound, ToolwardError
from toolward.types import Answer, InputRequest, Principal, RequestState

log = logging.getLogger(__name__)

Tell = Callable[[str], Awaitable[None]]
"""Lets a run, by its id, hear of what became of its requests, and go on."""


class Inbox:
    def __init__(
        self, ledger: LedgerPort, dispatch: Caller, access: Access, clock: Clock, tell: Tell
    ) -> None:
        self._ledger = ledger
        self._dispatch = dispatch
        self._access = access
        self._clock = clock
        self._tell_run = tell

    async def list(self, principal: Principal, run_id: str | None = None) -> tuple[InputRequest, ...]:
        """The open and the taken ones that the caller made or may answer, and may read, oldest first."""
        specs = await self._ledger.list_requests(principal.tenant, run_id)
        return tuple(spec.request for spec in specs if self._access.may_read(principal, spec))

    async def answer(self, principal: Principal, request_id: str, answer: Answer) -> InputRequest:
        """Store the answer; a run that waits for it is queued again.

        The request comes back closed; or, where the answer changed the arguments and somebody else must agree to
        that, another open one in its place. Raises NotFound, Denied when the caller may read it and not answer,
        Conflict when it is not open any more, and what `gateway.core.answering` raises.
        """
        spec = await self._request(principal, request_id, answer=True)
        try:
            return await self._dispatch.answer(principal, spec, answer)
        finally:
            await self._tell(spec)

    async def get(self, principal: Principal, request_id: str) -> InputRequest:
        """In whatever state it is, to who made it or may answer it, and may read it. Raises NotFound, Denied."""
        request = (await self._request(principal, request_id)).request
        over = request.state in SOURCES[RequestState.EXPIRED] and expired(request, self._clock.now_ms())
        return replace(request, state=RequestState.EXPIRED) if over else request

    async def take(self, principal: Principal, request_id: str) -> InputRequest:
        """Take the case over: nobody else answers it then, and it does not expire; its run waits until it is handed
        back by an answer. Whoever may answer it may also take it from another who has it. Raises NotFound, Denied,
        Conflict when it is over, InvalidRequest for an approval."""
        spec = await self._request(principal, request_id, answer=True)
        request = taken(spec.request, principal, self._clock.now_ms())
        if request is not spec.request:
            await self._ledger.close_request(request_id, request, principal.id)
        return request

    async def withdraw(self, principal: Principal, request_id: str) -> InputRequest:
        """Take back a request that one made oneself. Raises NotFound, Denied, Conflict when it is over already."""
        spec = await self._request(principal, request_id)
        request = withdrawn(spec.request, principal, self._clock.now_ms())
        await self._ledger.close_request(request_id, request, principal.id)
        await self._tell(spec)
        return request

    async def expire(self) -> None:
        """Close those whose time is over, and let the runs that wait for them go on."""
        for spec in await self._ledger.expire_requests():
            await self._tell(spec)

    async def keep_expiring(self, every: float) -> None:
        """`expire` again and again, `every` so many seconds, until cancelled."""
        while True:
            try:
                await self.expire()
            except ToolwardError as error:
                log.error("input requests could not be closed as expired: %s", error.text)
            await asyncio.sleep(every)

    async def _tell(self, spec: RequestSpec) -> None:
        if spec.request.run_id:
            await self._tell_run(spec.request.run_id)

    async def _request(self, principal: Principal, request_id: str, *, answer: bool = False) -> RequestSpec:
        """The request that the caller is about to read or answer."""
        try:
            spec = await self._ledger.get_request(request_id)
        except NotFound:
            spec = None
        return self._access.request(principal, spec, request_id, answer=answer)
