"""How a run moves: the fold from its events to its state. All transitions are here, and nowhere else,
so it is a long file.

    event             in state                              makes it
    run_started       (none)                                queued
    run_taken_up      queued                                running
    message_received  all but cancelled                     queued, if it waited for people or had ended
    model_replied     running, paused                       the same, or input_required
    tool_called       running                               running
    tool_returned     running, paused                       the same, or input_required
                      input_required (a late one)           queued
    input_requested   running, paused                       the same, or input_required
    input_answered    running, input_required, paused       queued from input_required, otherwise the same
    results_folded    running, paused                       the same
    turns_summarised  running, paused                       the same
    input_classified  running, paused                       the same
    limit_reached     running, paused                       the same
    run_paused        queued, running, input_required       paused
    run_resumed       paused                                queued, or input_required
    run_retried       any but an ended one (of the parent)  queued, as another run
    run_rated         any                                   the same
    run_completed     running                               completed
    run_failed        queued, running                       failed
    run_cancelled     all that have not ended               cancelled

`input_required` comes of itself when a call waits for people and nothing else can go on. A call of a turn is
*uncalled*, then *in flight*, then it has an outcome; or it *waits* for answers, and is *ready* when all have come.
When the conversation goes on while calls wait, their turn is *set aside*: its outcomes come beside the later turns.
`waiting` (for a child run) has no events yet.
"""
# Longer than other files, since one place for all transitions is worth more than its length.

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from gateway.agent import events as ev
from gateway.agent.context import MARKS, RESULTS_ARE_DATA, utf8
from gateway.agent.conversation import (
    Call,
    Item,
    RunStateData,
    Seen,
    Spent,
    Turn,
    set_aside,
    with_call,
    with_run,
)
from gateway.agent.measuring import charged, counted, measured, sized
from gateway.agent.model_requests import apply
from gateway.agent.stored import decode
from gateway.core.questions import GO_ON
from toolward.errors import Internal
from toolward.types import Run, RunEvent, RunState

__all__ = ["IllegalTransition", "RunStateData", "advance", "begin", "fold", "follow", "retried"]

LONGEST_STEP = 600_000
"""Milliseconds between two events that count as work at most: while a gateway was down nobody worked."""

_UNFINISHED = frozenset(state for state in RunState if not state.ended)
_RUNNING = frozenset({RunState.RUNNING})
_AT_WORK = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.PAUSED})
"""What is under way when a run is paused, and queued again by who resumes it, comes to its end all the same."""

_ALLOWED: Mapping[type[ev.Event], frozenset[RunState]] = {
    ev.RunTakenUp: frozenset({RunState.QUEUED}),
    ev.MessageReceived: frozenset(RunState) - {RunState.CANCELLED},
    ev.ModelReplied: _AT_WORK,
    ev.ToolCalled: _RUNNING,
    ev.ToolReturned: _AT_WORK | {RunState.INPUT_REQUIRED},
    ev.InputRequested: _AT_WORK,
    ev.InputAnswered: _AT_WORK | {RunState.INPUT_REQUIRED},
    ev.ResultsFolded: _AT_WORK,
    ev.TurnsSummarised: _AT_WORK,
    ev.InputClassified: _AT_WORK,
    ev.LimitReached: _AT_WORK,
    ev.RunPaused: frozenset({RunState.QUEUED, RunState.RUNNING, RunState.INPUT_REQUIRED}),
    ev.RunResumed: frozenset({RunState.PAUSED}),
    ev.RunRetried: _UNFINISHED,
    ev.RunRated: frozenset(RunState),
    ev.RunCompleted: _RUNNING,
    ev.RunFailed: frozenset({RunState.QUEUED, RunState.RUNNING}),
    ev.RunCancelled: _UNFINISHED,
}


class IllegalTransition(Internal):
    """An event that the state does not allow: a damaged log, or a bug of ours."""


def fold(events: Iterable[RunEvent]) -> RunStateData:
    """The state after these events, which begin with the first and have no gap.

    Raises IllegalTransition for a log that cannot be, UnreadableEvent for one of another version.
    """
    state: RunStateData | None = None
    for stored in events:
        state = follow(state, stored)
    if state is None:
        raise IllegalTransition("A run without events has no state.")
    return state


