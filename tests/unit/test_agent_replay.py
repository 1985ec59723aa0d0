"""Replay of logs written by hand: what the real worker seldom makes. `tests/integration/test_run_replay.py` has
what it makes."""

from collections.abc import Sequence

import msgspec
import pytest

from gateway.agent import events as ev
from gateway.agent.replay import Difference, replay
from tests.run_logs import answered, asked, called, log_of, reply, returned, use
from toolward.types import RequestKind

TAKEN = ev.RunTakenUp()
CALLED = (TAKEN, reply(1, uses=[use()]), called(1))
UNKNOWN = ev.InputRequested(
    call_id="call_1_0", request_id="req_1", kind=RequestKind.UNKNOWN_OUTCOME, prompt="Did it happen?"
)
PARKED = ev.InputRequested(
    call_id="", request_id="req_1", kind=RequestKind.ESCALATION, prompt="Go on?", choices=("go_on", "cancel")
)


def chose(choice: str) -> ev.InputAnswered:
    return ev.InputAnswered(request_id="req_1", choice=choice, by="lea")


def difference(*events: ev.Event) -> Difference | None:
    """Without lists of tools: logs from before requests were recorded."""
    return replay(log_of(*events), {})


GIVEN_UP = ev.RunFailed(
    code="given_up",
    message="Work on the run stopped again and again at the same place, and lea said that it is to end.",
)
DONE = ev.RunCompleted(answer="Done.")


@pytest.mark.parametrize(
    "events",
    [
        [TAKEN, PARKED, chose("go_on"), TAKEN, reply(1, "Done."), DONE],
        [TAKEN, PARKED, chose("cancel"), TAKEN, GIVEN_UP],
        [*CALLED, UNKNOWN, msgspec.structs.replace(returned(1), late=True), TAKEN, reply(2, "Done."), DONE],
        [*CALLED, UNKNOWN, chose("cancel"), TAKEN, ev.RunCancelled(by="lea")],
        [*CALLED, UNKNOWN, chose("did_not_happen"), TAKEN, called(1), returned(1)],
        [*CALLED, called(1), msgspec.structs.replace(called(1), ended=True), returned(1)],
        [TAKEN, ev.RunFailed(code="unavailable", message="The model endpoint is not there.")],
        [ev.RunFailed(code="denied", message="ada may not call this gateway any more.")],
        [*CALLED, ev.RunFailed(code="not_found", message="There is no agent named support any more.")],
        [TAKEN, reply(1, "Ha", stop="length"), ev.RunFailed(
            code="truncated", message="The answer was cut off at the model endpoint's length limit.", answer="Ha"
        )],
        [TAKEN, ev.RunPaused(by="ada"), reply(1, "Done."), ev.RunResumed(by="ada"), TAKEN, DONE],
    ],
    ids=[
        "parked, and goes on", "parked, and given up", "a late outcome", "cancelled by an answer",
        "it did not happen", "stops", "no model", "no rights", "no agent", "cut off", "paused meanwhile",
    ],
)  # fmt: skip
def test_what_seldom_happens_replays(events: Sequence[ev.Event]):
    assert difference(*events) is None


@pytest.mark.parametrize(
    ("events", "field", "made"),
    [
        ([*CALLED, asked(1), answered(approve=False), TAKEN, called(1)], "type", "tool_returned"),
        ([*CALLED, asked(1), answered(), TAKEN, returned(1)], "type", "tool_called"),
        ([*CALLED, UNKNOWN, chose("cancel"), TAKEN, called(1)], "type", "run_cancelled"),
        ([*CALLED, UNKNOWN, chose("cancel"), TAKEN, returned(1)], "type", "run_cancelled"),
        ([*CALLED, msgspec.structs.replace(returned(1), late=True)], "late", False),
        ([TAKEN, reply(1, "Done."), ev.RunCompleted(answer="Done!")], "answer", "Done."),
        ([TAKEN, DONE], "type", "model_replied: turn 1"),
        ([TAKEN, reply(1, "Done."), ev.RunFailed(code="refusal", message="x")], "type", "run_completed"),
        ([TAKEN, reply(1, "x", stop="refusal"), DONE], "type", "run_failed: refusal"),
        ([TAKEN, reply(1, "Done.", last=True)], "last", False),
        ([TAKEN, reply(1, "Done."), reply(2, "Done.")], "type", "run_completed"),
        ([*CALLED, ev.RunFailed(code="unavailable", message="x")], "type", "calls of turn 1"),
        ([TAKEN, reply(1, uses=[use()]), called(1, arguments="{}")], "arguments_json", '{"id":"ORD-1"}'),
        ([TAKEN, reply(1, uses=[use()]), msgspec.structs.replace(called(1), ended=True)], "ended", False),
        ([TAKEN, reply(1, uses=[use()]), returned(1)], "", None),
        ([TAKEN, TAKEN], "", None),
    ],
)  # fmt: skip
def test_what_the_loop_would_not_make_is_found(events: Sequence[ev.Event], field: str, made: object):
    found = difference(*events)
    assert found is not None
    assert (found.seq, found.field) == (len(events) + 1, field)
    assert made in (None, found.made)
