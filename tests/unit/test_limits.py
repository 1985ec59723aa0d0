"""Limits: what a rule lets through in a period, at once, and in a day; and that a limit never costs an approval."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.catalog import ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.limits import DAY_MS, Limiter, Limits, Rate
from gateway.core.policy import BoundPolicy, bind
from gateway.core.requests import answered
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import Overloaded, ToolwardError, Unavailable
from toolward.types import (
    NO_CONTEXT,
    Answer,
    CallContext,
    InputRequired,
    JsonObject,
    Outcome,
    Principal,
    RequestState,
    Tool,
    ToolCall,
    ToolResult,
    text_result,
)

AMOUNT: JsonObject = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer"},
        "tip": {"type": "integer"},
        "share": {"type": "number"},
        "note": {"type": "string"},
    },
    "required": ["amount"],
}
LISTING = listing("crm", Tool("refund", input_schema=AMOUNT), Tool("get"))
ADA = Principal("ada", ("support",), "acme")
BO = Principal("bo", ("support",), "acme")
ZOE = Principal("zoe", ("support",), "other")
LEAD = Principal("lea", ("lead",), "acme")

RULE = "version: 1\nrules:\n  - id: refunds\n    tools: [crm.refund]\n    effect: allow\n    limits:\n"


class Gateway:
    def __init__(self, limits: str, *, effect: str = "allow") -> None:
        approvers = "    approvers: [role:lead]\n" if effect == "ask" else ""
        self.clock = TwinClock()
        self.ledger = TwinLedger(self.clock)
        self.backends = TwinBackends(LISTING)
        self.dispatch = Dispatch(self.backends, self.ledger, self.clock, TwinIds())
        self.use(
            RULE.replace("    limits:\n", approvers + f"    limits: {limits}\n").replace("allow", effect)
        )

    def use(self, rules: str) -> None:
        catalog = build_catalog(self.backends.listings(), {"crm.get": ToolFacts(changes=False)})
        bound = bind(policy(rules), catalog)
        assert bound.problems == ()
        self.dispatch.replace(catalog, bound)

    async def call(self, who: Principal = ADA, amount: Any = 10) -> Outcome:
        arguments = msgspec.json.encode({"amount": amount})
        return await self.dispatch.call_tool(who, ToolCall("crm.refund", arguments), NO_CONTEXT)

    async def refused(self, who: Principal = ADA, amount: Any = 10) -> Overloaded:
        made = len(self.backends.calls)
        with pytest.raises(Overloaded) as caught:
            await self.call(who, amount)
        assert len(self.backends.calls) == made
        return caught.value


# --- a rate ---------------------------------------------------------------------------------------------


async def test_a_rate_holds_in_every_stretch_of_its_period() -> None:
    gateway = Gateway("{rate: 2/minute}")
    await gateway.call()
    gateway.clock.advance(59)
    await gateway.call()
    error = await gateway.refused()
    assert error.message == "A limit of the rule refunds is reached: 2 calls in any minute, for each caller."
    assert (error.rule, error.retry_after) == ("refunds", 1.0)
    gateway.clock.advance(1)
    await gateway.call()
    assert (await gateway.refused()).retry_after == 59


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.integers(1, 5))
def test_no_stretch_has_more_calls_than_the_rate_and_a_refusal_names_when_there_is_room(
    steps: list[int], calls: int
) -> None:
    clock, made = TwinClock(), list[float]()
    limiter = Limiter(clock)
    for step in steps:
        clock.advance(step)
        now = clock.monotonic()
        room = calls - sum(moment > now - 60 for moment in made)
        with limiter.hold("r", Limits(rate=Rate(calls, 60)), ADA, {}, clock.now_ms()) as hold:
            if room:
                hold.take()
                made.append(now)
                continue
            with pytest.raises(Overloaded) as caught:
                hold.take()
        later = now + (caught.value.retry_after or 0)
        assert sum(moment > later - 60 for moment in made) < calls
    for moment in made:
        assert sum(moment - 60 < other <= moment for other in made) <= calls


@pytest.mark.parametrize(
    ("per", "refused"),
    [("principal", [True, False, False]), ("tenant", [True, True, False]), ("rule", [True, True, True])],
)
@pytest.mark.parametrize("limit", ["rate: 1/hour", "per_day: {calls: 1}", "per_day: {sums: {amount: 10}}"])
async def test_who_shares_a_limit_is_written_in_the_rule(limit: str, per: str, refused: list[bool]) -> None:
    gateway = Gateway(f"{{{limit}, per: {per}}}")
    await gateway.call(ADA)
    for who, expected in zip((ADA, BO, ZOE), refused, strict=True):
        if expected:
            await gateway.refused(who)
        else:
            await gateway.call(who)


async def test_one_tenants_caller_is_not_anothers_of_the_same_name() -> None:
    gateway = Gateway("{rate: 1/hour, per_day: {calls: 1}}")
    await gateway.call(Principal("ada", (), "acme"))
    await gateway.call(Principal("ada", (), "other"))
    await gateway.refused(Principal("ada", ("more",), "acme"))


async def test_a_call_that_is_not_made_does_not_count_in_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway("{rate: 1/minute, concurrency: 1}")
    intend = gateway.ledger.intend

    async def full(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(gateway.ledger, "intend", full)
    with pytest.raises(Unavailable):
        await gateway.call()
    monkeypatch.setattr(gateway.ledger, "intend", intend)
    await gateway.call()


async def test_an_edited_rate_holds_at_once() -> None:
    gateway = Gateway("{rate: 2/minute}")
    await gateway.call()
    gateway.use(RULE.replace("limits:\n", "limits: {rate: 1/minute}\n"))
    await gateway.refused()
    gateway.use(RULE.replace("limits:\n", "limits: {rate: 1/second}\n"))
    gateway.clock.advance(1)
    await gateway.call()


def test_idle_callers_are_forgotten() -> None:
    clock = TwinClock()
    limiter = Limiter(clock)
    for number in range(25_000):
        clock.advance(1)
        hold = limiter.hold("r", Limits(rate=Rate(1, 1)), Principal(f"u{number}"), {}, clock.now_ms())
        hold.take()
        hold.__exit__(None, None, None)
    assert len(limiter._windows) < 15_000  # pyright: ignore[reportPrivateUsage] -- memory has no other face


# --- at once --------------------------------------------------------------------------------------------


async def test_no_more_run_at_once_and_an_ended_call_makes_room() -> None:
    gateway = Gateway("{concurrency: 2}")
    running, go = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_call: ToolCall, _context: CallContext) -> ToolResult:
        running.release()
        await go.wait()
        return text_result("done")

    gateway.backends.answers["crm.refund"] = slow
    tasks = [asyncio.create_task(gateway.call()) for _ in range(2)]
    for _ in tasks:
        await running.acquire()
    error = await gateway.refused()
    assert "2 calls at once" in error.message
    assert error.retry_after == 1.0
    third = asyncio.create_task(gateway.call(BO))  # has its own
    await running.acquire()
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    fourth = asyncio.create_task(gateway.call())
    await running.acquire()
    go.set()
    await asyncio.gather(tasks[1], third, fourth)


async def test_a_call_that_fails_makes_room() -> None:
    gateway = Gateway("{concurrency: 1}")
    gateway.backends.answers["crm.refund"] = Unavailable("It is gone.")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await gateway.call()


# --- a day ----------------------------------------------------------------------------------------------


async def test_calls_of_a_day_are_counted_till_midnight_utc() -> None:
    gateway = Gateway("{per_day: {calls: 2}}")
    await gateway.call()
    await gateway.call()
    error = await gateway.refused()
    left = (DAY_MS - gateway.clock.now_ms() % DAY_MS) / 1000
    assert error.message == "A limit of the rule refunds is reached: 2 calls a day, for each caller."
    assert error.retry_after == left
    assert error.rule == "refunds"
    gateway.clock.advance(left)
    await gateway.call()


async def test_amounts_of_a_day_are_added_up_and_a_smaller_call_still_fits() -> None:
    gateway = Gateway("{per_day: {sums: {amount: 100}}}")
    await gateway.call(amount=60)
    error = await gateway.refused(amount=41)
    assert "amount up to 100 a day in sum (now 60, and this call has 41)" in error.message
    await gateway.call(amount=40.0)  # JSON Schema's integer has no point, whatever is written
    assert "ask for less" in (await gateway.refused(amount=2**80)).hint


async def test_an_amount_below_zero_makes_no_room() -> None:
    gateway = Gateway("{per_day: {sums: {amount: 100}}}")
    await gateway.call(amount=-60)
    await gateway.refused(amount=41)


async def test_what_a_limit_refused_is_on_record_and_spends_nothing_of_another() -> None:
    gateway = Gateway("{rate: 3/minute, per_day: {calls: 3, sums: {amount: 20}}}")
    await gateway.call(amount=10)
    for _ in range(5):
        await gateway.refused(amount=11)
    assert [outcome.code for _, outcome in gateway.ledger.refused] == ["overloaded"] * 5
    await gateway.call(amount=5)
    await gateway.call(amount=5)


@pytest.mark.parametrize(
    "limits", ["{rate: 1/hour}", "{per_day: {calls: 1}}", "{per_day: {sums: {amount: 12}}}"]
)
async def test_a_limit_that_is_reached_does_not_use_up_an_approval(limits: str) -> None:
    gateway = Gateway(limits, effect="ask")

    async def approved(amount: int) -> str:
        outcome = await gateway.call(amount=amount)
        assert isinstance(outcome, InputRequired)
        (request,) = outcome.requests
        after = answered(request, Answer(approve=True), LEAD, gateway.clock.now_ms())
        await gateway.ledger.close_request(request.id, after, LEAD.id)
        return request.id

    await approved(11)
    await gateway.call(amount=11)
    second = await approved(2)
    await gateway.refused(amount=2)
    assert (await gateway.ledger.get_request(second)).request.state is RequestState.APPROVED
    left = (DAY_MS - gateway.clock.now_ms() % DAY_MS) / 1000
    gateway.clock.advance(max(left, 3600))
    await gateway.call(amount=2)
    assert (await gateway.ledger.get_request(second)).request.state is RequestState.CONSUMED


# --- files ----------------------------------------------------------------------------------------------

MISTAKES = {
    "{}": "7: `limits` must be a mapping with `rate`, `concurrency` or `per_day`",
    "{per: tenant}": "`limits` must be a mapping with `rate`",
    "[]": "`limits` must be a mapping",
    "{rates: 3}": "there is no key 'rates' here, did you mean 'rate'?",
    "{rate: 10}": "`rate` must be a text",
    "{rate: 10 a minute}": "the rate '10 a minute' is not like 10/minute",
    "{rate: 0/minute}": "not like 10/minute: 1 to 10,000 calls a second, minute, hour",
    "{rate: 10001/minute}": "not like 10/minute",
    "{rate: 10/day}": "not like 10/minute",
    "{concurrency: 0}": "`concurrency` must be a whole number from 1 to 10,000, not 0",
    "{concurrency: true}": "`concurrency` must be a whole number",
    "{per_day: 3}": "`per_day` must be a mapping with `calls` or `sums`",
    "{per_day: {cals: 3}}": "did you mean 'calls'?",
    "{per_day: {calls: -1}}": "`calls` must be a whole number from 1",
    "{per_day: {sums: {}}}": "`sums` must be a mapping of arguments",
    "{per_day: {sums: {amount: 1.5}}}": "`amount` must be a whole number",
    "{rate: 1/minute, per: rol}": "the per 'rol' is not principal, tenant or rule",
}


@pytest.mark.parametrize("limits", MISTAKES)
def test_a_mistake_in_a_limit_is_refused_with_file_and_line(limits: str) -> None:
    text = RULE.replace("limits:\n", f"limits:\n      {limits}\n")
    with pytest.raises(ToolwardError) as caught:
        policy(text)
    assert "policy.yaml:" in caught.value.message
    assert MISTAKES[limits].removeprefix("7: ") in caught.value.message


def test_a_deny_has_no_limits() -> None:
    with pytest.raises(ToolwardError, match="only a rule that lets calls through has `limits`"):
        policy(RULE.replace("limits:\n", "limits: {rate: 1/minute}\n").replace("allow", "deny"))


def bound(sums: str, args: str = "") -> BoundPolicy:
    rules = RULE.replace("limits:\n", f"limits:\n      per_day:\n        sums:\n          {sums}\n")
    if args:
        rules += f"    args: {args}\n"
    return bind(policy(rules), build_catalog([LISTING]))


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ("amont: 5", "it has no argument 'amont', did you mean 'amount'?"),
        ("note: 5", "its note is string, and only whole numbers (integer) can be added up."),
        ("share: 5", "its share is number, and only whole numbers (integer) can be added up."),
        ("tip: 5", "its tip may be left out, and then nothing would be added; require it in `args`."),
    ],
)
def test_a_sum_that_does_not_fit_a_tool_denies_it_with_file_and_line(sums: str, said: str) -> None:
    found = bound(sums)
    assert found.problems == (
        f"policy.yaml:9: the rule refunds does not fit crm.refund: {said} Every call of crm.refund is denied"
        " until then.",
    )


def test_a_sum_over_what_the_rule_requires_fits() -> None:
    assert bound("tip: 5", "{required: [tip], properties: {tip: {type: integer}}}").problems == ()


def test_the_digest_follows_the_limits() -> None:
    one, two = (policy(RULE.replace("limits:\n", f"limits: {{rate: {n}/minute}}\n")) for n in (1, 2))
    assert one.digest != two.digest
