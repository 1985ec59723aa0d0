"""A failed call is made again only where that does no harm, and never so often that it makes an outage worse."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import UNKNOWN, ToolFacts, build_catalog
from gateway.core.dispatch import Bounds, Dispatch
from gateway.core.policy import bind
from gateway.core.retrying import Retries, RetryRules, may_repeat
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import DeadlineExceeded, InvalidResult, Overloaded, ToolwardError, Unavailable
from toolward.types import CallContext, Principal, Tool, ToolCall, ToolResult, text_result

READS = ToolFacts(changes=False)
KEEPS = ToolFacts(keeps_keys=True)
ADA = Principal("ada")


class Calls:
    """A dispatch over a backend that fails with these errors, one a call, and then answers."""

    def __init__(self, facts: ToolFacts, *errors: ToolwardError, bounds: Bounds | None = None) -> None:
        self._errors = list(errors)
        self.clock = TwinClock()
        self.ledger = TwinLedger(self.clock)
        self.backends = TwinBackends(listing("crm", Tool("get")))
        self.backends.answers["crm.get"] = self._answer
        ids = TwinIds()
        self.dispatch = Dispatch(self.backends, self.ledger, self.clock, ids, bounds, draw=lambda: 0.0)
        catalog = build_catalog(self.backends.listings(), {"crm.get": facts})
        rules = policy("version: 1\nrules: [{id: all, tools: ['crm.*'], effect: allow}]")
        self.dispatch.replace(catalog, bind(rules, catalog))

    async def _answer(self, call: ToolCall, context: CallContext) -> ToolResult:
        self.clock.advance(1)
        if self._errors:
            raise self._errors.pop(0)
        return text_result("done")

    async def make(self, *, key: str = "", seconds: float | None = None) -> str:
        call = ToolCall("crm.get", b"{}", idempotency_key=key)
        outcome = await self.dispatch.call_tool(ADA, call, CallContext(timeout=seconds))
        assert isinstance(outcome, ToolResult)
        return outcome.text

    @property
    def made(self) -> int:
        return len(self.backends.calls)

    @property
    def recorded(self) -> list[tuple[str, str]]:
        return [(outcome.code, outcome.message) for outcome in self.ledger.outcomes.values()]


def lost() -> Unavailable:
    return Unavailable("The connection was lost.")


@pytest.mark.parametrize(
    ("facts", "key", "repeated"),
    [
        (UNKNOWN, "", False),
        (UNKNOWN, "k", False),
        (READS, "", True),
        (ToolFacts(idempotent=True), "", True),
        (KEEPS, "", False),
        (KEEPS, "k", True),
    ],
)
async def test_facts_say_what_may_be_repeated(facts: ToolFacts, key: str, repeated: bool) -> None:
    calls = Calls(facts, lost())
    if repeated:
        assert await calls.make(key=key) == "done"
        assert calls.recorded == [("ok", "at attempt 2")]
    else:
        with pytest.raises(Unavailable, match="lost"):
            await calls.make(key=key)
        assert calls.recorded == [("unavailable", "The connection was lost.")]
    assert calls.made == (2 if repeated else 1)
    assert len(calls.ledger.intents) == 1


async def test_every_attempt_is_the_same_call_with_the_time_that_is_left() -> None:
    calls = Calls(KEEPS, lost(), lost())
    await calls.make(key="k", seconds=30)
    sent = [(call, context.timeout) for _, call, context in calls.backends.calls]
    assert len({call.call_id for call, _ in sent}) == 1
    assert len({call.idempotency_key for call, _ in sent}) == 1
    assert [timeout for _, timeout in sent] == [30, 29, 28]


async def test_it_is_given_up_after_three_attempts() -> None:
    calls = Calls(READS, *[lost() for _ in range(9)])
    with pytest.raises(Unavailable):
        await calls.make()
    assert calls.made == 3
    assert calls.recorded == [("unavailable", "The connection was lost. (3 attempts)")]


def answered(error: Unavailable) -> Unavailable:
    error.answered = True
    return error


@pytest.mark.parametrize(
    "error",
    [
        DeadlineExceeded("late"),
        InvalidResult("garbage"),
        Overloaded("busy", retry_after=0),
        answered(Unavailable("the tool's own dependency is gone")),
        Unavailable("left alone for a while", retry_after=20),
    ],
)
async def test_other_failures_are_final(error: ToolwardError) -> None:
    calls = Calls(READS, error)
    with pytest.raises(type(error)):
        await calls.make()
    assert calls.made == 1


async def test_a_pause_that_would_outlast_the_deadline_is_not_begun() -> None:
    calls = Calls(READS, Unavailable("not running", retry_after=1.5))
    with pytest.raises(Unavailable):
        await calls.make(seconds=1)
    assert calls.made == 1


async def test_an_outage_is_not_multiplied() -> None:
    calls = Calls(READS, *[lost() for _ in range(10_000)])
    ended = await asyncio.gather(*(calls.make() for _ in range(1000)), return_exceptions=True)
    assert {type(error) for error in ended} == {Unavailable}
    assert calls.made <= 1000 * 1.1 + 10


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=300), st.integers(1, 5))
def test_retries_are_never_more_than_their_budget(steps: list[bool], attempt: int) -> None:
    rules = RetryRules(attempts=6)
    retries = Retries(lambda: 0.99, rules)
    made = given = 0
    for is_call in steps:
        if is_call:
            retries.earn("crm")
            made += 1
        elif (pause := retries.pause("crm", lost(), attempt)) is not None:
            given += 1
            assert 0 <= pause <= rules.longest
        assert given <= rules.saved + made * rules.earned + 1e-6


def test_each_backend_has_its_own_budget() -> None:
    retries = Retries(lambda: 0.0)
    while retries.pause("crm", lost(), 1) is not None:
        pass
    assert retries.pause("files", lost(), 1) is not None


@pytest.mark.parametrize(("draw", "waits"), [(lambda: 0.0, [0, 0]), (lambda: 1.0, [0.1, 0.2])])
def test_waits_are_drawn_from_nothing_to_twice_the_last(
    draw: Callable[[], float], waits: list[float]
) -> None:
    retries = Retries(draw)
    assert [retries.pause("crm", lost(), attempt) for attempt in (1, 2)] == waits


def test_what_is_not_known_is_not_repeated() -> None:
    assert not may_repeat(UNKNOWN, "key")
