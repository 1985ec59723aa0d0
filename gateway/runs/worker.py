"""Work on one run: look at its state, take the next step, record what came of it, again."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from gateway.agent import events as ev
from gateway.agent.context import Observation, messages, observed, refused, told
from gateway.agent.definition import AgentDefinition
from gateway.agent.loop import (
    CallModel,
    CallTools,
    Complete,
    Fail,
    Step,
    WaitForInput,
    arguments_of,
    next_step,
    resolve,
)
from gateway.agent.state import Call, IllegalTransition, RunStateData
from gateway.core.catalog import ToolFacts
from gateway.core.ports import (
    Called,
    Caller,
    Clock,
    Ids,
    Joining,
    LedgerPort,
    ModelPort,
    ModelReply,
    ModelRequest,
    ModelTool,
    RunLogPort,
    Store,
    ToolUse,
)
from gateway.runs.answers import settle_answers
from gateway.runs.feed import Feed
from gateway.runs.journal import Journal
from gateway.runs.recovery import may_repeat, outcome_unknown
from toolward.errors import Internal, ToolwardError
from toolward.types import (
    CallContext,
    Deferred,
    InputRequired,
    Principal,
    RunScope,
    RunState,
    Tool,
    ToolCall,
    text_result,
)

log = logging.getLogger(__name__)

OfferedTool = tuple[str, str, Tool]
"""A tool as an agent gets it: alias, qualified name, tool."""


class RunLedger(LedgerPort, RunLogPort, Protocol):
    """Both sides of the ledger that runs need."""


class Ports(NamedTuple):
    """What work on runs needs from the rest of the house."""

    ledger: RunLedger
    dispatch: Caller
    models: Callable[[AgentDefinition], ModelPort]
    tools_for: Callable[[Principal, AgentDefinition], Sequence[OfferedTool]]
    facts: Callable[[str], ToolFacts]  # by qualified name
    clock: Clock
    ids: Ids
    feed: Feed


class _Waits(Exception):
    """People were asked something meanwhile."""


class Worker:
    """Takes one run as far as it can go now."""

    def __init__(self, journal: Journal, agents: Mapping[str, AgentDefinition], ports: Ports) -> None:
        self._journal = journal
        self._agents = agents
        self._ports = ports

    @property
    def _state(self) -> RunStateData:
        return self._journal.state

    async def drive(self) -> None:
        """Returns when the run has ended or waits for people. Raises what the ledger raises."""
        try:
            while await self._advance():
                pass
        except IllegalTransition:
            if not self._state.run.state.ended:  # else it was cancelled meanwhile
                raise

    async def _advance(self) -> bool:
        """One step; whether there is another."""
        state = self._state
        if state.run.state.ended:
            return False
        if state.run.state is RunState.QUEUED:
            await self._journal.write(ev.RunTakenUp())
            return True
        agent = self._agents.get(state.run.agent)
        step = next_step(state, (agent or state.definition).limits)
        if isinstance(step, WaitForInput):
            await settle_answers(self._journal, self._ports.ledger, self._ports.clock)
            return self._state is not state
        if agent is None:
            text = f"There is no agent named {state.run.agent} any more."
            await self._journal.write(ev.RunFailed(code="not_found", message=text))
            return False
        await self._take(step, agent)
        return True

    async def _take(self, step: Step, agent: AgentDefinition) -> None:
        match step:
            case CallModel():
                await self._call_model(step, agent)
            case CallTools():
                await self._call_tools(step, agent)
            case Complete(answer):
                await self._journal.write(ev.RunCompleted(answer=answer))
            case Fail(code, message, answer):
                await self._journal.write(ev.RunFailed(code=code, message=message, answer=answer))
            case WaitForInput():
                pass

    # --- the model

    async def _call_model(self, step: CallModel, agent: AgentDefinition) -> None:
        started = self._ports.clock.monotonic()
        try:
            reply = await self._ask(step, agent)
        except ToolwardError as error:
            await self._journal.write(ev.RunFailed(code=error.code, message=error.text))
            return
        await self._journal.write(
            ev.ModelReplied(
                turn=step.turn,
                text=_storable(reply.text),
                tool_uses=tuple(_storable_use(use) for use in reply.tool_uses),
                stop=reply.stop,
                usage=reply.usage,
                model=reply.model,
                duration_ms=self._since(started),
                last=step.last,
            )
        )

    async def _ask(self, step: CallModel, agent: AgentDefinition) -> ModelReply:
        try:
            offered = () if step.last else self._ports.tools_for(self._journal.principal, agent)
            tools = tuple(ModelTool(alias, tool.description, tool.input_schema) for alias, _, tool in offered)
            request = ModelRequest(messages(self._state, last=step.last), tools)
            on_text = partial(self._ports.feed.text, self._journal.run_id, step.turn)
            return await self._ports.models(agent).reply(request, on_text)
        except ToolwardError:
            raise
        except Exception:  # a bug in an adapter must not end the gateway's work
            log.exception("the model endpoint of %s failed inside", agent.name)
            raise Internal("The model endpoint's adapter failed inside.", hint="The log says why.") from None

    # --- tools

    async def _call_tools(self, step: CallTools, agent: AgentDefinition) -> None:
        """Calls that only read go out together; those that change things one after the other, in the model's
        order. Each is on record before it goes out, and its outcome as soon as it is there: what reads in one
        piece, what changes things or may have been approved each in one transaction with its intent."""
        settled, begun = self._plan(step, agent)
        together = [called for called in begun if not self._ports.facts(called.tool).changes]
        in_order = [called for called in begun if self._ports.facts(called.tool).changes]
        again = {call.id for call in step.ready}
        plain = [called for called in together if called.call_id not in again]
        await self._journal.write(*settled, *plain)
        work = [self._perform(called, agent, begun=called.call_id not in again) for called in together]
        if in_order:
            work.append(self._perform_in_order(in_order, agent))
        for failure in await asyncio.gather(*work, return_exceptions=True):
            if failure is not None:  # all others have ended: no outcome is lost
                raise failure

    def _plan(self, step: CallTools, agent: AgentDefinition) -> tuple[list[ev.Event], list[ev.ToolCalled]]:
        """What is settled without a call, and the calls to make."""
        settled: list[ev.Event] = []
        begun: list[ev.ToolCalled] = []
        for call in (*step.ready, *step.orphans):
            if (observation := self._without_calling(call)) is not None:
                settled.append(_returned(call.id, observation))
            else:
                begun.append(_again(call, step.turn))
        offered = {alias: name for alias, name, _ in self._ports.tools_for(self._journal.principal, agent)}
        for made, (index, use) in enumerate(step.uses, self._state.run.calls):
            target = resolve(use, offered, calls_made=made, limits=agent.limits)
            called = self._first(step.turn, index, use, target if isinstance(target, str) else "")
            if isinstance(target, Observation):
                settled += [called, _returned(called.call_id, target)]
            else:
                begun.append(called)
        return settled, sorted(begun, key=lambda called: called.index)

    def _without_calling(self, call: Call) -> Observation | None:
        if call.answers:
            said = (told(answer, call.tool) for answer in call.answers)
            return next((observation for observation in said if observation is not None), None)
        return None if may_repeat(self._ports.facts(call.tool)) else outcome_unknown(call.tool)

    def _first(self, turn: int, index: int, use: ToolUse, tool: str) -> ev.ToolCalled:
        return ev.ToolCalled(
            turn=turn,
            index=index,
            call_id=self._ports.ids.new("call"),
            use_id=use.id,
            tool=tool,
            alias=use.name,
            arguments_json=arguments_of(use),
            key=f"{self._journal.run_id}/{turn}/{index}",
        )

    async def _perform_in_order(self, calls: Sequence[ev.ToolCalled], agent: AgentDefinition) -> None:
        for called in calls:
            if _waits(self._state, called):
                return
            await self._perform(called, agent, begun=False)

    async def _perform(self, called: ev.ToolCalled, agent: AgentDefinition, *, begun: bool) -> None:
        """Make one call. Unless it has `begun` in the log, that is stored with its intent; where there is none (it
        is denied, or people are asked) with what came of it."""
        started = self._ports.clock.monotonic()

        async def join(store: Store) -> None:
            nonlocal begun
            await self._journal.amend(lambda state: _begin(state, called), store)
            begun = True

        try:
            made = await self._dispatch(called, agent, None if begun else join)
            came = self._came_of(called, made, started)
        except _Waits:
            return
        except ToolwardError as error:
            came = [_returned(called.call_id, refused(error), self._since(started))]
        if begun:
            await self._journal.write(*came)
        else:
            await self._journal.amend(lambda state: () if _waits(state, called) else (called, *came))

    def _came_of(self, called: ev.ToolCalled, made: Called, started: float) -> list[ev.Event]:
        outcome = made.outcome
        if isinstance(outcome, InputRequired):
            return [*_requested(called.call_id, outcome)]
        if isinstance(outcome, Deferred):
            outcome = text_result(f"The run {outcome.run_id} was started. It works on its own.")
        seen = msgspec.structs.replace(observed(outcome, made.note), effect=made.effect, rule=made.rule)
        return [_returned(called.call_id, seen, self._since(started))]

    async def _dispatch(
        self, called: ev.ToolCalled, agent: AgentDefinition, joining: Joining | None
    ) -> Called:
        call = ToolCall(called.tool, called.arguments_json.encode(), called.call_id, called.key)
        context = CallContext(
            run=RunScope(self._journal.run_id, agent.name, agent.tools, people=agent.people)
        )
        try:
            return await self._ports.dispatch.call(self._journal.principal, call, context, joining=joining)
        except (ToolwardError, _Waits):
            raise
        except Exception:  # a bug of ours in the way to the tool must not end the run
            log.exception("the call of %s failed inside", called.tool)
            raise Internal(f"The call of {called.tool} failed inside.", hint="The log says why.") from None

    def _since(self, started: float) -> int:
        return round((self._ports.clock.monotonic() - started) * 1000)


def _waits(state: RunStateData, called: ev.ToolCalled) -> bool:
    """What was not called yet may count on what is being asked, so it waits with it."""
    known = state.turns[-1].begun if state.turns else ()
    return bool(state.asked) and not any(call.id == called.call_id for call in known)


def _begin(state: RunStateData, called: ev.ToolCalled) -> tuple[ev.ToolCalled]:
    if _waits(state, called):
        raise _Waits
    return (called,)


def _again(call: Call, turn: int) -> ev.ToolCalled:
    return ev.ToolCalled(
        turn=turn,
        index=call.index,
        call_id=call.id,
        use_id=call.use_id,
        tool=call.tool,
        alias=call.alias,
        arguments_json=call.arguments_json,
        key=call.key,
    )


def _returned(call_id: str, observation: Observation, duration_ms: int = 0) -> ev.ToolReturned:
    return ev.ToolReturned(
        call_id=call_id,
        code=observation.code,
        is_error=observation.is_error,
        text=_storable(observation.text),
        structured=observation.structured,
        trust=observation.trust,
        effect=observation.effect,
        rule=observation.rule,
        duration_ms=duration_ms,
    )


def _requested(call_id: str, required: InputRequired) -> list[ev.InputRequested]:
    return [
        ev.InputRequested(
            call_id=call_id,
            request_id=request.id,
            kind=request.kind,
            prompt=request.prompt,
            approvers=request.approvers,
            expires_at=request.expires_at,
            choices=request.choices,
        )
        for request in required.requests
    ]


def _storable(text: str) -> str:
    """JSON can smuggle in halves of surrogate pairs, which no UTF-8 has."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _storable_use(use: ToolUse) -> ToolUse:
    return msgspec.structs.replace(
        use, id=_storable(use.id), name=_storable(use.name), arguments_json=_storable(use.arguments_json)
    )
