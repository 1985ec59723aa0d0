"""Bounds for one caller at the doors: a rate, calls at once, and failures to prove who it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twins import TwinClock
from toolward.auth import bearer, proven
from toolward.doors.admittance import PEER, Admittance, Caller, Pace, Suspects, peer_of
from toolward.doors.entrance import Entrance
from toolward.doors.limits import Limits
from toolward.errors import Overloaded, Unauthenticated
from toolward.types import Principal

ADA, BOB = Principal("ada"), Principal("bob")

askings = st.lists(
    st.tuples(st.sampled_from(["ada", "bob", "eve"]), st.integers(0, 40)), min_size=1, max_size=120
)
"""Who asks, and how many hundredths of a second later than the one before."""


@given(askings=askings, rate=st.sampled_from([1, 3, 10]), burst=st.integers(1, 6))
def test_a_rate_holds_in_every_stretch_and_what_it_says_to_wait_is_enough(
    askings: list[tuple[str, int]], rate: int, burst: int
) -> None:
    clock = TwinClock()
    pace = Pace(rate, burst, clock.monotonic)
    taken: dict[str, list[float]] = {}
    for who, later in askings:
        clock.advance(later / 100)
        if wait := pace.take(who):
            assert wait > 0
            assert Pace.wait(pace, who) == pytest.approx(wait)
            clock.advance(wait + 0.001)
            assert pace.take(who) == 0.0
        taken.setdefault(who, []).append(clock.monotonic())
    for times in taken.values():
        for first, start in enumerate(times):
            for last, end in enumerate(times[first:], first):
                assert last - first + 1 <= burst + rate * (end - start) + 1e-6


def test_after_a_quiet_time_a_burst_goes_through_and_then_one_at_a_time() -> None:
    clock = TwinClock()
    pace = Pace(2, 5, clock.monotonic)
    assert [pace.take("ada") for _ in range(6)] == [0.0] * 5 + [pytest.approx(0.5)]
    clock.advance(0.5)
    assert pace.take("ada") == 0.0
    assert pace.take("ada") == pytest.approx(0.5)
    assert pace.take("bob") == 0.0


@given(steps=st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=400), most=st.integers(2, 50))
def test_never_more_callers_are_remembered_than_it_was_told_and_never_is_one_with_calls_forgotten(
    steps: list[tuple[int, bool]], most: int
) -> None:
    clock = TwinClock()
    pace = Pace(1, 1, clock.monotonic, most)
    admittance = Admittance(Limits(calls_per_principal=1, requests_per_second=1e6), clock.monotonic, most)
    held: list[tuple[int, Caller | None]] = []
    for key, leaves in steps:
        pace.take(key)
        assert len(pace) <= most
        if key in [one for one, _ in held]:
            with pytest.raises(Overloaded):
                admittance.enter(Principal(str(key)))
        else:
            held.append((key, admittance.enter(Principal(str(key)))))
        if leaves or len(held) > 5:
            admittance.leave(held.pop(0)[1])
        assert len(admittance) <= most + 6


def test_whoever_goes_on_asking_is_not_forgotten_however_many_others_come() -> None:
    clock = TwinClock()
    pace = Pace(0.01, 1, clock.monotonic, most=100)
    assert pace.take("ada") == 0.0
    for stranger in range(1000):
        assert pace.take(stranger) == 0.0
        assert pace.take("ada") > 0


def test_one_principal_has_so_many_calls_at_once_and_the_others_theirs() -> None:
    clock = TwinClock()
    admittance = Admittance(Limits(calls_per_principal=2, requests_per_second=1, burst=3), clock.monotonic)
    first, second = admittance.enter(ADA), admittance.enter(ADA)
    with pytest.raises(Overloaded, match="2 calls in work") as caught:
        admittance.enter(ADA)
    assert caught.value.retry_after == 1
    admittance.enter(BOB)
    admittance.leave(first)
    admittance.enter(ADA)  # the third in this second: what was refused did not count
    admittance.leave(second)
    with pytest.raises(Overloaded, match="more often than 1 times a second") as caught:
        admittance.enter(ADA)
    assert caught.value.retry_after == pytest.approx(1)
    admittance.enter(Principal("ada", tenant="other"))


def test_without_a_limit_of_its_own_a_principal_is_not_counted() -> None:
    admittance = Admittance(Limits(), TwinClock().monotonic)
    for _ in range(1000):
        admittance.leave(admittance.enter(ADA))
        admittance.ask(ADA)
    assert len(admittance) == 0


async def test_an_address_that_fails_too_often_is_not_listened_to_and_locks_nobody_out() -> None:
    clock = TwinClock()
    entrance = Entrance(limits=Limits(failures_per_minute=3), clock=clock.monotonic)
    known = entrance.counting(bearer({"right": ADA, "new": BOB}), "http")

    def shown(token: str, peer: str = "192.0.2.1") -> dict[str, str]:
        return {"authorization": f"Bearer {token}", PEER: peer}

    assert await proven(known, shown("right")) == ADA
    for guess in range(3):
        with pytest.raises(Unauthenticated):
            await proven(known, shown(f"guess-{guess}"))
    for guess in ("guess", "new"):  # no guess is looked at, not even a good one
        with pytest.raises(Overloaded, match="did not prove who they are") as caught:
            await proven(known, shown(guess))
        assert caught.value.retry_after == pytest.approx(20)
    assert await proven(known, shown("right")) == ADA  # it was good before
    assert await proven(known, shown("new", "192.0.2.2")) == BOB
    clock.advance(20)
    assert await proven(known, shown("new")) == BOB
    assert b'toolward_refused_total{door="http",code="overloaded"} 2' in entrance.metrics()
    assert b'toolward_refused_total{door="http",code="unauthenticated"} 3' in entrance.metrics()


def test_without_an_address_nobody_is_suspected() -> None:
    suspects = Suspects(1, TwinClock().monotonic)
    for _ in range(5):
        suspects.failed({"authorization": "Bearer no"})
        suspects.check({"authorization": "Bearer no"})


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_an_address_is_counted_as_one_sender(host: str, peer: str) -> None:
    assert peer_of(host) == peer
