"""What stands before the calls of a backend: the breaker, the lane, and both together."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.backends.gate import BackendGate, NotConnected
from gateway.core.breaker import Breaker
from gateway.core.lane import Lane
from toolward.errors import (
    DeadlineExceeded,
    Internal,
    InvalidArguments,
    InvalidResult,
    Overloaded,
    ToolwardError,
    Unavailable,
)
from toolward.types import ToolResult, text_result


class TestBreaker:
    def failing(self, breaker: Breaker, times: int, now: float = 0.0) -> None:
        for _ in range(times):
            breaker.end(breaker.begin(), False, now)

    def test_opens_after_failures_in_a_row_and_lets_one_probe_through(self) -> None:
        breaker = Breaker(after=3, first_wait=1, longest_wait=4)
        self.failing(breaker, 2)
        assert breaker.refusal(0) is None
        self.failing(breaker, 1)
        assert breaker.refusal(0.25) == 0.75
        assert breaker.refusal(1) is None
        assert breaker.begin()
        assert breaker.refusal(1) == 1  # while the probe is under way
        breaker.end(True, True, 1.5)
        assert not breaker.is_open
        assert breaker.refusal(1.5) is None

    def test_a_success_in_between_begins_the_count_again(self) -> None:
        breaker = Breaker(after=2)
        for _ in range(10):
            self.failing(breaker, 1)
            breaker.end(breaker.begin(), True, 0)
        assert not breaker.is_open

    def test_waits_twice_as_long_after_each_probe_that_fails(self) -> None:
        breaker, now, waits = Breaker(after=1, first_wait=1, longest_wait=5), 0.0, list[float]()
        for _ in range(5):
            self.failing(breaker, 1, now)
            waits.append(breaker.refusal(now) or 0)
            now += waits[-1]
        assert waits == [1, 2, 4, 5, 5]

    def test_calls_that_began_before_it_opened_do_not_make_the_wait_longer(self) -> None:
        breaker = Breaker(after=2, first_wait=1)
        tickets = [breaker.begin() for _ in range(20)]
        for ticket in tickets:
            breaker.end(ticket, False, 0)
        assert breaker.refusal(0) == 1

    def test_a_probe_that_says_nothing_is_followed_by_another(self) -> None:
        breaker = Breaker(after=1, first_wait=1)
        self.failing(breaker, 1)
        breaker.end(breaker.begin(), None, 1)
        assert breaker.is_open
        assert breaker.refusal(1) is None

    def test_calls_that_were_under_way_together_and_fail_together_are_one_failure(self):
        breaker = Breaker(after=2)
        for _ in range(20):
            breaker.end(breaker.begin(), False, now=5.0, begun=4.0)
        assert not breaker.is_open
        breaker.end(breaker.begin(), False, now=5.05, begun=5.01)
        assert breaker.is_open

    def test_those_that_fail_one_after_the_other_are_not(self):
        breaker = Breaker(after=3)
        for moment in (5.0, 5.2, 5.4):
            breaker.end(breaker.begin(), False, now=moment, begun=4.0)
        assert breaker.is_open

    def test_a_new_connection_is_tried_at_once_and_trusted_little(self) -> None:
        breaker = Breaker(after=3)
        self.failing(breaker, 3)
        breaker.renewed()
        assert breaker.refusal(0) is None
        self.failing(breaker, 1)
        assert breaker.is_open

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 10))))
    @example(
        [
            (False, 0),
            (False, 0),
            (False, 7),
            (False, 9.448933600593866),
            (False, 8.179684240734293),
            (True, 0),
        ]
    )
    def test_never_refuses_for_longer_than_it_may_and_never_two_probes_at_once(
        self, steps: list[tuple[bool | None, float]]
    ) -> None:
        breaker, now = Breaker(after=2, first_wait=1, longest_wait=8), 0.0
        for well, passes in steps:
            now += passes
            wait = breaker.refusal(now)
            assert wait is None or 0 < wait <= 8
            if wait is not None:
                continue
            probe = breaker.begin()
            assert probe == breaker.is_open
            if probe:
                assert breaker.refusal(now) is not None
            breaker.end(probe, well, now)
            assert not (well and breaker.is_open)


class TestLane:
    async def test_gives_places_in_the_order_of_asking_and_refuses_beyond_the_queue(self) -> None:
        lane = Lane("crm", 1, 2)
        order: list[str] = []

        async def go(name: str) -> None:
            await lane.wait()
            order.append(name)
            lane.leave()

        assert lane.entered()
        assert not lane.entered()
        tasks = [asyncio.create_task(go(name)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="1 calls of crm are in work and 2 wait") as caught:
            await lane.wait()
        assert caught.value.retry_after is not None
        lane.leave()
        await asyncio.gather(*tasks)
        assert order == ["a", "b"]
        assert lane.entered()

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["come", "leave", "cancel"]), max_size=60), st.integers(1, 4))
    def test_no_place_is_lost_or_given_twice(self, steps: list[str], width: int) -> None:
        asyncio.run(self._story(steps, width))

    async def _story(self, steps: list[str], width: int) -> None:
        lane, inside = Lane("x", width, 5), 0
        waiting: list[asyncio.Task[None]] = []
        for step in steps:
            if step == "come" and lane.entered():
                inside += 1
            elif step == "come" and lane.waiting < 5:
                waiting.append(asyncio.create_task(lane.wait()))
            elif step == "leave" and inside:
                lane.leave()
                inside -= 1
            elif step == "cancel" and waiting:
                waiting[0].cancel()
            for _ in range(3):
                await asyncio.sleep(0)
            inside += sum(not task.cancelled() for task in waiting if task.done())
            waiting = [task for task in waiting if not task.done()]
            assert inside <= width
            assert not waiting or inside == width
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for _ in range(inside):
            lane.leave()
        assert [lane.entered() for _ in range(width + 1)] == [True] * width + [False]

    async def test_a_place_given_to_one_who_leaves_in_that_moment_goes_to_the_next(self) -> None:
        lane = Lane("x", 1, 5)
        assert lane.entered()
        first, second = (asyncio.create_task(lane.wait()) for _ in range(2))
        await asyncio.sleep(0)
        lane.leave()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert not lane.entered()


Work = Callable[[], Awaitable[ToolResult]]


def answering(outcome: ToolResult | ToolwardError) -> Work:
    async def work() -> ToolResult:
        if isinstance(outcome, ToolwardError):
            raise outcome
        return outcome

    return work


def answered(error: ToolwardError) -> ToolwardError:
    error.answered = True
    return error


async def opens(outcome: ToolResult | ToolwardError, *, had_all: bool = True) -> bool:
    """Whether three such calls in a row open the breaker."""
    breaker = Breaker(after=3, first_wait=60)
    gate = BackendGate("crm", Lane("crm", 4, 4), breaker, lambda _: None)
    for _ in range(3):
        try:
            await gate.through(answering(outcome), until=in_a_minute(), had_all=had_all)
        except ToolwardError as error:
            assert error is outcome  # noqa: PT017 -- some rows raise and some do not
    return breaker.is_open


def in_a_minute() -> float:
    return asyncio.get_running_loop().time() + 60


class TestGate:
    @pytest.mark.parametrize("error", [Unavailable("lost"), DeadlineExceeded("late")])
    async def test_a_backend_that_cannot_be_reached_or_never_answers_is_left_alone(
        self, error: ToolwardError
    ) -> None:
        assert await opens(error)

    @pytest.mark.parametrize(
        "outcome",
        [
            text_result("fine"),
            ToolResult((), None, True),
            InvalidArguments("the caller's mistake"),
            InvalidResult("wrong, and at once"),
            NotConnected("its owner works on it"),
            Internal("ours"),
            answered(Unavailable("the tool's own dependency is gone")),
            answered(DeadlineExceeded("the tool's own bound")),
        ],
    )
    async def test_what_a_tool_or_a_caller_does_wrong_does_not_count(
        self, outcome: ToolResult | ToolwardError
    ) -> None:
        assert not await opens(outcome)

    async def test_a_caller_in_a_hurry_harms_nobody_else(self) -> None:
        assert not await opens(DeadlineExceeded("late"), had_all=False)

    async def test_while_it_is_open_calls_are_refused_at_once_and_told_when_to_come_back(self) -> None:
        said: list[str] = []
        gate = BackendGate("crm", Lane("crm", 4, 4), Breaker(after=1, first_wait=20), said.append)
        with pytest.raises(Unavailable, match="lost"):
            await gate.through(answering(Unavailable("lost")), until=in_a_minute(), had_all=True)
        with pytest.raises(Unavailable, match="crm failed several times in a row") as caught:
            await gate.through(answering(text_result("never asked")), until=in_a_minute(), had_all=True)
        assert caught.value.retry_after == pytest.approx(20, abs=5)
        assert "tried again in " in caught.value.hint
        gate.renewed()
        assert (
            await gate.through(answering(text_result("ok")), until=in_a_minute(), had_all=True)
        ).text == "ok"
        assert [bool(one) for one in said] == [True, False]

    async def test_one_who_waits_when_it_opens_is_refused_too(self) -> None:
        gate = BackendGate("crm", Lane("crm", 1, 4), Breaker(after=1, first_wait=60), lambda _: None)
        fails = asyncio.Event()

        async def late() -> ToolResult:
            await fails.wait()
            raise Unavailable("lost")

        first = asyncio.create_task(gate.through(late, until=in_a_minute(), had_all=True))
        await asyncio.sleep(0)
        second = asyncio.create_task(
            gate.through(answering(text_result("never asked")), until=in_a_minute(), had_all=True)
        )
        await asyncio.sleep(0)
        fails.set()
        errors = await asyncio.gather(first, second, return_exceptions=True)
        assert [str(error) for error in errors] == [
            "lost",
            "The backend crm failed several times in a row and is left alone for a while.",
        ]

    async def test_a_call_that_waits_in_vain_was_not_made_and_leaves_no_trace(self) -> None:
        lane = Lane("crm", 1, 4)
        gate = BackendGate("crm", lane, Breaker(), lambda _: None)
        assert lane.entered()
        soon = asyncio.get_running_loop().time() + 0.01
        with pytest.raises(DeadlineExceeded, match="waited for its turn"):
            await gate.through(answering(text_result("never asked")), until=soon, had_all=True)
        assert lane.waiting == 0
