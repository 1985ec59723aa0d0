"""Dispatch: one call, step by step, and that no step can be passed over."""

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.core.catalog import ToolFacts, build_catalog
from gateway.core.dispatch import Bounds, Dispatch
from gateway.core.policy import bind
from gateway.core.ports import ApprovalGone, Listing
from gateway.core.requests import answered
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import (
    DeadlineExceeded,
    Denied,
    Internal,
    InvalidArguments,
    InvalidRequest,
    InvalidResult,
    TooLarge,
    ToolwardError,
    Unavailable,
    UnknownTool,
)
from toolward.types import (
    NO_CONTEXT,
    Answer,
    CallContext,
    InputRequest,
    InputRequired,
    JsonObject,
    Outcome,
    Principal,
    RunScope,
    Tool,
    ToolCall,
    ToolResult,
    text_result,
)

POLICY = """
version: 1
rules:
  - {id: reads, principals: ['role:support'], tools: [crm.get, 'calc.*', 'dead.*'], effect: allow}
  - {id: refunds, principals: ['role:support'], tools: [crm.refund], effect: ask, approvers: ['role:lead']}
  - {id: too-much, tools: [crm.refund], effect: deny, when: args.amount > 100, description: Ask a person}
"""
AMOUNT: JsonObject = {
    "type": "object",
    "properties": {"amount": {"type": "integer"}},
    "required": ["amount"],
    "additionalProperties": False,
}
SUM: JsonObject = {"type": "object", "properties": {"sum": {"type": "string"}}, "required": ["sum"]}
LISTINGS = (
    listing("crm", Tool("get"), Tool("refund", input_schema=AMOUNT), Tool("secret")),
    listing("calc", Tool("add", output_schema=SUM)),
    listing("dead", problem="connection refused"),
)
ADA = Principal("ada", ("support",))
LEAD = Principal("lea", ("lead",))
EVE = Principal("eve")


class Gateway:
    """A dispatch over twins."""

    def __init__(
        self, *, limits: Bounds | None = None, rules: str = POLICY, listings: tuple[Listing, ...] = LISTINGS
    ) -> None:
        self.clock = TwinClock()
        self.ledger = TwinLedger(self.clock)
        self.backends = TwinBackends(*listings)
        self.dispatch = Dispatch(self.backends, self.ledger, self.clock, TwinIds(), limits)
        catalog = build_catalog(self.backends.listings(), {"crm.get": ToolFacts(changes=False)})
        self.dispatch.replace(catalog, bind(policy(rules), catalog))

    async def call(
        self,
        name: str,
        who: Principal = ADA,
        context: CallContext = NO_CONTEXT,
        *,
        key: str = "",
        call_id: str = "",
        **arguments: Any,
    ) -> Outcome:
        call = ToolCall(name, msgspec.json.encode(arguments), call_id, key)
        return await self.dispatch.call_tool(who, call, context)

    async def asked(self, **arguments: Any) -> InputRequest:
        outcome = await self.call("crm.refund", **arguments)
        assert isinstance(outcome, InputRequired)
        return outcome.requests[0]

    async def approve(self, request: InputRequest) -> None:
        known = (await self.ledger.get_request(request.id)).request
        after = answered(known, Answer(approve=True), LEAD, self.clock.now_ms())
        await self.ledger.close_request(request.id, after, LEAD.id)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def in_run(*tools: str) -> CallContext:
    return CallContext(run=RunScope("run_1", "clerk", tools))


