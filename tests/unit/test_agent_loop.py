"""What a run does next."""

from collections.abc import Sequence

import msgspec
import pytest

from gateway.agent import events as ev
from gateway.agent.definition import Limits
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
from gateway.agent.observations import Observation
from gateway.agent.resolving import resolve
from gateway.agent.state import advance
from gateway.agent.stopping import SAME_TURNS
from gateway.core.ports import StopReason, Usage
from tests.run_logs import answered, asked, called, reply, returned, state_of, use

LIMITS = Limits(turns=5, calls=10)
OFFERED = {"crm__get_record": "crm.get_record", "search__search": "search.search"}


def after(*events: ev.Event, limits: Limits = LIMITS) -> Step:
    return next_step(state_of(ev.RunTakenUp(), *events), limits)


def failing(turns: int, *, code: str = "tool_error", text: str = "No such record.") -> list[ev.Event]:
    events: list[ev.Event] = []
    for turn in range(1, turns + 1):
        events += [reply(turn, "again", [use()]), called(turn), returned(turn, code=code, text=text)]
    return events


def test_it_begins_with_the_model():
    assert after() == CallModel(1)


def test_every_wish_of_a_turn_is_called():
    step = after(reply(1, uses=[use(1), use(2)]))
    assert step == CallTools(1, uses=((0, use(1)), (1, use(2))))


def test_with_all_outcomes_the_model_is_next():
    assert after(reply(1, uses=[use()]), called(1), returned(1)) == CallModel(2)


def test_a_reply_without_wishes_is_the_answer():
    assert after(reply(1, "It is on its way.")) == Complete("It is on its way.")


@pytest.mark.parametrize(
    ("stop", "text", "code"),
    [
        ("refusal", "I will not.", "refusal"),
        ("length", "It is on", "truncated"),
        ("final", "  ", "empty_reply"),
    ],
)
def test_a_reply_that_is_no_answer_ends_the_run_with_a_reason(stop: StopReason, text: str, code: str):
    step = after(reply(1, text, stop=stop))
    assert isinstance(step, Fail)
    assert step.code == code
    assert step.answer == ("" if code == "empty_reply" else text)


def test_a_waiting_call_holds_back_those_not_called_yet():
    waiting = (reply(1, uses=[use(1), use(2)]), called(1, 0), asked(1, 0))
    assert after(*waiting) == WaitForInput(("req_1",))
    step = after(*waiting, answered(), ev.RunTakenUp())
    assert isinstance(step, CallTools)
    assert [call.index for call in step.ready] == [0]
    assert step.uses == ((1, use(2)),)


def test_a_call_without_outcome_is_an_orphan():
    step = after(reply(1, uses=[use()]), called(1))
    assert isinstance(step, CallTools)
    assert [call.id for call in step.orphans] == ["call_1_0"]


def test_at_the_turn_limit_the_model_gets_one_last_turn_without_tools():
    one = (reply(1, uses=[use()]), called(1), returned(1))
    assert after(*one, limits=Limits(turns=1)) == CallModel(2, last=True)
    ended = after(*one, reply(2, "This much I know.", last=True), limits=Limits(turns=1))
    assert ended == Fail("limit_reached", "The run reached its limit of 1 turns.", "This much I know.")


def test_at_the_call_limit_too():
    one = (reply(1, uses=[use()]), called(1), returned(1))
    assert after(*one, limits=Limits(calls=1)) == CallModel(2, last=True)
    ended = after(*one, reply(2, uses=[use()], last=True), limits=Limits(calls=1))
    assert isinstance(ended, Fail)
    assert ended.message == "The run reached its limit of 1 tool calls."


def test_the_same_failure_three_times_ends_the_run():
    assert after(*failing(2)) == CallModel(3)
    step = after(*failing(3))
    assert isinstance(step, Fail)
    assert step.code == "repeated_failure"
    assert "crm.get_record failed 3 times in the same way: No such record." in step.message


def test_a_failure_three_times_in_one_turn_counts_once():
    uses = [use(1), use(2), use(3)]
    calls = [called(1, index) for index in range(3)]
    outcomes = [returned(1, index, code="tool_error", text="no") for index in range(3)]
    assert after(reply(1, uses=uses), *calls, *outcomes) == CallModel(2)


def _turn(number: int, arguments: str, code: str, text: str) -> Sequence[ev.Event]:
    wish = use(1, arguments=arguments)
    return (
        reply(number, uses=[wish]),
        called(number, arguments=arguments),
        returned(number, code=code, text=text),
    )


def test_another_outcome_or_other_arguments_begin_the_count_anew():
    fails = ('{"id":"A"}', "tool_error", "no")
    works = ('{"id":"A"}', "ok", "{}")
    other = ('{"id":"B"}', "tool_error", "no")
    for middle in (works, other):
        turns = [fails, fails, middle, fails]
        events = [event for number, turn in enumerate(turns, 1) for event in _turn(number, *turn)]
        step = after(*events)
        # between other calls the same failure still adds up; after a success it does not
        assert isinstance(step, CallModel if middle is works else Fail)


# --- what the model means -------------------------------------------------------------------------------


def test_an_alias_or_a_qualified_name_is_resolved():
    assert resolve(use(), OFFERED, calls_made=0, limits=LIMITS) == "crm.get_record"
    assert resolve(use(name="crm.get_record"), OFFERED, calls_made=0, limits=LIMITS) == "crm.get_record"
    assert resolve(use(arguments=""), OFFERED, calls_made=0, limits=LIMITS) == "crm.get_record"