def follow(state: RunStateData | None, stored: RunEvent) -> RunStateData:
    """The state after one more event as it is stored. Raises as `fold`."""
    event = decode(stored)
    if state is None:
        state = begin(stored.run_id, event, stored.at)
    elif isinstance(event, ev.RunRetried):
        state = retried(state, stored.run_id, event, stored.at)
    else:
        state = advance(state, event, stored.at)
    if stored.seq != state.seq:
        raise IllegalTransition(
            f"The log of the run {stored.run_id} has event {stored.seq} where {state.seq} must be.",
            hint="Restore the ledger from a copy.",
        )
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
    said = (event.definition.instructions, RESULTS_ARE_DATA, *(one.text for one in event.before), event.input)
    seen = Seen(size=sum(map(utf8, said)))
    return RunStateData(
        run,
        event.tenant,
        event.definition,
        seq=1,
        before=event.before,
        seen=seen,
        scopes=event.scopes,
        api_key=event.api_key,
        hops=event.hops,
    )


def retried(state: RunStateData, run_id: str, event: ev.RunRetried, at: int) -> RunStateData:
    """The state of a new run, which goes on from another's. What was under way there is begun anew here. Raises
    IllegalTransition where that one had ended."""
    _check(state, event)
    if event.after != state.seq:
        raise _illegal(state, event, f"it shares {event.after} events")
    turns = tuple(turn.renewed() for turn in state.turns)
    run = msgspec.structs.replace(
        state.run,
        id=run_id,
        owner=event.owner,
        state=RunState.QUEUED,
        calls=sum(len(turn.begun) for turn in turns),
        input_tokens=0,
        output_tokens=0,
        cost=0,
        unpriced=False,
        created_at=at,
        updated_at=at,
        last_seq=state.seq + 1,
        parent=event.parent,
    )
    return msgspec.structs.replace(
        state,
        run=run,
        seq=state.seq + 1,
        turns=turns,
        unsettled=tuple(turn.number for turn in turns if not turn.settled),
        ms=0,
        since=Spent(len(turns), run.calls),
        reached=None,
        made=(*state.made, *event.effects),
        parked="",
        verdict=None,
        scopes=event.scopes,
        api_key=event.api_key,
    )


def advance(state: RunStateData, event: ev.Event, at: int) -> RunStateData:
    """The state after one more event. Raises IllegalTransition."""
    _check(state, event)
    moved = _call(state, event, at) if isinstance(event, ev.ToolCalled) else _STEPS[type(event)](state, event)
    run = msgspec.structs.replace(moved.run, updated_at=at, last_seq=state.seq + 1)
    worked = min(at - state.run.updated_at, LONGEST_STEP) if state.run.state is RunState.RUNNING else 0
    return msgspec.structs.replace(moved, run=run, seq=state.seq + 1, ms=moved.ms + max(worked, 0))


def _check(state: RunStateData, event: ev.Event) -> None:
    if state.run.state not in _ALLOWED.get(type(event), ()):
        raise _illegal(state, event, f"it is {state.run.state.value}")


def _take_up(state: RunStateData, _event: ev.RunTakenUp) -> RunStateData:
    return _rest(with_run(state, state=RunState.RUNNING))


def _message(state: RunStateData, event: ev.MessageReceived) -> RunStateData:
    items = (*state.items, Item(message=event))
    moved = msgspec.structs.replace(
        sized(state, event.text),
        items=items,
        since=state.used,
        reached=None,
        verdict=None,
        hops=max(state.hops, event.hops),
    )
    if state.run.state is RunState.INPUT_REQUIRED and not state.parked:
        moved = with_run(set_aside(moved), state=RunState.QUEUED)
    elif state.run.state.ended:
        moved = with_run(moved, state=RunState.QUEUED, answer="", error_code="", error_message="")
    return moved


