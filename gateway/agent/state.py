"""How a run moves: the fold from its events to its state. All transitions are here, and nowhere else.

    event             in state                    makes it
    run_started       (none)                      queued
    run_taken_up      queued                      running
    model_replied     running                     running
    tool_called       running                     running
    tool_returned     running                     running, or input_required when what is left waits for people
    input_requested   running                     the same
    input_answered    running, input_required     queued from input_required, otherwise running
    run_completed     running                     completed
    run_failed        queued, running             failed
    run_cancelled     all that have not ended     cancelled

A call of a turn is *uncalled*, then *in flight*, then it has an outcome; or it *waits* for answers, and is
*ready* when all have come. `waiting` (for a child run) and `paused` have no events yet.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.core.ports import ToolUse
from toolward.errors import Internal
from toolward.types import Run, RunEvent, RunState

_UNFINISHED = frozenset(state for state in RunState if not state.ended)
_RUNNING = frozenset({RunState.RUNNING})

_ALLOWED: Mapping[type[ev.Event], frozenset[RunState]] = {
    ev.RunTakenUp: frozenset({RunState.QUEUED}),
    ev.ModelReplied: _RUNNING,
    ev.ToolCalled: _RUNNING,
    ev.ToolReturned: _RUNNING,
    ev.InputRequested: _RUNNING,
    ev.InputAnswered: frozenset({RunState.RUNNING, RunState.INPUT_REQUIRED}),
    ev.RunCompleted: _RUNNING,
    ev.RunFailed: frozenset({RunState.QUEUED, RunState.RUNNING}),
    ev.RunCancelled: _UNFINISHED,
}


class IllegalTransition(Internal):
    """An event that the state does not allow: a damaged log, or a bug of ours."""


class Call(msgspec.Struct, frozen=True):
    """One call of a turn, as far as it has come. `asked` are the input requests without an answer."""

    id: str
    index: int
    use_id: str
    tool: str
    alias: str
    arguments_json: str
    key: str
    attempts: int = 1
    asked: tuple[str, ...] = ()
    answers: tuple[ev.InputAnswered, ...] = ()
    outcome: ev.ToolReturned | None = None

    @property
    def waits(self) -> bool:
        return bool(self.asked)

    @property
    def ready(self) -> bool:
        """People have answered, and nothing was made of it yet."""
        return self.outcome is None and bool(self.answers) and not self.asked

    @property
    def in_flight(self) -> bool:
        return self.outcome is None and not self.asked and not self.answers


class Turn(msgspec.Struct, frozen=True):
    """One reply of the model and its calls, one for each tool use; None where it is uncalled."""

    reply: ev.ModelReplied
    calls: tuple[Call | None, ...]

    @property
    def number(self) -> int:
        return self.reply.turn

    @property
    def begun(self) -> tuple[Call, ...]:
        return tuple(call for call in self.calls if call is not None)

    @property
    def uncalled(self) -> tuple[tuple[int, ToolUse], ...]:
        uses = enumerate(self.reply.tool_uses)
        return tuple((index, use) for index, use in uses if self.calls[index] is None)

    @property
    def settled(self) -> bool:
        return all(call is not None and call.outcome is not None for call in self.calls)


class RunStateData(msgspec.Struct, frozen=True):
    """Everything that a run's events say. `run` is the row that lists show."""

    run: Run
    tenant: str
    definition: AgentDefinition
    seq: int
    turns: tuple[Turn, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of the input requests that wait for an answer."""
        if not self.turns:
            return ()
        ids = (request for call in self.turns[-1].begun for request in call.asked)
        return tuple(dict.fromkeys(ids))


def fold(events: Iterable[RunEvent]) -> RunStateData:
    """The state after these events, which begin with the first and have no gap.

    Raises IllegalTransition for a log that cannot be, UnreadableEvent for one of another version.
    """
    state: RunStateData | None = None
    for stored in events:
        event = ev.decode(stored)
        state = advance(state, event, stored.at) if state else begin(stored.run_id, event, stored.at)
        if stored.seq != state.seq:
            raise IllegalTransition(
                f"The log of the run {stored.run_id} has event {stored.seq} where {state.seq} must be.",
                hint="Restore the ledger from a copy.",
            )
    if state is None:
        raise IllegalTransition("A run without events has no state.")
    return state


def begin(run_id: str, event: ev.Event, at: int) -> RunStateData:
    """The state after the first event. `at` is in Unix ms."""
    if not isinstance(event, ev.RunStarted):
        raise IllegalTransition(
            f"The log of the run {run_id} begins with {ev.NAMES[type(event)]}.",
            hint="Restore the ledger from a copy.",
        )
    run = Run(
        id=run_id,
        agent=event.agent,
        owner=event.owner,
        state=RunState.QUEUED,
        input=event.input,
        created_at=at,
        updated_at=at,
        last_seq=1,
    )
    return RunStateData(run, event.tenant, event.definition, seq=1)


def advance(state: RunStateData, event: ev.Event, at: int) -> RunStateData:
    """The state after one more event. Raises IllegalTransition."""
    if state.run.state not in _ALLOWED.get(type(event), ()):
        raise _illegal(state, event, f"it is {state.run.state.value}")
    moved = _STEPS[type(event)](state, event)
    run = msgspec.structs.replace(moved.run, updated_at=at, last_seq=state.seq + 1)
    return msgspec.structs.replace(moved, run=run, seq=state.seq + 1)


def _take_up(state: RunStateData, _event: ev.RunTakenUp) -> RunStateData:
    return _with_run(state, state=RunState.RUNNING)


def _reply(state: RunStateData, event: ev.ModelReplied) -> RunStateData:
    if event.turn != len(state.turns) + 1 or (state.turns and not state.turns[-1].settled):
        raise _illegal(state, event, f"turn {event.turn} cannot begin yet")
    turn = Turn(event, (None,) * len(event.tool_uses))
    run = msgspec.structs.replace(
        state.run,
        turns=event.turn,
        input_tokens=state.run.input_tokens + event.usage.input_tokens,
        output_tokens=state.run.output_tokens + event.usage.output_tokens,
    )
    return msgspec.structs.replace(state, run=run, turns=(*state.turns, turn))


def _call(state: RunStateData, event: ev.ToolCalled) -> RunStateData:
    if not state.turns or event.turn != len(state.turns) or not 0 <= event.index < len(state.turns[-1].calls):
        raise _illegal(state, event, f"turn {event.turn} has no such tool use")
    known = state.turns[-1].calls[event.index]
    if known is None:
        call = Call(
            id=event.call_id,
            index=event.index,
            use_id=event.use_id,
            tool=event.tool,
            alias=event.alias,
            arguments_json=event.arguments_json,
            key=event.key,
        )
        return _with_run(_with_call(state, call), calls=state.run.calls + 1)
    if known.id != event.call_id or not (known.ready or known.in_flight):
        raise _illegal(state, event, f"the call {known.id} is not to be repeated")
    repeated = msgspec.structs.replace(known, attempts=known.attempts + 1, answers=())
    return _with_call(state, repeated)


def _return(state: RunStateData, event: ev.ToolReturned) -> RunStateData:
    call = _open_call(state, event, event.call_id)
    if call.waits:
        raise _illegal(state, event, f"the call {call.id} waits for an answer")
    return _rest(_with_call(state, msgspec.structs.replace(call, outcome=event, answers=())))


def _request(state: RunStateData, event: ev.InputRequested) -> RunStateData:
    call = _open_call(state, event, event.call_id)
    asked = (*call.asked, event.request_id)
    return _rest(_with_call(state, msgspec.structs.replace(call, asked=asked)))


def _answer(state: RunStateData, event: ev.InputAnswered) -> RunStateData:
    concerned = (
        [call for call in state.turns[-1].begun if event.request_id in call.asked] if state.turns else []
    )
    if not concerned:
        raise _illegal(state, event, f"nothing waits for {event.request_id}")
    for call in concerned:
        left = tuple(request for request in call.asked if request != event.request_id)
        state = _with_call(state, msgspec.structs.replace(call, asked=left, answers=(*call.answers, event)))
    return _with_run(state, state=RunState.QUEUED) if state.run.state is RunState.INPUT_REQUIRED else state


def _complete(state: RunStateData, event: ev.RunCompleted) -> RunStateData:
    return _with_run(state, state=RunState.COMPLETED, answer=event.answer)


def _fail(state: RunStateData, event: ev.RunFailed) -> RunStateData:
    return _with_run(
        state,
        state=RunState.FAILED,
        answer=event.answer,
        error_code=event.code,
        error_message=event.message,
    )


def _cancel(state: RunStateData, event: ev.RunCancelled) -> RunStateData:
    return _with_run(
        state,
        state=RunState.CANCELLED,
        error_code="cancelled",
        error_message=f"Cancelled by {event.by}.",
    )


_STEPS: Mapping[type[ev.Event], Callable[[RunStateData, Any], RunStateData]] = {
    ev.RunTakenUp: _take_up,
    ev.ModelReplied: _reply,
    ev.ToolCalled: _call,
    ev.ToolReturned: _return,
    ev.InputRequested: _request,
    ev.InputAnswered: _answer,
    ev.RunCompleted: _complete,
    ev.RunFailed: _fail,
    ev.RunCancelled: _cancel,
}


def _rest(state: RunStateData) -> RunStateData:
    """The run waits for people when a call does and nothing else of the turn can go on."""
    calls = state.turns[-1].begun
    if any(call.waits for call in calls) and not any(call.in_flight or call.ready for call in calls):
        return _with_run(state, state=RunState.INPUT_REQUIRED)
    return state


def _open_call(state: RunStateData, event: ev.Event, call_id: str) -> Call:
    calls = state.turns[-1].begun if state.turns else ()
    call = next((call for call in calls if call.id == call_id), None)
    if call is None or call.outcome is not None:
        raise _illegal(state, event, f"the call {call_id} is not under way")
    return call


def _with_call(state: RunStateData, call: Call) -> RunStateData:
    turn = state.turns[-1]
    calls = (*turn.calls[: call.index], call, *turn.calls[call.index + 1 :])
    return msgspec.structs.replace(
        state, turns=(*state.turns[:-1], msgspec.structs.replace(turn, calls=calls))
    )


def _with_run(data: RunStateData, **changes: Any) -> RunStateData:
    return msgspec.structs.replace(data, run=msgspec.structs.replace(data.run, **changes))


def _illegal(state: RunStateData, event: ev.Event, why: str) -> IllegalTransition:
    name = ev.NAMES[type(event)]
    return IllegalTransition(f"The run {state.run.id} cannot take {name} after event {state.seq}: {why}.")