@pytest.mark.parametrize(
    ("name", "arguments", "code", "says"),
    [
        ("crm__get_recrod", "{}", "unknown_tool", "Did you mean 'crm__get_record'?"),
        ("teleport", "{}", "unknown_tool", "The tools are: crm__get_record, search__search."),
        ("crm__get_record", '{"id": ', "invalid_arguments", "are not valid JSON"),
        ("crm__get_record", "[1]", "invalid_arguments", "must be a JSON object"),
        ("crm__get_record", "[" * 100_000, "invalid_arguments", "are not valid JSON"),
    ],
)
def test_what_the_model_gets_wrong_comes_back_to_it(name: str, arguments: str, code: str, says: str):
    wrong = resolve(use(name=name, arguments=arguments), OFFERED, calls_made=0, limits=LIMITS)
    assert isinstance(wrong, Observation)
    assert wrong.is_error
    assert wrong.code == code
    assert says in wrong.text


def test_beyond_the_call_limit_nothing_is_called():
    over = resolve(use(), OFFERED, calls_made=10, limits=LIMITS)
    assert isinstance(over, Observation)
    assert over.code == "limit_reached"


# --- limits ----------------------------------------------------------------------------------------------


def turns(
    count: int, tokens: int = 0, cost: int = 0, text: str = "It is so.", begin: int = 1
) -> list[ev.Event]:
    """Turns that each look at another record."""
    found: list[ev.Event] = []
    for number in range(begin, begin + count):
        wish = msgspec.structs.replace(use(0), arguments_json=f'{{"id":"{number}"}}')
        replied = reply(number, f"I look at {number}.", [wish])
        found += [
            msgspec.structs.replace(replied, usage=Usage(tokens, 0), cost=cost),
            called(number, 0, arguments=wish.arguments_json),
            returned(number, 0, text=f"{text} {number}"),
        ]
    return found


@pytest.mark.parametrize(
    ("limits", "events", "step"),
    [
        (Limits(tokens=1_100), turns(3, tokens=200), CallModel(4)),
        (Limits(tokens=1_100), turns(4, tokens=200), CallModel(5, last=True)),
        (Limits(tokens=1_100), turns(5, tokens=200), "limit of 1,100 tokens"),
        (Limits(cost=1_050), turns(3, tokens=1_000, cost=200), CallModel(4)),
        (Limits(cost=1_050), turns(4, tokens=1_000, cost=200), CallModel(5, last=True)),
        (Limits(cost=1_050), turns(5, tokens=1_000, cost=200), "limit of US$ 1.05e-06"),
        (Limits(seconds=1), turns(1), CallModel(2)),
        (Limits(tokens=10), [], "limit of 10 tokens"),
    ],
)
def test_a_limit_is_looked_at_before_it_is_spent(limits: Limits, events: list[ev.Event], step: Step | str):
    """Two more turns fit, or only the last one, or none: then there is what the model said so far."""
    found = after(*events, limits=limits)
    if isinstance(step, Step):
        assert found == step
    else:
        assert isinstance(found, Fail)
        assert (found.code, step in found.message) == ("limit_reached", True)
        assert found.answer == ("I look at 5." if events else "")


def test_time_at_work_is_limited_and_time_of_waiting_is_free():
    state = state_of(ev.RunTakenUp(), *turns(1))
    worked = advance(state, ev.RunPaused(by="ada"), state.run.updated_at + 900)
    resumed = advance(worked, ev.RunResumed(by="ada"), worked.run.updated_at + 86_400_000)
    running = advance(resumed, ev.RunTakenUp(), resumed.run.updated_at + 500)
    assert next_step(running, Limits(seconds=1)) == CallModel(2)
    late = advance(running, ev.RunRated(by="ada", score=1), running.run.updated_at + 200)
    assert next_step(late, Limits(seconds=1)) == CallModel(2, last=True)


def test_a_message_begins_the_limits_anew():
    spent = state_of(ev.RunTakenUp(), *turns(5, tokens=200))
    assert isinstance(next_step(spent, Limits(tokens=1_000)), Fail)
    said = advance(spent, ev.MessageReceived(text="Go on.", by="ada"), spent.run.updated_at)
    assert next_step(said, Limits(tokens=1_000)) == CallModel(6)


def test_a_budget_that_is_used_up_allows_a_last_word_and_no_first_one():
    reached = ev.LimitReached(limit="budget", message="Today's budget is used up.")
    assert after(*turns(1), reached) == CallModel(2, last=True)
    assert after(reached) == Fail("limit_reached", "Today's budget is used up.")


def test_turns_that_go_round_end_the_run():
    again: list[ev.Event] = []
    for number in range(1, SAME_TURNS + 1):
        assert after(*again, limits=Limits()) == CallModel(number)
        again += [
            reply(number, "I look again.", [use(0)]),
            called(number, 0),
            returned(number, 0, text="Not yet."),
        ]
    found = after(*again, limits=Limits())
    assert isinstance(found, Fail)
    assert (found.code, found.answer) == ("no_progress", "I look again.")
    assert "crm.get_record" in found.message


# --- room ------------------------------------------------------------------------------------------------


def test_results_are_folded_then_turns_summarised_and_not_in_every_turn():
    limits = Limits(turns=500, calls=500, context_tokens=2_000)
    log: list[ev.Event] = [ev.RunTakenUp()]
    steps: list[str] = []
    number = 1
    while number <= 60:
        state = state_of(*log)
        assert state.seen.tokens < 2_700  # three turns stay as they are, and what is not worth folding
        step = next_step(state, limits)
        steps.append(type(step).__name__)
        match step:
            case Fold(turn):
                log.append(ev.ResultsFolded(turn=turn))
            case Summarise(turn):
                log.append(ev.TurnsSummarised(turn=turn, text="what was", usage=Usage()))
            case _:
                assert step == CallModel(number)
                log += turns(1, text="It is so. " * 90, begin=number)
                number += 1
    assert 1 < steps.count("Summarise") <= steps.count("Fold") < 20
