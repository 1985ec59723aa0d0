"""A run's log as steps, where its time went, and the axis of its waterfall."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent import events as ev
from gateway.servers.console.runs.steps import RunSteps, Span, SpanKind
from gateway.servers.console.runs.times import FIRST, WIDTH, Axis, bars, nice, parts, shares
from gateway.servers.console.runs.view import GROUPS, View
from tests.examples import examples
from tests.run_logs import answered, asked, called, log_of, reply, returned, use
from toolward.types import Run, RunEvent, RunState

KINDS: tuple[SpanKind, ...] = ("model", "tool", "person", "pause", "idle")


def lasting(kind: SpanKind, start: int, length: int, ends: bool) -> Span:
    return Span(kind, start, start + length if ends else None)


spans = st.lists(
    st.builds(
        lasting,
        st.sampled_from(KINDS),
        st.integers(0, 5_000),
        st.integers(0, 3_000) | st.just(50_000_000),
        st.booleans(),
    ),
    max_size=12,
)


def told(log: Sequence[RunEvent]) -> RunSteps:
    steps = RunSteps()
    for event in log:
        steps.take(event)
    return steps


def a_run(state: RunState = RunState.COMPLETED) -> Run:
    return Run("run_1", "support", "ada", state, "Hello.")


def outline(steps: RunSteps) -> list[str]:
    """Each step with its depth, and how it stands."""
    lines: list[str] = []
    for step in steps.groups:
        lines.append(step.kind)
        for call in step.steps:
            lines.append(f"  {call.kind} {call.end['code'] if call.end else 'open'}")
            lines += [f"    {inner.kind} {inner.state}" for inner in call.steps]
    return lines


ASKED = log_of(
    ev.RunTakenUp(),
    reply(1, uses=[use(1), use(2)]),
    called(1, 0),
    called(1, 1),
    asked(1, 1),
    returned(1, 0),
    answered(approve=False, reason="No."),
    returned(1, 1, code="denied"),
    reply(2, "There."),
    ev.RunCompleted(answer="There."),
    ev.MessageReceived(text="And then?", by="ada"),
)


def test_calls_stand_under_their_turn_and_what_people_were_asked_under_its_call() -> None:
    assert outline(told(ASKED)) == [
        "input",
        "turn",
        "  call ok",
        "  call denied",
        "    request denied",
        "turn",
        "end",
        "message",
    ]


def test_what_is_open_when_a_run_ends_is_void_and_takes_no_more_time() -> None:
    log = log_of(ev.RunTakenUp(), reply(1, uses=[use(1)]), called(1), asked(1), ev.RunCancelled(by="ada"))
    steps = told(log)
    assert outline(steps) == ["input", "turn", "  call open", "    request void", "end"]
    assert steps.open == []
    assert steps.until(10**15) == log[-1].at


def test_a_retried_run_has_no_time_of_the_other_one() -> None:
    log = log_of(ev.RunTakenUp(), reply(1, uses=[use(1)]), called(1))
    retried = ev.RunRetried(parent="run_0", after=4, owner="eve")
    steps = told((*log, *log_of(*[ev.RunTakenUp()] * 3, retried)[4:]))
    assert [step.shared for step in steps.groups] == [True, True, False]
    assert steps.groups[1].steps[0].void
    assert not steps.spans
    assert steps.began == 1_005
    assert steps.groups[2].said == "from event 4 of run_0"


@pytest.mark.parametrize("kept", range(1, len(ASKED) + 1))
def test_what_changes_with_an_event_is_touched(kept: int) -> None:
    """Whoever renders what is touched shows the same as who renders all."""
    steps = told(ASKED[:kept])
    before = {step.seq: outline_of(steps, step.seq) for step in steps.groups}
    steps.touched.clear()
    for event in ASKED[kept:]:
        steps.take(event)
    changed = {step.seq for step in steps.groups if before.get(step.seq) != outline_of(steps, step.seq)}
    assert changed <= steps.touched


def outline_of(steps: RunSteps, seq: int) -> str:
    step = steps.find(seq)
    return repr(step and (step.state, step.took, step.spans, step.steps))


@pytest.mark.parametrize(("chosen", "page"), [(0, 1), (2, 1), (GROUPS + 1, 2), (3 * GROUPS, 3), (99_999, 1)])
def test_a_long_run_has_pages_and_a_step_is_on_one_of_them(chosen: int, page: int) -> None:
    steps = told(log_of(*[ev.MessageReceived(text="More.", by="ada")] * (3 * GROUPS - 1)))
    view = View(a_run(), steps, 0, chosen=chosen)
    assert (view.page, view.pages, len(view.groups)) == (page, 3, GROUPS)
    assert chosen not in range(1, 3 * GROUPS + 1) or view.chosen in view.groups
    assert View(a_run(RunState.RUNNING), steps, 0).page == 3


@given(spans, st.integers(0, 8_000))
@settings(max_examples=examples(60))
def test_every_moment_is_one_things(found: list[Span], end: int) -> None:
    whole = parts(found, 0, end)
    assert sum(part.ms for part in whole) == end
    assert all(one.end == other.start and one.whose != other.whose for one, other in pairwise(whole))
    assert sum(shares(whole).values()) == sum(part.ms for part in whole if part.whose != "idle")
    for part in whole:
        at = (part.start + part.end) / 2
        going = {one.kind for one in found if one.start <= at < (end if one.end is None else one.end)}
        assert part.whose == next((one for one in FIRST if one in going), "gateway")


@given(spans, st.integers(1, 100_000_000), st.booleans())
@settings(max_examples=examples(60))
def test_a_waterfall_runs_forward_and_stays_on_its_axis(found: list[Span], end: int, grows: bool) -> None:
    whole = parts(found, 0, end)
    axis = Axis(whole, grows=grows)
    places = [axis.place(at) for at in (0, *(part.end for part in whole))]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] <= WIDTH
    assert grows or places[-1] == WIDTH
    assert axis == Axis(whole, grows=grows)
    for bar in bars(found, axis, 0, end):
        assert bar.width > 0
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.2


def test_waits_leave_room_for_work_and_are_told() -> None:
    day = 86_400_000
    spans = [Span("model", 0, 1_000), Span("person", 1_000, day), Span("tool", day, day + 1_000)]
    axis = Axis(parts(spans, 0, day + 1_000))
    assert [part.whose for part in axis.folded] == ["person"]
    work = axis.place(1_000) + WIDTH - axis.place(day)
    assert work > 0.8 * WIDTH


@given(st.floats(0, 1e15))
@settings(max_examples=examples(40))
def test_a_nice_number_is_close_above(value: float) -> None:
    assert value <= nice(value) <= max(2 * value, 1)
