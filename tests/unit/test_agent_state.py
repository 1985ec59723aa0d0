"""The fold from events to state: what may follow what, and that every prefix of a log is a state."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent import events as ev
from gateway.agent.loop import CallModel, CallTools, Complete, Fail, WaitForInput, next_step
from gateway.agent.state import IllegalTransition, RunStateData, advance, begin, fold
from gateway.agent.stored import UnreadableEvent
from tests.run_logs import (
    DEFINITION,
    STARTED,
    answered,
    asked,
    called,
    log_of,
    reply,
    returned,
    state_of,
    use,
)
from toolward.types import RunState

TAKEN = ev.RunTakenUp()


def test_a_run_is_queued_then_running_then_completed():
    state = state_of(TAKEN, reply(1, "Look.", [use()]), called(1), returned(1), reply(2, "It is on its way."))
    assert state_of().run.state is RunState.QUEUED
    assert state.run.state is RunState.RUNNING
    done = advance(state, ev.RunCompleted(answer="It is on its way."), 2_000)
    assert done.run.state is RunState.COMPLETED
    assert (done.run.answer, done.run.turns, done.run.calls) == ("It is on its way.", 2, 1)
    assert (done.run.input_tokens, done.run.output_tokens) == (20, 10)
    assert (done.run.created_at, done.run.updated_at) == (1_001, 2_000)


def test_it_waits_for_people_only_when_nothing_else_can_go_on():
    two = (TAKEN, reply(1, uses=[use(1), use(2)]), called(1, 0), called(1, 1), asked(1, 0))
    assert state_of(*two).run.state is RunState.RUNNING  # the other call is under way
    waiting = state_of(*two, returned(1, 1))
    assert waiting.run.state is RunState.INPUT_REQUIRED
    assert waiting.asked == ("req_1",)


def test_an_answer_queues_it_again_and_the_call_is_made_anew():
    waiting = (TAKEN, reply(1, uses=[use()]), called(1), asked(1))
    assert state_of(*waiting, answered()).run.state is RunState.QUEUED
    again = state_of(*waiting, answered(), TAKEN, called(1))
    (call,) = again.turns[-1].begun
    assert call.in_flight
    assert call.attempts == 2
    assert again.run.calls == 1


def test_one_answer_serves_every_call_that_asked_for_it():
    both = (TAKEN, reply(1, uses=[use(1), use(2)]), called(1, 0), called(1, 1), asked(1, 0), asked(1, 1))
    state = state_of(*both, answered())
    assert [call.ready for call in state.turns[-1].begun] == [True, True]


@pytest.mark.parametrize(
    "events",
    [
        [reply(1, "too early")],
        [TAKEN, TAKEN],
        [TAKEN, reply(2, "skips a turn")],
        [TAKEN, reply(1, uses=[use()]), reply(2, "before the call's outcome")],
        [TAKEN, called(1)],
        [TAKEN, reply(1, uses=[use()]), called(1, index=1)],
        [TAKEN, reply(1, uses=[use()]), returned(1)],
        [TAKEN, reply(1, uses=[use()]), called(1), returned(1), returned(1)],
        [TAKEN, reply(1, uses=[use()]), called(1), returned(1), called(1)],
        [TAKEN, reply(1, uses=[use()]), called(1), answered()],
        [TAKEN, reply(1, uses=[use()]), called(1), asked(1), returned(1)],
        [TAKEN, ev.RunCompleted(answer="done"), ev.RunCancelled(by="ada")],
        [ev.RunCancelled(by="ada"), TAKEN],
        [STARTED],
    ],
    ids=lambda events: "+".join(ev.NAMES[type(event)] for event in events),
)
def test_an_event_that_the_state_does_not_allow_is_refused(events: Sequence[ev.Event]):
    with pytest.raises(IllegalTransition):
        state_of(*events)


@pytest.mark.parametrize(
    "before",
    [
        [],
        [TAKEN],
        [TAKEN, reply(1, uses=[use()]), called(1)],
        [TAKEN, reply(1, uses=[use()]), called(1), asked(1)],
    ],
    ids=["queued", "running", "in a call", "waiting"],
)
def test_every_state_that_has_not_ended_can_be_cancelled(before: Sequence[ev.Event]):
    state = state_of(*before, ev.RunCancelled(by="ada"))
    assert state.run.state is RunState.CANCELLED
    assert state.run.error_message == "Cancelled by ada."


def test_a_log_with_a_gap_or_without_its_beginning_is_refused():
    log = log_of(TAKEN, reply(1, "x"))
    for damaged in ((log[0], log[2]), log[1:], ()):
        with pytest.raises(IllegalTransition):
            fold(damaged)


def test_an_event_of_another_version_is_named():
    (first,) = log_of()
    newer = msgspec.structs.replace(first, data={**first.data, "version": 7})
    with pytest.raises(UnreadableEvent, match=r"Event 1 of the run run_1 .*'run_started', version 7"):
        fold([newer])
    unknown = msgspec.structs.replace(first, type="run_teleported")
    with pytest.raises(UnreadableEvent, match="run_teleported"):
        fold([unknown])
    damaged = msgspec.structs.replace(first, data={**first.data, "owner": 5})
    with pytest.raises(UnreadableEvent, match=r"damaged.*owner"):
        fold([damaged])


def test_fields_of_a_later_minor_version_do_not_disturb():
    (first,) = log_of()
    grown = msgspec.structs.replace(first, data={**first.data, "colour": "green"})
    assert fold([grown]) == fold([first])


# --- any prefix of a log is a valid state ---------------------------------------------------------------


@given(st.data())
def test_any_prefix_of_a_log_is_a_state_with_a_next_step(data: st.DataObject):
    events = [STARTED, *_walk(data)]
    log = log_of(*events[1:])
    state: RunStateData | None = None
    for length in range(1, len(log) + 1):
        stored = log[length - 1]
        event = events[length - 1]
        state = begin(stored.run_id, event, stored.at) if state is None else advance(state, event, stored.at)
        folded = fold(log[:length])
        assert folded == state  # what goes on in memory is what the log says
        assert folded.seq == length
        if folded.run.state is RunState.INPUT_REQUIRED:
            assert isinstance(next_step(folded, DEFINITION.limits), WaitForInput)
        elif not folded.run.state.ended:
            next_step(folded, DEFINITION.limits)


def _walk(data: st.DataObject) -> list[ev.Event]:
    """What a run with a moody model, moody tools and moody people records."""
    state = begin("run_1", STARTED, 0)
    events: list[ev.Event] = []
    for number in range(data.draw(st.integers(0, 40))):
        if state.run.state.ended:
            break
        event = _event_after(state, data, number)
        events.append(event)
        state = advance(state, event, number)
    return events


def _event_after(state: RunStateData, data: st.DataObject, number: int) -> ev.Event:
    if data.draw(st.integers(0, 30)) == 0:
        return ev.RunCancelled(by="ada")
    if state.run.state is RunState.QUEUED:
        return TAKEN
    if state.asked and data.draw(st.booleans()):
        return answered(state.asked[0], approve=data.draw(st.booleans()))
    match next_step(state, DEFINITION.limits):
        case WaitForInput((first, *_)):
            return answered(first, approve=data.draw(st.booleans()))
        case CallModel(turn, last):
            uses = [use(index) for index in range(data.draw(st.integers(0, 3)))]
            return reply(turn, "words", uses, last=last)
        case CallTools() as step:
            return _tool_event(step, data, number)
        case Complete(answer):
            return ev.RunCompleted(answer=answer)
        case Fail(code, message, answer):
            return ev.RunFailed(code=code, message=message, answer=answer)
        case WaitForInput():
            raise AssertionError("waits for nothing")


def _tool_event(step: CallTools, data: st.DataObject, number: int) -> ev.Event:
    if step.orphans:
        call = step.orphans[0]
        moods = [
            returned(step.turn, call.index),
            returned(step.turn, call.index, code="tool_error", text="no"),
            asked(step.turn, call.index, f"req_{number}"),
            called(step.turn, call.index),
        ]
        return data.draw(st.sampled_from(moods))
    if step.ready:
        call = step.ready[0]
        return data.draw(st.sampled_from([called(step.turn, call.index), returned(step.turn, call.index)]))
    index, _ = data.draw(st.sampled_from(step.uses))
    return called(step.turn, index)
