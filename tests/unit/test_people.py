"""The tools by which agents turn to people, at dispatch, over twins: who has them, what a call asks, and that it
asks once."""

import msgspec
import pytest

from gateway.core.admission import Bounds
from gateway.core.catalog import build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.lock import ToolsLock, changes, pin_unpinned, withhold
from gateway.core.people import ASK, ESCALATE, FACTS, LISTING
from gateway.core.policy import bind
from gateway.core.ports import Called
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import Conflict, Denied, InvalidArguments, InvalidRequest, Overloaded, UnknownTool
from toolward.types import (
    NO_CONTEXT,
    Answer,
    CallContext,
    InputRequest,
    InputRequired,
    JsonObject,
    Principal,
    RequestKind,
    RequestState,
    RunScope,
    Tool,
    ToolCall,
)

POLICY = """
version: 1
rules:
  - {id: asking, principals: ['role:support'], tools: [people.ask_person], effect: allow}
  - {id: handing-over, principals: ['role:support'], tools: ['people.*'], effect: ask, approvers: ['role:lead']}
"""
ADA, LEA, LEO = Principal("ada", ("support",)), Principal("lea", ("lead",)), Principal("leo", ("lead",))
QUESTION: JsonObject = {"question": "Which order?"}
CASE: JsonObject = {
    "summary": "The customer wants more than the rules give.",
    "facts": [{"fact": "The order is 84.80.", "source": "ORD-1007"}],
    "tried": ["Read the returns policy."],
}


class House:
    def __init__(self, rules: str = POLICY, bounds: Bounds | None = None) -> None:
        self.clock, self.ids = TwinClock(), TwinIds()
        self.ledger = TwinLedger(self.clock)
        self.backends = TwinBackends(listing("crm", Tool("get")))
        self.dispatch = Dispatch(self.backends, self.ledger, self.clock, self.ids, bounds)
        self.catalog = build_catalog([*self.backends.listings(), LISTING], FACTS)
        self.dispatch.replace(self.catalog, bind(policy(rules), self.catalog))

    async def call(
        self,
        arguments: JsonObject = QUESTION,
        *,
        tool: str = ASK,
        call_id: str = "call_1",
        run: RunScope | None = None,
        who: Principal = ADA,
    ) -> Called:
        scope = run or RunScope("run_1", "clerk", ("people.*",), people=("self", "role:lead"))
        call = ToolCall(tool, msgspec.json.encode(arguments), call_id, f"key of {call_id}")
        return await self.dispatch.call(who, call, CallContext(run=scope))

    async def asked(self, *arguments: JsonObject, **more: object) -> InputRequest:
        made = await self.call(*arguments, **more)  # pyright: ignore[reportArgumentType]
        assert isinstance(made.outcome, InputRequired)
        assert made.outcome.state == ""  # nobody's client is asked in its place
        (request,) = made.outcome.requests
        return request

    async def answer(self, who: Principal, request_id: str, answer: Answer) -> InputRequest:
        return await self.dispatch.answer(who, await self.ledger.get_request(request_id), answer)


@pytest.fixture
def house() -> House:
    return House()


# --- who has them ---------------------------------------------------------------------------------------


async def test_outside_a_run_they_are_not_there(house: House):
    page = await house.dispatch.list_tools(ADA)
    assert [tool.name for tool in page.tools] == []
    for name in (ASK, "people__ask_person"):
        with pytest.raises(UnknownTool):
            await house.dispatch.call_tool(ADA, ToolCall(name, b'{"question": "x"}'), NO_CONTEXT)
    decision = house.dispatch.policy.decide(ADA, house.catalog.tools[1], QUESTION)
    assert (decision.effect, decision.reason) == ("deny", "only an agent, in a run, turns to people")


async def test_in_a_run_policy_and_the_agent_say_who_has_them(house: House):
    def names(principal: Principal, *tools: str) -> list[str]:
        return [one.name for one in house.dispatch.visible(principal, RunScope("r", "clerk", tools))]

    assert names(ADA, "*") == [ASK, ESCALATE]
    assert names(ADA, ASK) == [ASK]
    assert names(ADA, "crm.*") == names(LEA, "*") == []


def test_what_is_known_of_them(house: House):
    for name in (ASK, ESCALATE):
        tool = house.catalog.find(name)
        assert tool is not None
        assert not tool.facts.changes
        assert tool.alias == name.replace(".", "__")


def test_nothing_of_them_is_pinned_or_withheld(house: House):
    lock = pin_unpinned(house.catalog, ToolsLock(), {})
    assert list(lock.backends) == ["crm"]
    assert withhold(house.catalog, lock, {}, "require") is house.catalog
    assert changes(house.catalog, lock, {}) == ()


# --- what a call does -----------------------------------------------------------------------------------


async def test_a_question_waits_for_a_person_and_reaches_no_backend(house: House):
    made = await house.call({"question": "Which one?", "choices": ["the first", "the second"]})
    assert (made.effect, made.rule) == ("ask", "handing-over")  # ask goes before allow, and asks the same
    assert isinstance(made.outcome, InputRequired)
    (request,) = made.outcome.requests
    assert (request.kind, request.state) == (RequestKind.QUESTION, RequestState.OPEN)
    assert request.prompt == "The agent clerk, working for ada, asks: Which one?"
    assert request.choices == ("the first", "the second")
    assert request.approvers == ("self", "role:lead")
    assert request.run_id == "run_1"
    assert request.expires_at - request.created_at == 7 * 24 * 3600 * 1000
    assert house.backends.calls == []
    assert house.ledger.outcomes["call_1"].code == "ok"


