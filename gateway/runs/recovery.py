"""What becomes of a call that was begun and has no outcome, because a gateway stopped in between or lost its lease.

It is made again, with its key, where that cannot do a thing twice. Otherwise a person is asked, unless the gateway
that made it comes back and says how it ended.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from gateway.agent import events as ev
from gateway.agent.conversation import Call
from gateway.agent.definition import AgentDefinition
from gateway.agent.making import requested
from gateway.agent.state import RunStateData
from gateway.core.ports import Lease
from gateway.core.questions import place_id, unknown_outcome_request
from gateway.core.requests import voided
from gateway.runs.journal import Journal
from gateway.runs.ports import Ports
from toolward.errors import Conflict, NotFound, ToolwardError
from toolward.types import Principal, RequestKind, RunScope

log = logging.getLogger(__name__)

LIFETIME = 7 * 24 * 3600.0
"""Seconds in which a person can say what became of a call, or let a parked run go on."""


class Recovery:
    def __init__(
        self, journal: Journal, lease: Lease, principal: Principal, agent: AgentDefinition, ports: Ports
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._principal = principal
        self._agent = agent
        self._ports = ports

    async def ask(self, call: Call) -> None:
        """Let people say whether it happened. Raises what the ledger raises."""
        scope = RunScope(self._journal.run_id, self._agent.name, self._agent.tools, people=self._agent.people)
        spec = unknown_outcome_request(
            place_id(scope.run_id, "outcome", call.id, call.attempts),
            self._principal,
            scope,
            tool=call.tool,
            arguments=msgspec.json.decode(call.arguments_json),
            call_id=call.id,
            since=call.at,
            known="The gateway stopped while it was under way, and repeating it might do the thing twice.",
            now=self._ports.clock.now_ms(),
            lifetime=LIFETIME,
        )
        event = requested(call.id, await self._ports.ledger.open_request(spec))

        def ask(state: RunStateData) -> tuple[ev.Event, ...]:
            now = next(one for one in state.calls() if one.id == call.id)
            return (event,) if now.in_flight else ()

        await self._journal.amend(ask, lease=self._lease)

    async def came_late(self, call_id: str, came: Sequence[ev.Event]) -> None:
        """An outcome of a call that was made under a lease which is over. Where a person is being asked about it,
        that is settled; a failure is only told in the log: the ledger's call record has the outcome, too."""
        late = [
            msgspec.structs.replace(event, late=True) for event in came if isinstance(event, ev.ToolReturned)
        ]
        waiting: list[str] = []

        def settle(state: RunStateData) -> Sequence[ev.Event]:
            call = next((call for call in state.calls() if call.id == call_id), None)
            unknown = call is not None and call.waits and call.kind is RequestKind.UNKNOWN_OUTCOME
            waiting[:] = call.asked if call is not None and unknown else ()
            return late if unknown and not state.run.state.ended else ()

        try:
            await self._journal.catch_up()
            await self._journal.amend(settle)
            for request_id in waiting:
                await self._void(request_id)
        except ToolwardError as error:
            log.error("a late outcome of %s could not be told to its run: %s", call_id, error.text)

    async def _void(self, request_id: str) -> None:
        # Where somebody answers in this moment, what they say is not needed.
        with suppress(Conflict, NotFound):
            request = (await self._ports.ledger.get_request(request_id)).request
            void = voided(request, "the outcome came after all", self._ports.clock.now_ms(), again=False)
            await self._ports.ledger.close_request(request_id, void, "")
