"""A run on which work stops again and again at the same place is parked: a person says whether to try again."""

from collections.abc import Mapping

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.making import requested
from gateway.agent.state import RunStateData
from gateway.agent.stored import decode
from gateway.core.ports import Lease
from gateway.core.questions import parked_request, place_id
from gateway.runs.journal import Journal
from gateway.runs.ports import Ports
from gateway.runs.recovery import LIFETIME
from toolward.types import Principal, RunScope, RunState

ATTEMPTS = 3
"""How often a step is begun without getting to its end."""


def stuck(state: RunStateData, lease: Lease) -> bool:
    """Attempts are counted before each step: by the lease where the step leaves nothing in the log before its end,
    by the log where a call went out."""
    if state.run.state not in (RunState.QUEUED, RunState.RUNNING) or state.parked or state.verdict:
        return False
    if lease.attempts > ATTEMPTS:
        return True
    under_way = [call for turn in state.open_turns for call in turn.begun if call.in_flight]
    return any(call.crashes + crashed(lease) >= ATTEMPTS for call in under_way)


def crashed(lease: Lease) -> bool:
    """Whether who had the run before stopped without giving it up, behind the last event."""
    return lease.attempts > 1


async def park(
    journal: Journal,
    lease: Lease,
    principal: Principal,
    agents: Mapping[str, AgentDefinition],
    ports: Ports,
) -> None:
    """Raises what the ledger raises."""
    state = journal.state
    agent = agents.get(state.run.agent, state.definition)
    scope = RunScope(state.run.id, agent.name, agent.tools, people=agent.people)
    spec = parked_request(
        place_id(state.run.id, "parked", await _parked_before(journal, ports)),
        principal,
        scope,
        reason=f"Work on it stopped {ATTEMPTS} times {_where(state)}, and it is not known why.",
        attempts=ATTEMPTS,
        now=ports.clock.now_ms(),
        lifetime=LIFETIME,
    )
    event = requested("", await ports.ledger.open_request(spec))

    def parked(now: RunStateData) -> tuple[ev.Event, ...]:
        if now.run.state is RunState.QUEUED:
            return (ev.RunTakenUp(), event)
        return (event,) if now.run.state is RunState.RUNNING and not now.parked else ()

    await journal.amend(parked, lease=lease)


async def _parked_before(journal: Journal, ports: Ports) -> int:
    """How often. Messages may come in between, so the length of the log says nothing."""
    log = map(decode, await ports.ledger.events(journal.run_id))
    return sum(isinstance(event, ev.InputRequested) and not event.call_id for event in log)


def _where(state: RunStateData) -> str:
    under_way = [call.tool for turn in state.open_turns for call in turn.begun if call.in_flight]
    return f"in a call of {under_way[0]}" if under_way else f"before turn {state.run.turns + 1}"