async def test_an_escalation_has_the_case_in_its_detail(house: House):
    request = await house.asked(CASE, tool=ESCALATE)
    assert request.kind is RequestKind.ESCALATION
    assert {name: request.detail[name] for name in CASE} == CASE
    assert request.detail["call_id"] == "call_1"


async def test_where_the_agent_names_nobody_its_runs_owner_answers(house: House):
    request = await house.asked(run=RunScope("run_1", "clerk", ("*",)))
    assert request.approvers == ("self",)
    assert (await house.answer(ADA, request.id, Answer(text="ORD-1"))).state is RequestState.ANSWERED


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (ASK, {}),
        (ASK, {"question": " "}),
        (ASK, {"question": "x", "choices": ["one"]}),
        (ASK, {"question": "x", "choices": ["one", "one"]}),
        (ASK, {"question": "x" * 4_001}),
        (ASK, {"question": "x", "to": "lea"}),
        (ESCALATE, {"summary": "x", "facts": ["no source"], "tried": []}),
        (ESCALATE, {"summary": "x", "facts": []}),
        (ESCALATE, {**CASE, "facts": [{"fact": "x", "source": "y"}] * 51}),
    ],
)
async def test_arguments_are_checked_as_for_any_tool(house: House, tool: str, arguments: JsonObject):
    with pytest.raises(InvalidArguments):
        await house.call(arguments, tool=tool)
    assert house.ledger.requests == {}


async def test_the_same_call_asks_once_whatever_became_of_it(house: House):
    first = await house.asked()
    assert await house.asked() == first
    await house.answer(LEA, first.id, Answer(text="ORD-1"))
    again = await house.asked()  # as after a crash before the run had recorded that it asks
    assert (again.id, again.state) == (first.id, RequestState.ANSWERED)
    assert len(house.ledger.requests) == 1


async def test_after_it_has_expired_too(house: House):
    first = await house.asked()
    house.clock.advance(7 * 24 * 3600)
    await house.ledger.expire_requests()
    again = await house.asked()
    assert (again.id, again.state) == (first.id, RequestState.EXPIRED)


async def test_two_calls_that_ask_the_same_share_the_question_while_it_is_open(house: House):
    first = await house.asked()
    assert await house.asked(call_id="call_2") == first
    await house.answer(LEA, first.id, Answer(text="ORD-1"))
    later = await house.asked(call_id="call_3")
    assert (later.id != first.id, later.state) == (True, RequestState.OPEN)


async def test_a_run_that_shares_the_calls_of_another_asks_for_itself(house: House):
    first = await house.asked()
    other = await house.asked(run=RunScope("run_2", "clerk", ("*",)))
    assert other.id != first.id
    assert other.run_id == "run_2"


# --- denials and limits ---------------------------------------------------------------------------------


async def test_what_policy_denies_is_denied_and_an_open_question_void():
    house = House()
    request = await house.asked()
    denying = (
        POLICY + "  - {id: no-asking, tools: [people.ask_person], effect: deny, when: args.question != ''}\n"
    )
    await house.dispatch.recall()
    house.dispatch.replace(house.catalog, bind(policy(denying), house.catalog))
    with pytest.raises(Denied):
        await house.call(call_id="call_2")
    assert house.ledger.requests[request.id].request.state is RequestState.VOID


async def test_the_limits_of_the_rule_count():
    rules = """
version: 1
rules:
  - {id: asking, principals: ['role:support'], tools: [people.ask_person], effect: allow,
     limits: {rate: 5/minute, per_day: {calls: 2}}}
"""
    house = House(rules)
    await house.asked({"question": "1"}, call_id="call_1")
    await house.asked({"question": "1"}, call_id="call_1")  # the same call counts once
    await house.asked({"question": "2"}, call_id="call_2")
    with pytest.raises(Overloaded, match="2 calls a day"):
        await house.call({"question": "3"}, call_id="call_3")
    assert len(house.ledger.requests) == 2


async def test_open_requests_are_bounded_and_the_record_says_so():
    house = House(bounds=Bounds(open_requests=1))
    await house.asked()
    with pytest.raises(Overloaded):
        await house.call({"question": "And?"}, call_id="call_2")
    assert house.ledger.outcomes["call_2"].code == "overloaded"


# --- answering ------------------------------------------------------------------------------------------


async def test_who_is_not_among_the_people_does_not_answer(house: House):
    request = await house.asked(run=RunScope("run_1", "clerk", ("*",), people=("user:lea",)))
    for who in (ADA, LEO):
        with pytest.raises(Denied, match="may not answer"):
            await house.answer(who, request.id, Answer(text="x"))
    assert (await house.answer(LEA, request.id, Answer(text="x"))).state is RequestState.ANSWERED


async def test_a_question_is_neither_approved_nor_denied_nor_changed(house: House):
    request = await house.asked()
    for answer in (Answer(approve=True), Answer(approve=False, reason="no")):
        with pytest.raises(
            InvalidRequest, match="is a question, which is neither approved nor denied"
        ) as caught:
            await house.answer(LEA, request.id, answer)
        assert "toolward inbox answer" in caught.value.hint
    with pytest.raises(InvalidRequest, match="Only an approval can come with other arguments"):
        await house.answer(LEA, request.id, Answer(text="x", arguments_json=b"{}"))
    await house.answer(LEA, request.id, Answer(text="x"))
    with pytest.raises(Conflict):
        await house.answer(LEA, request.id, Answer(text="y"))
