"""The calls of one turn, and their outcomes as soon as they are there.

Calls that only read go out together; those that change things one after the other, in the model's order. What reads
is recorded in one piece, as a rule with the first outcome; what changes things or may have been approved is on
record before it goes out, each in one transaction with its intent.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

import msgspec

from gateway.agent import events as ev
from gateway.agent.answers import people_said
from gateway.agent.conversation import Call
from gateway.agent.definition import AgentDefinition
from gateway.agent.loop import CallTools
from gateway.agent.making import called_again, first_called, requested, returned, whole_of
from gateway.agent.observations import Observation, observed, refused
from gateway.agent.resolving import resolve
from gateway.agent.sources import RunSources
from gateway.agent.state import RunStateData
from gateway.agent.stored import encode
from gateway.core.ports import Called, Joining, Lease, Store, Superseded
from gateway.core.retrying import may_repeat
from gateway.runs.journal import Journal
from gateway.runs.own_tools import answer_own
from gateway.runs.parking import crashed
from gateway.runs.ports import Ports
from gateway.runs.recovery import Recovery
from toolward.errors import Internal, ToolwardError
from toolward.types import (
    CallContext,
    Deferred,
    InputRequired,
    Principal,
    RunScope,
    RunState,
    ToolCall,
    text_result,
)

log = logging.getLogger(__name__)


class _Waits(Exception):
    """People were asked something meanwhile, or the run was paused or ended."""


class Calling:
    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        principal: Principal,
        agent: AgentDefinition,
        ports: Ports,
        sources: RunSources,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._principal = principal
        self._agent = agent
        self._ports = ports
        self._sources = sources
        self._recovery = Recovery(journal, lease, principal, agent, ports)

    async def go_on(self, step: CallTools) -> None:
        """Raises Superseded, and what the ledger raises, when all calls have come to their ends."""
        settled, begun, unknown = await self._plan(step)
        together = [called for called in begun if not self._ports.facts(called.tool).changes]
        in_order = [called for called in begun if self._ports.facts(called.tool).changes]
        again = {call.id for call in step.ready}
        plain = [called for called in together if called.call_id not in again]
        for call in unknown:
            await self._recovery.ask(call)
        if settled:
            await self._journal.amend(lambda _: (*settled, *plain), lease=self._lease)
        elif plain:
            await self._journal.amend_soon(lambda _: plain, lease=self._lease)
        work = [self._perform(called, begun=called.call_id not in again) for called in together]
        if in_order:
            work.append(self._perform_in_order(in_order))
        if len(work) == 1:  # as a rule; a task of its own would cost more than the rest of this
            await work[0]
            return
        for failure in await asyncio.gather(*work, return_exceptions=True):
            if failure is not None:  # all others have ended: no outcome is lost
                raise failure

    async def _plan(self, step: CallTools) -> tuple[list[ev.Event], list[ev.ToolCalled], list[Call]]:
        """What is settled without a call, the calls to make, and those of which people must say what became of
        them."""
        settled: list[ev.Event] = []
        begun: list[ev.ToolCalled] = []
        unknown: list[Call] = []
        for call in step.ready:
            if (observation := people_said(call)) is not None:
                settled.append(returned(call.id, observation))
            else:
                begun.append(called_again(call))
        for call in step.orphans:
            if may_repeat(self._ports.facts(call.tool), call.key):
                begun.append(called_again(call, ended=not crashed(self._lease)))
            else:
                unknown.append(call)
        offer = self._ports.tools_for(self._principal, self._agent)
        state = self._journal.state
        for made, (index, use) in enumerate(step.uses, state.spent.calls):
            target = resolve(use, offer.names, calls_made=made, limits=self._agent.limits)
            name = target if isinstance(target, str) else ""
            called = first_called(
                self._journal.run_id, step.turn, index, use, name, self._ports.ids.new("call")
            )
            if target is None:
                target = await answer_own(use, state, offer, self._ports.ledger)
            if isinstance(target, Observation):
                settled += [called, returned(called.call_id, target)]
            else:
                begun.append(called)
        return settled, sorted(begun, key=lambda called: called.index), unknown

    async def _perform_in_order(self, calls: Sequence[ev.ToolCalled]) -> None:
        for called in calls:
            if _waits(self._journal.state, called):
                return
            await self._perform(called, begun=False)

    async def _perform(self, called: ev.ToolCalled, *, begun: bool) -> None:
        """Make one call. Unless it has `begun` in the log, that is stored with its intent; where there is none (it
        is denied, or people are asked) with what came of it."""
        started = self._ports.clock.monotonic()

        async def join(store: Store) -> None:
            nonlocal begun
            await self._journal.amend(lambda state: _begin(state, called), store, lease=self._lease)
            begun = True

        whole = ""
        try:
            came, whole = self._came_of(
                called, await self._dispatch(called, None if begun else join), started
            )
        except _Waits:
            return
        except Superseded:
            raise
        except ToolwardError as error:
            came = (returned(called.call_id, refused(error), self._since(started)),)
        try:
            await self._store(called, came, begun=begun, whole=whole)
        except Superseded:
            await self._recovery.came_late(called.call_id, came)
            raise

    async def _store(
        self, called: ev.ToolCalled, came: Sequence[ev.Event], *, begun: bool, whole: str
    ) -> None:
        """`whole` is all of a text that is cut in the event."""
        encoding = partial(encode, whole=(whole,)) if whole else encode
        await self._journal.amend(
            lambda state: came if begun else () if _waits(state, called) else (called, *came),
            lease=self._lease,
            encoding=encoding,
        )

    def _came_of(self, called: ev.ToolCalled, made: Called, started: float) -> tuple[Sequence[ev.Event], str]:
        outcome = made.outcome
        if isinstance(outcome, InputRequired):
            return [requested(called.call_id, request) for request in outcome.requests], ""
        if isinstance(outcome, Deferred):
            outcome = text_result(f"The run {outcome.run_id} was started. It works on its own.")
        seen = msgspec.structs.replace(observed(outcome, made.note), effect=made.effect, rule=made.rule)
        return [returned(called.call_id, seen, self._since(started))], whole_of(seen)

    async def _dispatch(self, called: ev.ToolCalled, joining: Joining | None) -> Called:
        call = ToolCall(called.tool, called.arguments_json.encode(), called.call_id, called.key)
        agent = self._agent
        state = self._journal.state
        known = self._sources.before(state, called.turn)
        scope = RunScope(
            self._journal.run_id,
            agent.name,
            agent.tools,
            self._lease.epoch,
            agent.people,
            known.untrusted,
            made=tuple(dict.fromkeys(effect.tool for effect in state.made)),
        )
        with self._ports.observer.call(state.run, called) as performing:
            context = CallContext(
                timeout=self._time_left(),
                run=scope,
                in_force=self._in_force,
                origins=known,
                traceparent=performing.traceparent,
                hops=state.hops,
            )
            try:
                made = await self._ports.dispatch.call(self._principal, call, context, joining=joining)
            except (ToolwardError, _Waits):
                raise
            except Exception:  # a bug of ours in the way to the tool must not end the run
                log.exception("the call of %s failed inside", called.tool)
                hint = "The log says why."
                raise Internal(f"The call of {called.tool} failed inside.", hint=hint) from None
            performing.came(made)
            return made

    def _in_force(self) -> bool:
        return self._ports.leases.in_force(self._lease)

    def _time_left(self) -> float | None:
        """Seconds that the run may still work; None where it has no limit of time."""
        seconds = self._agent.limits.seconds
        return max(seconds - self._journal.state.spent.ms / 1000, 1.0) if seconds else None

    def _since(self, started: float) -> int:
        return round((self._ports.clock.monotonic() - started) * 1000)


def _waits(state: RunStateData, called: ev.ToolCalled) -> bool:
    """What was not called yet may count on what is being asked, so it waits with it; nothing is begun in a run that
    is paused or over."""
    if state.run.state is not RunState.RUNNING:
        return True
    turn = state.turns[called.turn - 1]
    return turn.asked and not any(call.id == called.call_id for call in turn.begun)


def _begin(state: RunStateData, called: ev.ToolCalled) -> tuple[ev.ToolCalled]:
    if _waits(state, called):
        raise _Waits
    return (called,)
