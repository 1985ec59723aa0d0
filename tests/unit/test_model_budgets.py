"""Budgets of a day: for whom they are, what is still within them, what is under way meanwhile."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.budgets import NOTHING, Budget, budgets_of, dollars, reached, scopes, use
from gateway.core.limits import DAY_MS, Per
from gateway.core.model_spec import BILLION
from gateway.core.ports import RunAppend, RunRecord, StoredEvent, Taken, Usage
from gateway.runs.budgets import Budgets, Hold
from tests.twins import START_MS, TwinClock, TwinRunLog
from toolward.types import Principal, Run, RunState

ADA = Principal("ada", ("support",), "acme")
BO = Principal("bo", ("support",), "acme")
EVE = Principal("eve", ("sales",), "other")
SUPPORT = ("role:support",)
DAY = START_MS // DAY_MS


@pytest.mark.parametrize(
    ("principals", "those"),
    [
        ((), (ADA, BO, EVE)),
        (("role:support",), (ADA, BO)),
        (("user:ada", "tenant:other"), (ADA, EVE)),
        (("role:*",), (ADA, BO, EVE)),
        (("role:nobody",), ()),
    ],
)
def test_a_budget_is_for_those_whom_a_label_names(principals: tuple[str, ...], those: Sequence[Principal]):
    budget = Budget(principals, 1)
    assert tuple(one for one in (ADA, BO, EVE) if budgets_of([budget], one)) == those


def test_who_shares_a_budget_is_said_by_per_and_not_by_the_budget():
    own, tenants, all_of_them = (Budget(SUPPORT, 1, per=per) for per in get_args(Per))
    assert own.scope(ADA) != own.scope(BO)
    assert tenants.scope(ADA) == tenants.scope(BO) != tenants.scope(EVE)
    assert all_of_them.scope(ADA) == all_of_them.scope(BO)
    assert Budget(SUPPORT, 1).scope(ADA) == Budget((), 9, 9).scope(ADA)
    assert Budget(("a", "b"), 1, per="rule").scope(ADA) == Budget(("b", "a"), 2, per="rule").scope(EVE)
    everybody, support = Budget((), 1, per="rule"), Budget(SUPPORT, 1, per="rule")
    assert everybody.scope(ADA) != support.scope(ADA)
    assert len(scopes((Budget((), 1), Budget(SUPPORT, 2), support), ADA)) == 2


def of(taken: Taken, budget: Budget) -> Mapping[str, Taken]:
    return {budget.scope(ADA): taken}


@pytest.mark.parametrize(
    ("budget", "taken", "tokens", "cost", "fits"),
    [
        (Budget((), 100), Taken(0, 0), 100, None, True),
        (Budget((), 100), Taken(0, 0), 101, 0, False),
        (Budget((), 100), Taken(60, 10**12), 40, 0, True),
        (Budget((), 100), Taken(60, 0), 41, 0, False),
        (Budget((), 0, 5), Taken(10**9, 4), 10**9, 1, True),
        (Budget((), 0, 5), Taken(0, 4), 0, 2, False),
        (Budget((), 0, 5), Taken(0, 5), 0, 0, False),
        (Budget((), 0, 5), Taken(0, 0), 0, None, False),
        (Budget((), 100, 5), Taken(100, 0), 1, 0, False),
    ],
)
def test_what_is_planned_is_within_a_budget_or_not(
    budget: Budget, taken: Taken, tokens: int, cost: int | None, fits: bool
):
    said = reached([budget], ADA, of(taken, budget), tokens, cost)
    assert (said == "") is fits


@given(
    st.lists(st.builds(Budget, st.just(()), st.integers(0, 50), st.integers(0, 50)), max_size=3),
    st.builds(Taken, st.integers(0, 60), st.integers(0, 60)),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_whatever_fits_leaves_every_budget_whole(budgets: list[Budget], taken: Taken, tokens: int, cost: int):
    scope = Budget().scope(ADA)
    if not reached(budgets, ADA, {scope: taken}, tokens, cost):
        for budget in budgets:
            assert not budget.tokens_per_day or taken.tokens + tokens <= budget.tokens_per_day
            assert not budget.cost_per_day or taken.cost + cost <= budget.cost_per_day


def test_what_is_reached_is_said_with_whose_it_is_and_what_to_do():
    budget = Budget(SUPPORT, 2_000, 5 * BILLION, "tenant")
    said = reached([budget], ADA, of(Taken(1_500, 0), budget), 501, 0)
    assert said == (
        "The budget of 2,000 tokens a day for role:support (each tenant) is reached: 1,500 are taken, and this call"
        " may take 501. Days begin at midnight UTC."
    )
    assert (
        "$5.00 a day for role:support (each tenant) is reached: $4.99 are taken, and this call may take $0.011"
        in (reached([budget], ADA, of(Taken(0, 4_990_000_000), budget), 0, 11_000_000))
    )
    assert "has no price" in reached([budget], ADA, {}, 0, None)


@pytest.mark.parametrize(
    ("billionths", "shown"),
    [(0, "$0.00"), (5 * BILLION, "$5.00"), (1, "$0.000000001"), (1_234 * BILLION + 500_000_000, "$1,234.50")],
)
def test_money_is_shown_whole(billionths: int, shown: str):
    assert dollars(billionths) == shown


def test_an_endpoint_makes_no_room_by_what_it_says_of_itself():
    made = use(["ada"], -5, -1)
    assert made is not None
    assert (made.tokens, made.cost) == (0, 0)
    assert use([], 5, 5) is None


# --- what is under way


class Desk:
    """Runs of one process that ask models, over a twin of the log."""

    def __init__(self, *budgets: Budget) -> None:
        self.clock = TwinClock()
        self.log = TwinRunLog(self.clock)
        self.budgets = Budgets(lambda: budgets, self.log, self.clock)
        self._runs = 0

    async def record(self, hold: Hold, tokens: int, cost: int | None = 0) -> None:
        self._runs += 1
        at = self.clock.now_ms()
        run = Run(f"run_{self._runs}", "a", "ada", RunState.RUNNING, "", created_at=at, updated_at=at)
        await self.log.create(RunRecord(run, "acme", ()), [StoredEvent("run_started", 1, b"{}")])
        more = RunAppend(run.id, 1, (StoredEvent("x", 1, b"{}"),), run, use=hold.took(Usage(tokens, 0), cost))
        await self.log.append(more)

    async def taken(self, principal: Principal = ADA) -> Taken:
        scope = Budget().scope(principal)
        return (await self.log.taken([scope], DAY)).get(scope, NOTHING)


async def test_who_has_no_budget_is_never_stopped_and_nothing_is_counted():
    desk = Desk(Budget(("role:sales",), 1))
    with await desk.budgets.hold(ADA, 10**9, None) as hold:
        assert hold.reached == ""
        await desk.record(hold, 10**9)
    assert await desk.taken() == NOTHING


async def test_what_is_held_is_not_there_for_others_until_it_is_known_what_it_took():
    desk = Desk(Budget(SUPPORT, 100))
    with await desk.budgets.hold(ADA, 60, 0) as first:
        assert "60 are taken" in await desk.budgets.check(ADA, 41, 0)
        assert await desk.budgets.check(BO, 41, 0) == ""
        with await desk.budgets.hold(ADA, 40, 0) as second:
            assert second.reached == ""
            assert "100 are taken" in await desk.budgets.check(ADA, 1, 0)
        await desk.record(first, 10)
    assert await desk.taken() == Taken(10, 0)
    assert await desk.budgets.check(ADA, 90, 0) == ""
    assert await desk.budgets.check(ADA, 91, 0) != ""


async def test_a_question_that_failed_gives_its_room_back():
    desk = Desk(Budget((), 100))
    with pytest.raises(RuntimeError), await desk.budgets.hold(ADA, 100, 0):
        raise RuntimeError
    assert await desk.budgets.check(ADA, 100, 0) == ""


async def test_what_ends_while_the_ledger_is_read_is_not_lost():
    """It is recorded behind the reading and let go before the comparison."""
    desk = Desk(Budget((), 100))
    real = desk.log.taken
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scopes: Sequence[str], day: int) -> Mapping[str, Taken]:
        found = await real(scopes, day)
        reading.set()
        await go_on.wait()
        return found

    first = await desk.budgets.hold(ADA, 60, 0)
    desk.log.taken = slow
    looking = asyncio.create_task(desk.budgets.hold(ADA, 60, 0))
    await reading.wait()
    with first:
        await desk.record(first, 60)
    go_on.set()
    with await looking as second:
        assert "60 are taken" in second.reached


async def test_a_reply_whose_cost_nobody_knows_counts_as_what_was_held_for_it():
    desk = Desk(Budget((), 0, 100))
    with await desk.budgets.hold(ADA, 5, 30) as hold:
        await desk.record(hold, 5, None)
    assert await desk.taken() == Taken(5, 30)


async def test_the_last_words_of_a_run_that_may_take_no_more_are_counted_and_hold_nothing():
    desk = Desk(Budget((), 100))
    with await desk.budgets.hold(ADA, 101, 0) as hold:
        assert hold.reached
        assert await desk.budgets.check(ADA, 100, 0) == ""
        await desk.record(hold, 30)
    assert await desk.taken() == Taken(30, 0)


async def test_the_next_day_begins_anew():
    desk = Desk(Budget((), 100))
    with await desk.budgets.hold(ADA, 100, 0) as hold:
        await desk.record(hold, 100)
    assert await desk.budgets.check(ADA, 1, 0) != ""
    desk.clock.advance(DAY_MS / 1000)
    assert await desk.budgets.check(ADA, 1, 0) == ""


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=12))
def test_together_they_never_take_more_than_there_is(asked: list[tuple[int, bool]]):
    async def all_at_once() -> None:
        desk = Desk(Budget((), 100))

        async def one(tokens: int, fails: bool) -> None:
            with await desk.budgets.hold(ADA, tokens, 0) as hold:
                await asyncio.sleep(0)
                if not hold.reached and not fails:
                    await desk.record(hold, tokens)

        await asyncio.gather(*(one(*each) for each in asked))
        assert (await desk.taken()).tokens <= 100
        assert await desk.budgets.check(ADA, 100 - (await desk.taken()).tokens, 0) == ""

    asyncio.run(all_at_once())