def _reply(state: RunStateData, event: ev.ModelReplied) -> RunStateData:
    if event.turn != len(state.turns) + 1 or (state.turns and not state.turns[-1].over):
        raise _illegal(state, event, f"turn {event.turn} cannot begin yet")
    if event.heard > len(state.items):
        raise _illegal(state, event, f"it heard {event.heard} things and there were {len(state.items)}")
    turn = Turn(event, (None,) * len(event.tool_uses))
    run = msgspec.structs.replace(charged(state.run, event), turns=event.turn)
    asked = event.request
    state = counted(state, event)
    return _rest(
        msgspec.structs.replace(
            state,
            run=run,
            turns=(*state.turns, turn),
            unsettled=(*state.unsettled, *(() if turn.settled else (turn.number,))),
            refs=apply(state.refs, asked) if asked else (),
            tools=asked.tools if asked else "",
        )
    )


def _call(state: RunStateData, event: ev.ToolCalled, at: int) -> RunStateData:
    turn = state.turns[event.turn - 1] if 0 < event.turn <= len(state.turns) else None
    if turn is None or not 0 <= event.index < len(turn.calls):
        raise _illegal(state, event, f"turn {event.turn} has no such tool use")
    known = turn.calls[event.index]
    if known is None:
        call = Call(
            id=event.call_id,
            turn=event.turn,
            index=event.index,
            use_id=event.use_id,
            tool=event.tool,
            alias=event.alias,
            arguments_json=event.arguments_json,
            key=event.key,
            at=at,
        )
        return with_run(with_call(state, call), calls=state.run.calls + 1)
    if known.id != event.call_id or not (known.ready or known.in_flight):
        raise _illegal(state, event, f"the call {known.id} is not to be repeated")
    crashed = known.in_flight and not event.ended
    repeated = msgspec.structs.replace(
        known, attempts=known.attempts + 1, crashes=known.crashes + crashed, answers=()
    )
    return with_call(state, repeated)


def _return(state: RunStateData, event: ev.ToolReturned) -> RunStateData:
    call = _open_call(state, event, event.call_id)
    if (call.waits or state.run.state is RunState.INPUT_REQUIRED) and not (call.waits and event.late):
        raise _illegal(state, event, f"the call {call.id} waits for an answer")
    beside = state.turns[call.turn - 1].set_aside
    returned = msgspec.structs.replace(call, outcome=event, answers=(), asked=(), beside=beside)
    moved = sized(with_call(state, returned), event.text, MARKS)
    if event.whole and not moved.cut:
        moved = msgspec.structs.replace(moved, cut=True)
    if beside:
        moved = msgspec.structs.replace(moved, items=(*moved.items, Item(call_id=call.id)))
    if moved.run.state is RunState.INPUT_REQUIRED:
        return with_run(moved, state=RunState.QUEUED)
    return _rest(moved)


def _request(state: RunStateData, event: ev.InputRequested) -> RunStateData:
    if not event.call_id:
        if state.parked:
            raise _illegal(state, event, "the run waits for a person already")
        return _rest(msgspec.structs.replace(state, parked=event.request_id, verdict=None))
    call = _open_call(state, event, event.call_id)
    asked = (*call.asked, event.request_id)
    return _rest(with_call(state, msgspec.structs.replace(call, asked=asked, kind=event.kind)))


def _answer(state: RunStateData, event: ev.InputAnswered) -> RunStateData:
    concerned = [call for turn in state.open_turns for call in turn.begun if event.request_id in call.asked]
    if event.request_id == state.parked:
        state = _unpark(state, event)
    elif not concerned:
        raise _illegal(state, event, f"nothing waits for {event.request_id}")
    for call in concerned:
        left = tuple(request for request in call.asked if request != event.request_id)
        state = with_call(state, msgspec.structs.replace(call, asked=left, answers=(*call.answers, event)))
    return with_run(state, state=RunState.QUEUED) if state.run.state is RunState.INPUT_REQUIRED else state


def _unpark(state: RunStateData, event: ev.InputAnswered) -> RunStateData:
    if event.choice != GO_ON:
        return msgspec.structs.replace(state, parked="", verdict=event)
    for turn in state.open_turns:
        for call in turn.begun:
            state = with_call(state, msgspec.structs.replace(call, crashes=0))
    return msgspec.structs.replace(state, parked="")


def _folded(state: RunStateData, event: ev.ResultsFolded) -> RunStateData:
    if not state.seen.folded < event.turn <= len(state.turns):
        raise _illegal(state, event, f"the results up to turn {state.seen.folded} are folded")
    return measured(state, msgspec.structs.replace(state.seen, folded=event.turn))


