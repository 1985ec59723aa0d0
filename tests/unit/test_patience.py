"""How long the HTTP door waits for whom, by a clock that the test moves."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins import TwinClock
from toolward.doors.limits import Limits
from toolward.doors.patience import TAKEN, Connections, Patience, Seen, Verdict

LIMITS = Limits(head_seconds=10, request_seconds=60, idle_seconds=75, unread_seconds=30)


class Connected:
    def __init__(self, clock: TwinClock) -> None:
        self.patience = Patience(clock.monotonic)
        self.now = Seen()
        self.ended: list[Verdict] = []

    def seen(self) -> Seen:
        return self.now

    def end(self, why: Verdict) -> None:
        self.ended.append(why)


def after(clock: TwinClock, patience: Patience, seconds: float, seen: Seen) -> Verdict:
    """What is found by a look a second, the last of them so much later."""
    for _ in range(int(seconds)):
        clock.advance(1)
        if verdict := patience.judge(seen, LIMITS):
            return verdict
    return ""


@pytest.mark.parametrize(
    ("seen", "bound"), [(Seen(), 10), (Seen(has_head=True), 60), (Seen(busy=True, has_head=True), 60)]
)
def test_a_request_comes_in_its_time_or_is_late(seen: Seen, bound: int) -> None:
    clock = TwinClock()
    patience = Patience(clock.monotonic)
    patience.begins()
    assert after(clock, patience, bound, seen) == ""
    assert after(clock, patience, 1, seen) == "late"


def test_who_is_not_read_is_not_late() -> None:
    clock = TwinClock()
    patience = Patience(clock.monotonic)
    patience.begins()
    assert after(clock, patience, 1000, Seen(busy=True, held_back=True)) == ""
    assert after(clock, patience, 11, Seen()) == "late"


def test_a_call_in_work_is_waited_for_and_then_the_next_request() -> None:
    clock = TwinClock()
    patience = Patience(clock.monotonic)
    patience.begins()
    patience.whole()
    assert after(clock, patience, 4000, Seen(busy=True)) == ""
    assert after(clock, patience, 76, Seen()) == ""
    assert after(clock, patience, 1, Seen()) == "idle"


def test_who_never_asked_anything_is_not_waited_for_as_long() -> None:
    clock = TwinClock()
    patience = Patience(clock.monotonic)
    assert after(clock, patience, 11, Seen()) == ""
    assert after(clock, patience, 1, Seen()) == "idle"


@settings(max_examples=25)
@given(speed=st.integers(1, 20_000))
def test_a_reader_is_cut_off_only_where_it_takes_next_to_nothing(speed: int) -> None:
    clock = TwinClock()
    patience = Patience(clock.monotonic)
    patience.begins()
    patience.whole()
    unread = 100 * TAKEN
    found: Verdict = ""
    while not found and unread > 0:
        found = after(clock, patience, 1, Seen(busy=True, unread=unread))
        unread -= speed
    assert found == ("unread" if speed * 31 < TAKEN else "")  # looks are a second apart


def test_every_look_ends_those_that_took_too_long_and_no_other() -> None:
    clock = TwinClock()
    crowd = Connections(LIMITS, clock.monotonic)
    assert crowd.interval == 1
    assert Connections(Limits(unread_seconds=0.2)).interval == pytest.approx(0.05)
    late, quiet = Connected(clock), Connected(clock)
    for one in (late, quiet):
        assert crowd.enter(one, "192.0.2.1") == ""
    late.patience.begins()
    quiet.now = Seen(busy=True)
    clock.advance(10.5)
    crowd.look()
    assert (late.ended, quiet.ended) == (["late"], [])
    assert set(get_args(Verdict)) == {"", "late", "idle", "unread"}


@settings(max_examples=40)
@given(steps=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=60))
def test_connections_are_bounded_in_all_and_from_one_address(steps: list[tuple[str, bool]]) -> None:
    clock = TwinClock()
    crowd = Connections(Limits(connections=5, connections_per_peer=3), clock.monotonic)
    there: dict[str, list[Connected]] = {"a": [], "b": [], "c": []}
    for peer, leaves in steps:
        if leaves and there[peer]:
            crowd.leave(there[peer].pop())
            continue
        one = Connected(clock)
        full = crowd.enter(one, peer)
        total = sum(map(len, there.values()))
        assert full == ("door" if total == 5 else "peer" if len(there[peer]) == 3 else "")
        if full:
            crowd.leave(one)
        else:
            there[peer].append(one)
        assert len(crowd) == sum(map(len, there.values()))
    for peer in there.values():
        for one in peer:
            crowd.leave(one)
    assert len(crowd) == 0
    assert vars(crowd)["_of_peer"] == {}
