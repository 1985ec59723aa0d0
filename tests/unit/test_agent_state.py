"""The fold from events to state: what may follow what, and that every prefix of a log is a state."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent import events as ev
from gateway.agent.context import messages
from gateway.agent.loop import CallModel, CallTools, Complete, Fail, Fold, Summarise, WaitForInput, next_step
from gateway.agent.model_requests import MessageRef, apply, change, rebuilt, refs, request_digest
from gateway.agent.state import IllegalTransition, RunStateData, advance, begin, fold, retried
from gateway.agent.stored import UnreadableEvent
from gateway.core.digests import text_digest
from gateway.core.ports import Message, Usage
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
from toolward.types import RequestKind, RunState

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


def test_a_queued_run_hears_of_answers_and_late_outcomes_and_stays_queued():
    two = (
        TAKEN,
        reply(1, uses=[use(1), use(2)]),
        called(1, 0),
        called(1, 1),
        asked(1, 0),
        asked(1, 1, "req_2"),
    )
    both = state_of(*two, answered(), answered("req_2"))
    assert (both.run.state, both.asked) == (RunState.QUEUED, ())
    other = state_of(*WAITING, said("And when do you open?"))
    assert other.run.state is RunState.QUEUED
    for event in (answered(), msgspec.structs.replace(returned(1), late=True)):
        heard = advance(other, event, 9_000)
        assert (heard.run.state, heard.asked) == (RunState.QUEUED, ())
    with pytest.raises(IllegalTransition):
        advance(other, returned(1), 9_000)


@pytest.mark.parametrize(
    "events",
    [
        [ev.RunCompleted(answer="too early")],
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


# --- messages, pauses, parked runs, retries -------------------------------------------------------------


def said(text: str = "And now?", key: str = "") -> ev.MessageReceived:
    return ev.MessageReceived(text=text, by="ada", key=key)


WAITING = (TAKEN, reply(1, uses=[use()]), called(1), asked(1))


def test_a_message_to_a_waiting_run_sets_its_turn_aside_and_the_model_is_asked():
    state = state_of(*WAITING, said(), TAKEN)
    assert state.turns[0].set_aside
    assert state.unheard
    assert next_step(state, DEFINITION.limits) == CallModel(2)
    heard = state_of(*WAITING, said(), TAKEN, reply(2, "At nine.", heard=1))
    assert heard.run.state is RunState.INPUT_REQUIRED
    assert heard.asked == ("req_1",)


def test_what_was_set_aside_comes_beside_the_later_turns_and_is_heard_then():
    events = (
        *WAITING,
        said(),
        TAKEN,
        reply(2, "At nine.", heard=1),
        answered(),
        TAKEN,
        called(1),
        returned(1),
    )
    state = state_of(*events)
    assert [item.call_id for item in state.items] == ["", "call_1_0"]
    assert next_step(state, DEFINITION.limits) == CallModel(3)


def test_a_run_that_has_ended_goes_on_with_a_message_and_forgets_how_it_ended():
    failed = (TAKEN, ev.RunFailed(code="unavailable", message="no model"))
    state = state_of(*failed, said())
    assert (state.run.state, state.run.error_code, state.run.error_message) == (RunState.QUEUED, "", "")
    with pytest.raises(IllegalTransition):
        state_of(ev.RunCancelled(by="ada"), said())


def test_what_is_under_way_when_it_is_paused_comes_to_its_end_and_nothing_begins():
    paused = (TAKEN, reply(1, uses=[use(1), use(2)]), called(1, 0), ev.RunPaused(by="ada"))
    assert state_of(*paused, returned(1, 0)).run.state is RunState.PAUSED
    with pytest.raises(IllegalTransition):
        state_of(*paused, called(1, 1))
    assert state_of(*paused, returned(1, 0), ev.RunResumed(by="ada")).run.state is RunState.QUEUED


def test_a_paused_run_hears_answers_and_waits_again_when_it_is_resumed():
    paused = (*WAITING, ev.RunPaused(by="ada"))
    assert state_of(*paused, ev.RunResumed(by="ada")).run.state is RunState.INPUT_REQUIRED
    heard = (*paused, answered())
    assert state_of(*heard).run.state is RunState.PAUSED
    assert state_of(*heard, ev.RunResumed(by="ada")).run.state is RunState.QUEUED


def parked(request: str = "req_9") -> ev.InputRequested:
    return ev.InputRequested(call_id="", request_id=request, kind=RequestKind.ESCALATION, prompt="Go on?")


def test_a_parked_run_goes_on_only_when_a_person_says_so():
    assert state_of(TAKEN, parked()).run.state is RunState.INPUT_REQUIRED
    on = ev.InputAnswered(request_id="req_9", choice="go_on", by="ada")
    state = state_of(TAKEN, parked(), on, TAKEN)
    assert next_step(state, DEFINITION.limits) == CallModel(1)
    for no in (ev.InputAnswered(request_id="req_9", choice="cancel"), answered("req_9", approve=False)):
        step = next_step(state_of(TAKEN, parked(), no, TAKEN), DEFINITION.limits)
        assert isinstance(step, Fail)
        assert step.code == "given_up"


def test_a_run_that_is_parked_again_waits_for_the_new_answer():
    no = answered("req_9", approve=False)
    state = state_of(TAKEN, parked(), no, TAKEN, parked("req_10"))
    assert state.run.state is RunState.INPUT_REQUIRED
    assert next_step(state, DEFINITION.limits) == WaitForInput(("req_10",))


def test_crashes_in_a_call_are_counted_until_a_person_lets_it_go_on():
    crashed = (TAKEN, reply(1, uses=[use()]), called(1), called(1), called(1))
    (call,) = state_of(*crashed).turns[0].begun
    assert call.crashes == 2
    gently = msgspec.structs.replace(called(1), ended=True)  # the gateway was asked to end
    (call,) = state_of(*crashed, gently).turns[0].begun
    assert call.crashes == 2
    on = ev.InputAnswered(request_id="req_9", choice="go_on")
    (call,) = state_of(*crashed, parked(), on).turns[0].begun
    assert call.crashes == 0


def test_a_late_outcome_settles_what_a_person_is_asked_about_and_no_other():
    late = msgspec.structs.replace(returned(1), late=True)
    state = state_of(*WAITING, late)
    assert (state.run.state, state.asked) == (RunState.QUEUED, ())
    with pytest.raises(IllegalTransition):
        state_of(*WAITING, returned(1))


def test_a_retried_run_begins_anew_what_was_under_way():
    shared = state_of(TAKEN, reply(1, uses=[use(1), use(2)]), called(1, 0), returned(1, 0), called(1, 1))
    effect = ev.EffectMade("call_1_1", "crm.refund", "{}", "ok")
    event = ev.RunRetried(parent="run_1", after=shared.seq, owner="eve", effects=(effect,))
    state = retried(shared, "run_2", event, 9_000)
    assert (state.run.id, state.run.owner, state.run.parent, state.run.state) == (
        "run_2",
        "eve",
        "run_1",
        RunState.QUEUED,
    )
    assert state.turns[0].uncalled == ((1, use(2)),)
    assert state.made == (effect,)
    with pytest.raises(IllegalTransition):
        retried(state_of(ev.RunCancelled(by="ada")), "run_2", event, 9_000)


def test_a_rating_is_taken_in_any_state_and_changes_none():
    rated = ev.RunRated(by="ada", score=1.0)
    for events in ((), (TAKEN,), WAITING, (TAKEN, ev.RunCompleted(answer="x")), (ev.RunCancelled(by="ada"),)):
        assert state_of(*events, rated).run.state is state_of(*events).run.state


# --- what the model is asked ----------------------------------------------------------------------------


def test_a_request_is_rebuilt_bit_by_bit_from_changes():
    asked_before: tuple[MessageRef, ...] = ()
    texts: dict[str, bytes] = {}
    for length in range(1, len(LONG) + 1):
        now = messages(state_of(*LONG[:length]))
        changed = change(length - 1, asked_before, refs(now), "tools")
        for message in now[changed.keep :]:
            for text in (message.text, *(one.arguments_json for one in message.tool_uses)):
                texts[text_digest(text.encode())] = text.encode()
        asked_before = apply(asked_before, changed)
        assert rebuilt(asked_before, texts) == now
        assert request_digest(asked_before, "tools") == changed.digest


LONG = (
    TAKEN, reply(1, "Look.", [use()]), called(1), asked(1), said("When do you open?"), TAKEN,
    reply(2, "At nine.", heard=1), answered(), TAKEN, called(1), returned(1, text="refunded"),
    reply(3, "It is refunded.", heard=2), said("Thanks."),
)  # fmt: skip


def test_the_words_of_a_long_conversation_only_grow():
    before: tuple[Message, ...] = ()
    for length in range(1, len(LONG) + 1):
        state = state_of(*LONG[:length])
        if isinstance(next_step(state, DEFINITION.limits), CallModel):
            now = messages(state)
            assert now[: len(before)] == before
            before = now


# --- any prefix of a log is a valid state ---------------------------------------------------------------


@settings(deadline=None)
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
        elif folded.run.state is RunState.RUNNING:
            assert not isinstance(next_step(folded, DEFINITION.limits), WaitForInput)
        messages(folded)  # whatever happens, the conversation can be told


def _walk(data: st.DataObject) -> list[ev.Event]:
    """What a run with a moody model, moody tools and moody people records."""
    state = begin("run_1", STARTED, 0)
    events: list[ev.Event] = []
    for number in range(data.draw(st.integers(0, 40))):
        if state.run.state is RunState.CANCELLED:
            break
        if state.run.state.ended:
            event: ev.Event = said(f"message {number}")
            events.append(event)
            state = advance(state, event, number)
            continue
        event = _event_after(state, data, number)
        events.append(event)
        state = advance(state, event, number)
    return events


def _event_after(state: RunStateData, data: st.DataObject, number: int) -> ev.Event:
    if (meddled := _from_outside(state, data.draw(st.integers(0, 30)), number)) is not None:
        return meddled
    if state.run.state is RunState.PAUSED:
        return ev.RunResumed(by="ada")
    if state.asked and data.draw(st.booleans()):
        return answered(state.asked[0], approve=data.draw(st.booleans()))
    if state.run.state is RunState.QUEUED:
        return TAKEN
    return _by_the_loop(state, data, number)


def _by_the_loop(state: RunStateData, data: st.DataObject, number: int) -> ev.Event:
    match next_step(state, DEFINITION.limits):
        case WaitForInput((first, *_)):
            return answered(first, approve=data.draw(st.booleans()))
        case CallModel(turn, last):
            uses = [use(index) for index in range(data.draw(st.integers(0, 3)))]
            return reply(turn, "words", uses, last=last, heard=data.draw(_heard(state)))
        case CallTools() as step:
            return _tool_event(step, data, number)
        case Complete(answer):
            return ev.RunCompleted(answer=answer)
        case Fail(code, message, answer):
            return ev.RunFailed(code=code, message=message, answer=answer)
        case Fold(turn):
            return ev.ResultsFolded(turn=turn)
        case Summarise(turn):
            return ev.TurnsSummarised(turn=turn, text="what was", usage=Usage(20, 5))
        case WaitForInput():
            raise AssertionError("waits for nothing")


def _from_outside(state: RunStateData, drawn: int, number: int) -> ev.Event | None:
    match drawn:
        case 0:
            return ev.RunCancelled(by="ada")
        case 1 | 2:
            return said(f"message {number}")
        case 3:
            return ev.RunRated(by="ada", score=0.5)
        case 4 if state.run.state is not RunState.PAUSED:
            return ev.RunPaused(by="ada")
        case 5 if state.run.state is RunState.RUNNING and not state.parked:
            return parked(f"req_{number}")
        case _:
            return None


def _heard(state: RunStateData) -> st.SearchStrategy[int]:
    """Something may come while the model speaks."""
    before = state.turns[-1].heard if state.turns else 0
    return st.integers(before, len(state.items))


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