def _summarised(state: RunStateData, event: ev.TurnsSummarised) -> RunStateData:
    if not state.seen.summarised < event.turn <= len(state.turns):
        raise _illegal(state, event, f"the turns up to {state.seen.summarised} are summarised")
    if any(turn.number <= event.turn for turn in state.open_turns):
        raise _illegal(state, event, f"a call of the turns up to {event.turn} has no outcome")
    paid = msgspec.structs.replace(state, run=charged(state.run, event))
    folded = max(state.seen.folded, event.turn)
    return measured(paid, msgspec.structs.replace(state.seen, folded=folded, summary=event))


def _classified(state: RunStateData, event: ev.InputClassified) -> RunStateData:
    if event.turn != len(state.turns) + 1:
        raise _illegal(state, event, f"turn {event.turn} does not begin now")
    return msgspec.structs.replace(state, classified=event, run=charged(state.run, event))


def _reached(state: RunStateData, event: ev.LimitReached) -> RunStateData:
    return msgspec.structs.replace(state, reached=event)


def _pause(state: RunStateData, _event: ev.RunPaused) -> RunStateData:
    return with_run(state, state=RunState.PAUSED)


def _resume(state: RunStateData, _event: ev.RunResumed) -> RunStateData:
    rested = _rest(with_run(state, state=RunState.RUNNING))
    return rested if rested.run.state is RunState.INPUT_REQUIRED else with_run(rested, state=RunState.QUEUED)


def _rate(state: RunStateData, _event: ev.RunRated) -> RunStateData:
    return state


def _complete(state: RunStateData, event: ev.RunCompleted) -> RunStateData:
    return with_run(state, state=RunState.COMPLETED, answer=event.answer)


def _fail(state: RunStateData, event: ev.RunFailed) -> RunStateData:
    return with_run(
        state,
        state=RunState.FAILED,
        answer=event.answer,
        error_code=event.code,
        error_message=event.message,
    )


def _cancel(state: RunStateData, event: ev.RunCancelled) -> RunStateData:
    return with_run(
        state,
        state=RunState.CANCELLED,
        error_code="cancelled",
        error_message=f"Cancelled by {event.by}.",
    )


_STEPS: Mapping[type[ev.Event], Callable[[RunStateData, Any], RunStateData]] = {
    ev.RunTakenUp: _take_up,
    ev.MessageReceived: _message,
    ev.ModelReplied: _reply,
    ev.ToolReturned: _return,
    ev.InputRequested: _request,
    ev.InputAnswered: _answer,
    ev.ResultsFolded: _folded,
    ev.TurnsSummarised: _summarised,
    ev.InputClassified: _classified,
    ev.LimitReached: _reached,
    ev.RunPaused: _pause,
    ev.RunResumed: _resume,
    ev.RunRated: _rate,
    ev.RunCompleted: _complete,
    ev.RunFailed: _fail,
    ev.RunCancelled: _cancel,
}


def _rest(state: RunStateData) -> RunStateData:
    """The run waits for people when a call does, or it does itself, and nothing else can go on. What was said
    meanwhile lets the conversation go on without what waits."""
    if state.run.state is not RunState.RUNNING or not state.asked:
        return state
    if state.parked:
        return with_run(state, state=RunState.INPUT_REQUIRED)
    if any(turn.can_go_on for turn in state.open_turns):
        return state
    last = state.turns[-1]
    if last.settled and last.reply.tool_uses:  # an older turn waits; the model is to be told of this one
        return state
    if state.unheard:
        return set_aside(state)
    return with_run(state, state=RunState.INPUT_REQUIRED)


def _open_call(state: RunStateData, event: ev.Event, call_id: str) -> Call:
    calls = (call for turn in state.open_turns for call in turn.begun)
    call = next((call for call in calls if call.id == call_id), None)
    if call is None or call.outcome is not None:
        raise _illegal(state, event, f"the call {call_id} is not under way")
    return call


def _illegal(state: RunStateData, event: ev.Event, why: str) -> IllegalTransition:
    name = ev.NAMES[type(event)]
    return IllegalTransition(f"The run {state.run.id} cannot take {name} after event {state.seq}: {why}.")
