"""Results that answer later calls: only the same question, only for a time, and never a failure."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.core.catalog import ToolFacts, build_catalog
from gateway.core.dispatch import Bounds, Dispatch
from gateway.core.policy import BoundPolicy, bind
from gateway.core.ports import LedgerPort, Listing
from gateway.core.result_cache import MAX_RESULT, ResultCache, question
from gateway.ledger.ledger import Ledger
from gateway.ledger.reading import recorded_calls
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import ConfigurationError, DeadlineExceeded, NotFound, Overloaded, Unavailable
from toolward.types import (
    NO_CONTEXT,
    CallContext,
    Principal,
    Tool,
    ToolCall,
    ToolResult,
    text_result,
)

RULES = """
version: 1
rules:
  - {id: reads, tools: [crm.get], effect: allow, cache: 5m}
  - {id: writes, tools: [crm.put], effect: allow}
  - {id: others, tools: [docs.get], effect: allow}
"""
LISTINGS = (listing("crm", Tool("get"), Tool("put")), listing("docs", Tool("get")))
FACTS = {
    "crm.get": ToolFacts(changes=False, idempotent=True),
    "docs.get": ToolFacts(changes=False, idempotent=True),
}
ADA = Principal("ada", ("support", "sales"), "acme")


class Gateway:
    """`crm.get` answers with how often it was called."""

    def __init__(self, rules: str = RULES, ledger: LedgerPort | None = None) -> None:
        self.clock = TwinClock()
        self.twin = TwinLedger(self.clock)
        self.backends = TwinBackends(*LISTINGS)
        self.dispatch = Dispatch(self.backends, ledger or self.twin, self.clock, TwinIds(), Bounds(timeout=5))
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.use(rules)
        self.backends.answers["crm.get"] = self._count
        self.made = 0

    def use(self, rules: str, listings: tuple[Listing, ...] = LISTINGS) -> None:
        catalog = build_catalog(listings, FACTS, before=self.dispatch.catalog)
        bound = bind(policy(rules), catalog)
        assert bound.problems == ()
        self.dispatch.replace(catalog, bound)

    async def _count(self, _call: ToolCall, _context: CallContext) -> ToolResult:
        self.made += 1
        number = self.made
        self.begun.set()
        await self.gate.wait()
        return text_result(f"ann@x.example {number}")

    async def get(
        self,
        who: Principal = ADA,
        context: CallContext = NO_CONTEXT,
        *,
        tool: str = "crm.get",
        **arguments: Any,
    ) -> ToolResult:
        call = ToolCall(tool, msgspec.json.encode(arguments))
        made = await self.dispatch.call_tool(who, call, context)
        assert isinstance(made, ToolResult)
        return made

    async def number(self, who: Principal = ADA, **arguments: Any) -> str:
        return (await self.get(who, **arguments)).text.split()[-1]

    def waiting(self, count: int, who: Principal = ADA) -> list["asyncio.Task[str]"]:
        return [asyncio.create_task(self.number(who)) for _ in range(count)]

    def messages(self) -> list[str]:
        return [outcome.message for outcome in self.twin.outcomes.values()]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


async def test_what_a_person_approved_at_a_gateway_before_is_neither_kept_nor_answered_from_it(
    gateway: Gateway,
) -> None:
    approved = CallContext(approved_by=("role:lead",))
    said = [(await gateway.get(context=context)).text[-1] for context in (approved, NO_CONTEXT, approved)]
    assert said == ["1", "2", "3"]


# --- what answers ---------------------------------------------------------------------------------------


async def test_the_same_question_is_answered_until_its_time_is_over_and_the_record_says_so(
    gateway: Gateway,
) -> None:
    assert await gateway.number(id=1, of={"a": 1, "b": 2}) == "1"
    gateway.clock.advance(299)
    assert await gateway.number(of={"b": 2, "a": 1}, id=1) == "1"
    gateway.clock.advance(1)
    assert await gateway.number(id=1, of={"a": 1, "b": 2}) == "2"
    assert gateway.messages() == ["", "answered from the cache, 299 s old", ""]
    assert [one.code for one in gateway.twin.outcomes.values()] == ["ok"] * 3
    assert len(gateway.twin.intents) == len(gateway.twin.results) == 3


@pytest.mark.parametrize(
    "other",
    [
        Principal("bo", ADA.roles, ADA.tenant),
        Principal("ada", ADA.roles, "other"),
        Principal("ada", ("support",), ADA.tenant),
        Principal("ada", ADA.roles, ADA.tenant, ("*",)),
    ],
)
async def test_nobody_gets_what_another_was_answered(gateway: Gateway, other: Principal) -> None:
    assert await gateway.number() == "1"
    assert await gateway.number(other) == "2"
    assert await gateway.number(Principal("ada", ("sales", "support"), "acme")) == "1"


async def test_other_arguments_are_another_question(gateway: Gateway) -> None:
    asked: list[dict[str, Any]] = [{"n": 5}, {"n": 5.0}, {"n": "5"}, {"m": 5}, {"n": 5}]
    numbers = [await gateway.number(**one) for one in asked]
    assert numbers == ["1", "2", "3", "4", "1"]


async def test_a_backend_that_is_listed_anew_or_says_other_things_of_the_tool_begins_with_nothing(
    gateway: Gateway,
) -> None:
    assert await gateway.number() == "1"
    gateway.use(
        RULES.replace("version: 1", "version: 1  # the policy is read again, the backends are the same")
    )
    assert await gateway.number() == "1"
    again = msgspec.structs.replace(LISTINGS[0])  # connected again: other credentials, another start
    gateway.use(RULES, (again, LISTINGS[1]))
    assert await gateway.number() == "2"
    gateway.use(RULES, (listing("crm", Tool("get", "Other words."), Tool("put")), LISTINGS[1]))
    assert await gateway.number() == "3"


async def test_after_a_change_from_here_nothing_old_answers(gateway: Gateway) -> None:
    assert await gateway.number() == "1"
    await gateway.get(tool="docs.get")
    assert await gateway.number() == "1"
    await gateway.get(tool="crm.put")
    assert await gateway.number() == "2"
    gateway.backends.answers["crm.put"] = Unavailable("Nobody knows whether it was changed.")
    with pytest.raises(Unavailable):
        await gateway.get(tool="crm.put")
    assert await gateway.number() == "3"


async def test_what_was_read_before_a_change_does_not_answer_after_it(gateway: Gateway) -> None:
    gateway.gate.clear()
    early, waits = gateway.waiting(2)
    await gateway.begun.wait()
    await gateway.get(tool="crm.put")
    (late,) = gateway.waiting(1)
    await asyncio.sleep(0)
    gateway.gate.set()
    assert await early == "1"
    assert "1" not in (await waits, await late)


async def test_failures_and_large_results_are_not_kept(gateway: Gateway) -> None:
    answers = gateway.backends.answers
    for answer in (text_result("no", is_error=True), text_result("x" * (MAX_RESULT + 1))):
        answers["crm.get"] = answer
        await gateway.get()
        await gateway.get()
    answers["crm.get"] = NotFound("It is away.")
    for _ in range(2):
        with pytest.raises(NotFound):
            await gateway.get()
    assert set(gateway.messages()) == {"", "It is away."}


async def test_a_rule_without_the_key_keeps_nothing_and_a_shorter_time_counts_at_once(
    gateway: Gateway,
) -> None:
    assert await gateway.number() == "1"
    gateway.clock.advance(60)
    gateway.use(RULES.replace("5m", "90s"))
    assert await gateway.number() == "1"
    gateway.use(RULES.replace("5m", "30s"))
    assert await gateway.number() == "2"
    gateway.use(RULES.replace(", cache: 5m", ""))
    assert [await gateway.number() for _ in range(2)] == ["3", "4"]


async def test_policy_limits_and_output_rules_hold_for_what_is_answered_too(gateway: Gateway) -> None:
    assert (await gateway.get()).text == "ann@x.example 1"
    gateway.use(
        RULES.replace(
            "cache: 5m", "cache: 5m, output: {redact: [email], trust: trusted}, limits: {rate: 2/hour}"
        )
    )
    for _ in range(2):
        result = await gateway.get()
        assert (result.text, result.trust) == ("[redacted: email] 1", "trusted")
    with pytest.raises(Overloaded):
        await gateway.get()
    gateway.use(RULES)
    assert (await gateway.get()).trust == "untrusted"
    assert gateway.made == 1


# --- several at once ------------------------------------------------------------------------------------


async def test_of_several_at_once_one_is_made(gateway: Gateway) -> None:
    gateway.gate.clear()
    calls = gateway.waiting(5)
    other = gateway.waiting(1, Principal("bo"))
    await gateway.begun.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    gateway.gate.set()
    assert [await call for call in calls] == ["1"] * 5
    assert await other[0] == "2"
    assert sorted(gateway.messages())[2:] == ["answered from the cache, 0 s old"] * 4


async def test_who_waits_does_not_fail_with_a_first_that_is_cancelled(gateway: Gateway) -> None:
    gateway.gate.clear()
    first, *others = gateway.waiting(4)
    await gateway.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gateway.gate.set()
    assert [await call for call in others] == ["2"] * 3


async def test_one_who_waits_may_give_up(gateway: Gateway) -> None:
    gateway.gate.clear()
    first, second, third = gateway.waiting(3)
    await gateway.begun.wait()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(DeadlineExceeded):
        await gateway.get(context=CallContext(timeout=0.01))
    gateway.gate.set()
    assert [await first, await third] == ["1", "1"]


async def test_who_waits_does_not_fail_with_a_first_that_fails(gateway: Gateway) -> None:
    release = asyncio.Event()

    async def fail_once(_call: ToolCall, _context: CallContext) -> ToolResult:
        gateway.made += 1
        gateway.begun.set()
        if gateway.made == 1:
            await release.wait()
            raise NotFound("It is away.")
        return text_result(f"x {gateway.made}")

    gateway.backends.answers["crm.get"] = fail_once
    first, *others = gateway.waiting(3)
    await gateway.begun.wait()
    release.set()
    with pytest.raises(NotFound):
        await first
    assert [await call for call in others] == ["2", "2"]


# --- bounds ---------------------------------------------------------------------------------------------


async def test_entries_and_bytes_are_bounded_and_what_was_used_last_stays() -> None:
    cache = ResultCache(TwinClock(), entries=3, total=100)
    made: list[int] = []

    async def ask(number: int, length: int = 10) -> None:
        async def make() -> ToolResult:
            made.append(number)
            return text_result("x" * length)

        asked = question(ADA, LISTINGS[0], "crm.get", "", {"n": number})
        await cache.answer(asked, 60, make)

    for number in (1, 2, 3, 1, 4, 1, 2):  # 4 goes in the place of 2
        await ask(number)
    assert made == [1, 2, 3, 4, 2]
    await ask(5, 85)  # leaves room for one
    await ask(2)
    assert made == [1, 2, 3, 4, 2, 5]
    await ask(6, 101)  # fits nowhere, and takes all with it
    await ask(6, 101)
    assert made[-2:] == [6, 6]


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["5", "5 m", "0s", "5d", "25h", "1440m1s", "-5m", "[5m]", "''", "1.5h"])
def test_another_time_is_refused_with_file_and_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"policy.yaml:4: .*cache"):
        policy(RULES.replace("5m", text))


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("24h", 86_400), ("1440m", 86_400)])
def test_times_as_they_are_written(text: str, seconds: int) -> None:
    assert policy(RULES.replace("5m", text)).rules[0].cache == seconds


def test_only_an_allow_over_tools_has_it() -> None:
    for effect in ("deny", "ask, approvers: ['role:lead']"):
        with pytest.raises(ConfigurationError, match="only a rule with `effect: allow` has `cache`"):
            policy(RULES.replace("effect: allow, cache", f"effect: {effect}, cache"))
    with pytest.raises(ConfigurationError, match="only a rule over `tools` has `cache`"):
        policy(RULES.replace("tools: [crm.get]", "operations: [run.read]"))


def test_it_is_part_of_the_policy_s_digest_and_without_it_nothing_changes() -> None:
    plain = policy(RULES.replace(", cache: 5m", ""))
    assert len({policy(RULES).digest, policy(RULES.replace("5m", "6m")).digest, plain.digest}) == 3


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (ToolFacts(), "changes things"),
        (ToolFacts(changes=True, idempotent=True), "changes things"),
        (ToolFacts(changes=False), "is not idempotent"),
    ],
)
def test_a_tool_that_does_more_than_read_does_not_fit_such_a_rule(facts: ToolFacts, said: str) -> None:
    catalog = build_catalog(LISTINGS, FACTS | {"crm.get": facts})
    bound = bind(policy(RULES), catalog)
    (problem,) = bound.problems
    assert (
        f"policy.yaml:4: the rule reads does not fit crm.get: as far as its facts say, it {said}" in problem
    )
    assert "Every call of crm.get is denied" in problem
    tool = catalog.find("crm.get")
    assert tool is not None
    assert bound.decide(ADA, tool, {}).effect == "deny"


def explained(bound: BoundPolicy, gateway: Gateway) -> str:
    tool = gateway.dispatch.catalog.find("crm.get")
    assert tool is not None
    return bound.decide(ADA, tool, {}).reason


def test_explaining_says_so(gateway: Gateway) -> None:
    said = explained(gateway.dispatch.policy, gateway)
    assert said == "the rule reads allows it (cached: a result answers the same call for 5m)"


# --- over the real ledger -------------------------------------------------------------------------------


async def test_the_ledger_has_a_call_that_was_answered_so_like_every_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    clock = TwinClock()
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        gateway = Gateway(ledger=ledger)
        await gateway.get(id=1)
        gateway.clock.advance(12)
        await gateway.get(id=1)
    first, second = recorded_calls(path, newest_first=False)
    assert first.outcome is not None
    assert second.outcome is not None
    assert (first.outcome.message, second.outcome.message) == ("", "answered from the cache, 12 s old")
    assert first.result_json == second.result_json != b""
    assert first.arguments_json == second.arguments_json
    assert gateway.made == 1
