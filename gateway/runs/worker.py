"""Work on one run: look at its state, take the next step, record what came of it, again."""

import logging
from collections.abc import Callable, Mapping

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.loop import (
    CallModel,
    CallTools,
    Complete,
    Fail,
    Fold,
    Step,
    Summarise,
    WaitForInput,
    next_step,
)
from gateway.agent.offering import Offer
from gateway.agent.sources import RunSources
from gateway.agent.state import IllegalTransition, RunStateData
from gateway.core.ports import Lease
from gateway.core.questions import CANCEL
from gateway.runs.answers import settle_answers
from gateway.runs.calling import Calling
from gateway.runs.journal import Decide, Journal
from gateway.runs.parking import park, stuck
from gateway.runs.ports import Ports
from gateway.runs.thinking import Thinking
from toolward.types import Principal, RunState

log = logging.getLogger(__name__)


class Worker:
    """Takes one run as far as it can go now, under a lease. `principal` is its owner, with the rights of now; no
    step begins when `may` says that there are none any more."""

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        principal: Principal,
        agents: Mapping[str, AgentDefinition],
        ports: Ports,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._principal = principal
        self._agents = agents
        self._ports = ports
        self._may = may
        self._sources = RunSources()
        self._thinking = Thinking(journal, lease, principal, ports, self._offer)

    @property
    def _state(self) -> RunStateData:
        return self._journal.state

    async def drive(self) -> None:
        """Returns when the run has ended, is paused, or waits for people. Raises Superseded when another has taken
        it over, and what the ledger raises."""
        if stuck(self._state, self._lease):
            await park(self._journal, self._lease, self._principal, self._agents, self._ports)
        going = True
        while going and self._may():
            state = self._state
            try:
                going = await self._advance()
            except IllegalTransition:
                # Somebody paused, cancelled or answered meanwhile: look again.
                if self._state.seq == state.seq:
                    raise

    async def _advance(self) -> bool:
        """One step; whether there may be another."""
        state = self._state
        match state.run.state:
            case RunState.QUEUED:
                await self._journal.amend_soon(_taken_up, lease=self._lease)
            case RunState.INPUT_REQUIRED:
                await settle_answers(self._journal, self._ports.ledger, self._ports.clock)
            case RunState.RUNNING:
                return await self._go_on(state)
            case _:
                return False
        return self._state is not state

    async def _go_on(self, state: RunStateData) -> bool:
        agent = self._agents.get(state.run.agent)
        step = next_step(state, self._thinking.limits(agent or state.definition))
        if agent is None:
            text = f"There is no agent named {state.run.agent} any more."
            step = Fail("not_found", text)
        await self._take(step, agent or state.definition)
        return self._state is not state

    async def _take(self, step: Step, agent: AgentDefinition) -> None:
        match step:
            case CallModel():
                await self._thinking.call_model(step, agent)
            case Fold(turn):
                await self._write(lambda now: _if_running(now, ev.ResultsFolded(turn=turn)))
            case Summarise():
                await self._thinking.summarise(step, agent)
            case CallTools():
                await self._call_tools(step, agent)
            case Complete(answer):
                await self._end(ev.RunCompleted(answer=answer), step, agent)
            case Fail(code, message, answer):
                await self._end(ev.RunFailed(code=code, message=message, answer=answer), step, agent)
            case WaitForInput():
                pass

    async def _end(self, event: ev.RunCompleted | ev.RunFailed, step: Step, agent: AgentDefinition) -> None:
        """Unless something was said in this moment that lets it go on."""
        gone = agent.name not in self._agents

        def still(state: RunStateData) -> tuple[ev.Event, ...]:
            if state.run.state is not RunState.RUNNING:
                return ()
            return (event,) if gone or next_step(state, self._thinking.limits(agent)) == step else ()

        await self._write(still)

    def _offer(self, agent: AgentDefinition) -> Offer:
        return self._ports.tools_for(self._principal, agent)

    async def _write(self, decide: Decide) -> None:
        await self._journal.amend(decide, lease=self._lease)

    async def _call_tools(self, step: CallTools, agent: AgentDefinition) -> None:
        cancelled = [one for call in step.ready for one in call.answers if one.choice == CANCEL]
        if cancelled:
            by = cancelled[0].by
            await self._write(lambda now: () if now.run.state.ended else (ev.RunCancelled(by=by),))
            return
        calling = Calling(self._journal, self._lease, self._principal, agent, self._ports, self._sources)
        await calling.go_on(step)


def _taken_up(state: RunStateData) -> tuple[ev.Event, ...]:
    return (ev.RunTakenUp(),) if state.run.state is RunState.QUEUED else ()


def _if_running(state: RunStateData, event: ev.Event) -> tuple[ev.Event, ...]:
    return (event,) if state.run.state is RunState.RUNNING else ()