class TestCall:
    async def test_makes_the_call_and_records_it_before_and_after(self, gateway: Gateway) -> None:
        gateway.backends.answers["crm.get"] = text_result("hello")
        result = await gateway.call("crm.get", key="k", id="ORD-1")
        assert isinstance(result, ToolResult)
        assert result.text == "hello"
        (record,) = gateway.ledger.intents.values()
        assert gateway.ledger.journal == [f"intend {record.id}", f"settle {record.id} ok"]
        assert (record.principal, record.tool, record.effect, record.rule) == (
            "ada",
            "crm.get",
            "allow",
            "reads",
        )
        assert (record.roles, record.agent, record.trace_id) == (("support",), "", "")
        assert (found := gateway.dispatch.catalog.find("crm.get"))
        assert record.tool_digest == found.digest != ""
        assert record.version == gateway.dispatch.policy.version
        assert (record.changes, record.idempotency_key, record.run_id) == (False, "k", "")
        assert gateway.ledger.payloads[record.id] == b'{"id":"ORD-1"}'

    async def test_hands_the_backend_its_own_name_the_bytes_as_they_came_and_one_more_hop(
        self, gateway: Gateway
    ) -> None:
        context = CallContext(hops=2, traceparent="00-trace", timeout=5)
        raw = b'{ "n" : 123456789012345678901234567890 }'
        await gateway.dispatch.call_tool(ADA, ToolCall("crm__get", raw), context)
        ((backend, call, onward),) = gateway.backends.calls
        assert (backend, call.name, call.arguments_json) == ("crm", "get", raw)
        assert (onward.hops, onward.traceparent, onward.timeout, onward.run) == (3, "00-trace", 5, None)

    async def test_the_intent_is_on_record_when_the_backend_is_called(self, gateway: Gateway) -> None:
        async def look(call: ToolCall, _context: CallContext) -> ToolResult:
            assert gateway.ledger.journal == [f"intend {call.call_id}"]
            return text_result("seen")

        gateway.backends.answers["crm.get"] = look
        assert isinstance(await gateway.call("crm.get"), ToolResult)

    async def test_an_intent_that_cannot_be_recorded_stops_the_call(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(*_: object, **__: object) -> None:
            raise Unavailable("The disk is full.")

        monkeypatch.setattr(gateway.ledger, "intend", full)
        with pytest.raises(Unavailable):
            await gateway.call("crm.get")
        assert gateway.backends.calls == []

    async def test_only_a_run_chooses_call_ids(self, gateway: Gateway) -> None:
        await gateway.call("crm.get", call_id="1")
        await gateway.call("crm.get", call_id="run_1.3.1", context=in_run("crm.*"))
        ids = list(gateway.ledger.intents)
        assert ids[0].startswith("call_")
        assert ids[1] == "run_1.3.1"
        assert gateway.ledger.intents[ids[1]].run_id == "run_1"

    async def test_one_callers_idempotency_key_is_not_anothers(self, gateway: Gateway) -> None:
        bob = Principal("bob", ("support",))
        for who in (ADA, ADA, bob):
            await gateway.call("crm.get", who, key="k")
        await gateway.call("crm.get")
        first, again, other, none = [call.idempotency_key for _, call, _ in gateway.backends.calls]
        assert first == again
        assert first != other
        assert none == ""


class TestFinding:
    async def test_an_unknown_tool_is_answered_with_one_that_the_caller_may_see(
        self, gateway: Gateway
    ) -> None:
        with pytest.raises(UnknownTool, match=r"There is no tool named 'crm\.refunds'") as caught:
            await gateway.call("crm.refunds")
        assert caught.value.hint == "Did you mean crm.refund?"
        with pytest.raises(UnknownTool) as caught:
            await gateway.call("crm__refunds")
        assert caught.value.hint == "Did you mean crm__refund?"
        with pytest.raises(UnknownTool) as caught:
            await gateway.call("crm.refunds", EVE)
        assert "Did you mean" not in caught.value.hint

    async def test_what_cannot_be_listed_is_not_there(self, gateway: Gateway) -> None:
        with pytest.raises(UnknownTool):
            await gateway.call("crm.secret")
        with pytest.raises(UnknownTool):
            await gateway.call("crm.get", EVE)
        with pytest.raises(UnknownTool):
            await gateway.call("crm.get", context=in_run("calc.*"))
        assert gateway.backends.calls == []

    @pytest.mark.parametrize("name", ["dead.anything", "dead__anything"])
    async def test_a_backend_that_is_not_running_is_named_with_the_remedy(
        self, gateway: Gateway, name: str
    ) -> None:
        with pytest.raises(Unavailable, match=r"dead is not running: connection refused") as caught:
            await gateway.call(name)
        assert "Start it" in caught.value.hint
        assert "toolserver dead" in caught.value.hint

    async def test_who_could_not_use_a_dead_backend_does_not_hear_of_it(self, gateway: Gateway) -> None:
        with pytest.raises(UnknownTool):
            await gateway.call("dead.anything", EVE)

    async def test_a_tool_that_a_rule_does_not_fit_is_denied_aloud(self) -> None:
        gateway = Gateway(rules=POLICY + "  - {id: bad, tools: [crm.get], effect: deny, when: args.nope}\n")
        with pytest.raises(Denied, match=r"bad does not fit crm\.get") as caught:
            await gateway.call("crm.get")
        assert caught.value.rule == "bad"
        with pytest.raises(UnknownTool):
            await gateway.call("crm.get", EVE)

    async def test_before_anything_is_in_force_there_are_no_tools(self) -> None:
        clock = TwinClock()
        empty = Dispatch(TwinBackends(), TwinLedger(clock), clock, TwinIds())
        assert (await empty.list_tools(ADA)).tools == ()
        with pytest.raises(UnknownTool):
            await empty.call_tool(ADA, ToolCall("crm.get"), NO_CONTEXT)


class TestBadInput:
    @pytest.mark.parametrize(
        ("raw", "kind", "said"),
        [
            (b'{"amount": "3"}', InvalidArguments, "/amount"),
            (b"{}", InvalidArguments, "amount"),
            (b'{"amount": 3, "amont": 3}', InvalidArguments, "did you mean 'amount'?"),
            (b"[]", InvalidArguments, "must be a JSON object"),
            (b"{", InvalidRequest, "not valid JSON"),
            (b'{"amount": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", TooLarge, "levels deep"),
            (b'{"amount": "' + b"x" * 10_000_000 + b'"}', TooLarge, "at most 4,194,304"),
        ],
    )
    async def test_is_refused_before_policy_and_backend(
        self, gateway: Gateway, raw: bytes, kind: type[ToolwardError], said: str
    ) -> None:
        with pytest.raises(kind) as caught:
            await gateway.dispatch.call_tool(ADA, ToolCall("crm.refund", raw), NO_CONTEXT)
        assert "crm.refund" in caught.value.message
        assert said in caught.value.message
        assert gateway.backends.calls == []
        assert gateway.ledger.journal == []

    async def test_a_call_that_has_passed_too_many_gateways_is_refused(self, gateway: Gateway) -> None:
        assert isinstance(await gateway.call("crm.get", context=CallContext(hops=8)), ToolResult)
        with pytest.raises(InvalidRequest, match="passed 9 gateways"):
            await gateway.call("crm.get", context=CallContext(hops=9))

    async def test_a_call_with_no_time_left_is_not_made(self, gateway: Gateway) -> None:
        with pytest.raises(DeadlineExceeded):
            await gateway.call("crm.get", context=CallContext(timeout=0))
        assert gateway.ledger.journal == []


class TestDenied:
    async def test_says_the_rule_and_why_and_is_recorded(self, gateway: Gateway) -> None:
        with pytest.raises(Denied, match="the rule too-much denies it: Ask a person") as caught:
            await gateway.call("crm.refund", amount=101)
        assert caught.value.rule == "too-much"
        ((record, outcome),) = gateway.ledger.refused
        assert (record.effect, record.rule, outcome.code) == ("deny", "too-much", "denied")
        assert gateway.ledger.payloads[record.id] == b'{"amount":101}'
        assert gateway.backends.calls == []

    async def test_decide_call_says_it_without_calling_or_recording(self, gateway: Gateway) -> None:
        call = ToolCall("crm.refund", b'{"amount": 101}')
        assert gateway.dispatch.decide_call(ADA, call, NO_CONTEXT).rule == "too-much"
        assert gateway.ledger.journal == []


class TestApproval:
    async def test_a_call_that_policy_asks_about_waits_for_a_person(self, gateway: Gateway) -> None:
        request = await gateway.asked(amount=50)
        assert request.approvers == ("role:lead",)
        assert request.detail["arguments"] == {"amount": 50}
        assert gateway.backends.calls == []
        assert gateway.ledger.journal == []

    async def test_the_same_call_gives_the_same_request(self, gateway: Gateway) -> None:
        assert (await gateway.asked(amount=50)).id == (await gateway.asked(amount=50)).id
        assert len(gateway.ledger.requests) == 1

    async def test_an_approved_call_goes_through_once(self, gateway: Gateway) -> None:
        request = await gateway.asked(amount=50)
        await gateway.approve(request)
        assert isinstance(await gateway.call("crm.refund", amount=50), ToolResult)
        (record,) = gateway.ledger.intents.values()
        assert (record.effect, record.rule) == ("ask", "refunds")
        assert (await gateway.asked(amount=50)).id != request.id
        assert len(gateway.backends.calls) == 1

    async def test_an_approval_is_for_those_arguments_and_that_caller(self, gateway: Gateway) -> None:
        await gateway.approve(await gateway.asked(amount=50))
        assert isinstance(await gateway.call("crm.refund", amount=51), InputRequired)
        bob = await gateway.call("crm.refund", Principal("bob", ("support",)), amount=50)
        assert isinstance(bob, InputRequired)
        assert gateway.backends.calls == []

    async def test_an_approval_does_not_outlive_its_time(self) -> None:
        gateway = Gateway(limits=Bounds(approval_lifetime=60))
        await gateway.approve(await gateway.asked(amount=50))
        gateway.clock.advance(60)
        assert isinstance(await gateway.call("crm.refund", amount=50), InputRequired)

    async def test_a_deny_that_came_since_voids_the_approval(self, gateway: Gateway) -> None:
        await gateway.approve(await gateway.asked(amount=50))
        stricter = POLICY + "  - {id: stop, tools: [crm.refund], effect: deny, when: args.amount > 10}\n"
        gateway.dispatch.replace(gateway.dispatch.catalog, bind(policy(stricter), gateway.dispatch.catalog))
        with pytest.raises(Denied) as caught:
            await gateway.call("crm.refund", amount=50)
        assert caught.value.rule == "stop"

    async def test_of_two_calls_at_once_one_uses_the_approval(self, gateway: Gateway) -> None:
        await gateway.approve(await gateway.asked(amount=50))
        outcomes = await asyncio.gather(*(gateway.call("crm.refund", amount=50) for _ in range(2)))
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InputRequired", "ToolResult"]
        assert len(gateway.backends.calls) == 1

    async def test_an_approval_taken_in_this_moment_is_asked_for_anew(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = await gateway.asked(amount=50)
        await gateway.approve(request)
        intend = gateway.ledger.intend

        async def too_late(record: Any, arguments_json: bytes, **joined: Any) -> None:
            await intend(record, arguments_json, **joined)
            raise ApprovalGone("The approval cannot be used any more.")

        monkeypatch.setattr(gateway.ledger, "intend", too_late)
        assert (await gateway.asked(amount=50)).id != request.id
        assert gateway.backends.calls == []


class TestResult:
    async def test_a_result_that_keeps_its_schema_passes(self, gateway: Gateway) -> None:
        gateway.backends.answers["calc.add"] = ToolResult(structured_json=b'{"sum":"0.3"}')
        result = await gateway.call("calc.add")
        assert isinstance(result, ToolResult)
        assert result.structured == {"sum": "0.3"}

    @pytest.mark.parametrize(
        ("structured", "said"),
        [
            (b'{"sum": 3}', "/sum"),
            (b"{}", "sum"),
            (None, "promises a structured result"),
            (b"{", "not valid JSON"),
            (b"[" * 1000 + b"]" * 1000, "levels deep"),
        ],
    )
    async def test_a_result_that_breaks_it_is_the_backends_fault(
        self, gateway: Gateway, structured: bytes | None, said: str
    ) -> None:
        gateway.backends.answers["calc.add"] = ToolResult(structured_json=structured)
        with pytest.raises(InvalidResult) as caught:
            await gateway.call("calc.add")
        assert "calc.add" in caught.value.message
        assert said in caught.value.message
        assert gateway.ledger.journal[-1].endswith(" invalid_result")

    @pytest.mark.parametrize("structured", [None, b'{"sum": 3}', b"{", b"[" * 1000 + b"]" * 1000])
    async def test_a_failure_that_the_tool_reports_is_never_masked(
        self, gateway: Gateway, structured: bytes | None
    ) -> None:
        failure = msgspec.structs.replace(text_result("no", is_error=True), structured_json=structured)
        gateway.backends.answers["calc.add"] = failure
        result = await gateway.call("calc.add")
        assert isinstance(result, ToolResult)
        assert (result.text, result.is_error) == ("no", True)
        assert result.structured in (None, {"sum": 3})
        assert gateway.ledger.journal[-1].endswith(" tool_error")

    async def test_a_flood_is_cut_off(self) -> None:
        gateway = Gateway(limits=Bounds(result_bytes=1000))
        gateway.backends.answers["crm.get"] = text_result("x" * 1001)
        with pytest.raises(InvalidResult, match="at most 1,000"):
            await gateway.call("crm.get")

    async def test_a_backend_does_not_label_its_own_results(self, gateway: Gateway) -> None:
        gateway.backends.answers["crm.get"] = ToolResult(trust="trusted")
        result = await gateway.call("crm.get")
        assert isinstance(result, ToolResult)
        assert result.trust == "untrusted"


class TestFailure:
    async def test_an_error_of_the_backend_is_settled_with_its_code(self, gateway: Gateway) -> None:
        gateway.backends.answers["crm.get"] = Unavailable("crm went away.")
        with pytest.raises(Unavailable, match="crm went away"):
            await gateway.call("crm.get")
        (outcome,) = gateway.ledger.outcomes.values()
        assert (outcome.code, outcome.message) == ("unavailable", "crm went away. (3 attempts)")

    async def test_a_call_that_takes_too_long_is_stopped(self, gateway: Gateway) -> None:
        async def hang(_call: ToolCall, _context: CallContext) -> ToolResult:
            await asyncio.Event().wait()
            raise AssertionError

        gateway.backends.answers["crm.get"] = hang
        with pytest.raises(DeadlineExceeded, match="crm did not answer get in time"):
            await gateway.call("crm.get", context=CallContext(timeout=0.01))
        assert gateway.ledger.journal[-1].endswith(" deadline_exceeded")

    async def test_a_cancelled_call_is_settled_and_stays_cancelled(self, gateway: Gateway) -> None:
        reached = asyncio.Event()

        async def hang(_call: ToolCall, _context: CallContext) -> ToolResult:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

        gateway.backends.answers["crm.get"] = hang
        task = asyncio.create_task(gateway.call("crm.get"))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gateway.ledger.journal[-1].endswith(" cancelled")

    async def test_a_call_cancelled_while_its_intent_is_recorded_does_not_look_unfinished(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        intend, written = gateway.ledger.intend, asyncio.Event()

        async def slow(record: Any, arguments_json: bytes, **joined: Any) -> None:
            await intend(record, arguments_json, **joined)
            written.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(gateway.ledger, "intend", slow)
        task = asyncio.create_task(gateway.call("crm.get"))
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gateway.ledger.journal[-1].endswith(" cancelled")
        assert gateway.backends.calls == []

    @pytest.mark.parametrize("bug", [RuntimeError("password=hunter2"), TimeoutError("password=hunter2")])
    async def test_a_bug_of_ours_tells_the_caller_nothing(self, gateway: Gateway, bug: Exception) -> None:
        async def broken(_call: ToolCall, _context: CallContext) -> ToolResult:
            raise bug

        gateway.backends.answers["crm.get"] = broken
        with pytest.raises(Internal) as caught:
            await gateway.call("crm.get")
        assert "hunter2" not in caught.value.text
        assert gateway.ledger.journal[-1].endswith(" internal")


class TestList:
    async def test_shows_only_what_the_caller_could_use(self, gateway: Gateway) -> None:
        page = await gateway.dispatch.list_tools(ADA)
        assert [tool.name for tool in page.tools] == ["crm.get", "crm.refund", "calc.add"]
        assert page.next_cursor is None
        assert (await gateway.dispatch.list_tools(EVE)).tools == ()
        run = RunScope("run_1", "clerk", ("calc.*",))
        assert [entry.name for entry in gateway.dispatch.visible(ADA, run)] == ["calc.add"]

    async def test_comes_in_pages_without_gaps_or_repeats(self) -> None:
        many = listing("crm", *(Tool(f"t{number:04d}") for number in range(999)), Tool("u_hidden"))
        rules = "version: 1\nrules:\n  - {id: a, tools: ['crm.t*'], effect: allow}\n"
        gateway = Gateway(rules=rules, listings=(many,), limits=Bounds(page=333))
        names: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = await gateway.dispatch.list_tools(ADA, cursor)
            names += [tool.name for tool in page.tools]
            cursor, pages = page.next_cursor, pages + 1
        assert names == [f"crm.t{number:04d}" for number in range(999)]
        assert pages == 3

    async def test_whoever_sees_the_same_is_given_the_same_page_until_something_changes(
        self, gateway: Gateway
    ) -> None:
        page = await gateway.dispatch.list_tools(ADA)
        other = Principal("ben", ADA.roles, ADA.tenant)
        assert await gateway.dispatch.list_tools(other) is page
        assert await gateway.dispatch.list_tools(EVE) is not page
        gateway.dispatch.replace(gateway.dispatch.catalog, bind(policy(POLICY), gateway.dispatch.catalog))
        assert await gateway.dispatch.list_tools(ADA) is not page

    @pytest.mark.parametrize("cursor", ["", "nonsense", "crm.secret", "crm__get", "x" * 100_000])
    async def test_refuses_a_cursor_that_it_cannot_have_given(self, gateway: Gateway, cursor: str) -> None:
        with pytest.raises(InvalidRequest, match="cursor"):
            await gateway.dispatch.list_tools(ADA, cursor)


class TestReplace:
    async def test_wakes_watchers_and_swaps_everything_at_once(self, gateway: Gateway) -> None:
        changes = gateway.dispatch.watch()
        smaller = build_catalog([listing("crm", Tool("get"))])
        gateway.dispatch.replace(smaller, bind(policy(POLICY), smaller))
        await anext(changes)
        assert [tool.name for tool in (await gateway.dispatch.list_tools(ADA)).tools] == ["crm.get"]
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        assert not waiting.done()
        gateway.dispatch.replace(smaller, bind(policy(POLICY), smaller))
        await waiting

    async def test_a_call_under_way_keeps_what_it_began_with(self, gateway: Gateway) -> None:
        go, reached = asyncio.Event(), asyncio.Event()

        async def wait(_call: ToolCall, _context: CallContext) -> ToolResult:
            reached.set()
            await go.wait()
            return ToolResult(structured_json=b'{"sum":"1"}')

        gateway.backends.answers["calc.add"] = wait
        task = asyncio.create_task(gateway.call("calc.add"))
        await reached.wait()
        nothing = build_catalog(())
        gateway.dispatch.replace(nothing, bind(policy(POLICY), nothing))
        go.set()
        assert isinstance(await task, ToolResult)
