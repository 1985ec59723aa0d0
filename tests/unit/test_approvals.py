"""Approvals at dispatch, over twins: what binds one, edits, denials, voids, the cap; and that no sequence of
answers lets anybody approve what they may not."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.admission import Bounds
from gateway.core.catalog import build_catalog
from gateway.core.digests import arguments_digest
from gateway.core.dispatch import Dispatch
from gateway.core.policy import bind
from gateway.core.requests import SOURCES, editors_of, may_answer, withdrawn
from tests.examples import examples
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import (
    Conflict,
    Denied,
    InvalidArguments,
    InvalidRequest,
    Overloaded,
    ToolwardError,
    Unavailable,
)
from toolward.types import (
    NO_CONTEXT,
    Answer,
    CallContext,
    GivenInput,
    InputRequest,
    InputRequired,
    JsonObject,
    Outcome,
    Principal,
    RequestState,
    RunScope,
    Tool,
    ToolCall,
    ToolResult,
)

POLICY = """
version: 1
rules:
  - {id: tiny, principals: ['role:support'], tools: [crm.refund], effect: allow, when: args.amount <= 5}
  - {id: small, principals: ['role:support'], tools: [crm.refund], effect: ask, when: args.amount > 5,
     approvers: ['role:lead']}
  - {id: own, principals: ['role:support'], tools: [crm.own], effect: ask, approvers: [self, 'role:lead']}
  - {id: no-more, tools: [crm.refund], effect: deny, when: args.amount > 100, description: Too much}
  - {id: inbox, operations: [request.*], effect: allow}
"""
AMOUNT: JsonObject = {
    "type": "object",
    "properties": {"amount": {"type": "integer"}},
    "required": ["amount"],
    "additionalProperties": False,
}
TOOLS = (Tool("refund", input_schema=AMOUNT), Tool("own", input_schema=AMOUNT))
ADA = Principal("ada", ("support",))
LEA, LEO = Principal("lea", ("lead",)), Principal("leo", ("lead",))
BOTH = Principal("bo", ("support", "lead"))
EVE = Principal("eve", ("guest",))
YES = Answer(approve=True)


def with_amount(amount: Any) -> Answer:
    return Answer(approve=True, arguments_json=msgspec.json.encode({"amount": amount}))


class House:
    def __init__(self, rules: str = POLICY, bounds: Bounds | None = None) -> None:
        self.clock = TwinClock()
        self.ledger = TwinLedger(self.clock)
        self.backends = TwinBackends(listing("crm", *TOOLS))
        self.ids = TwinIds()
        self.bounds = bounds
        self.rules = rules
        self.start()

    def start(self) -> None:
        self.dispatch = Dispatch(
            self.backends, self.ledger, self.clock, self.ids, self.bounds, state_key=b"k" * 32
        )
        self.use(self.rules, *TOOLS)

    def use(self, rules: str, *tools: Tool) -> None:
        """Put another policy, or other tools, in force."""
        catalog = build_catalog([listing("crm", *tools)])
        self.dispatch.replace(catalog, bind(policy(rules), catalog))

    async def call(
        self,
        amount: int = 50,
        who: Principal = ADA,
        *,
        tool: str = "crm.refund",
        run: str = "",
        given: GivenInput | None = None,
    ) -> Outcome:
        context = CallContext(run=RunScope(run, "clerk", ("*",))) if run else NO_CONTEXT
        call = ToolCall(tool, b'{"amount": %d}' % amount, f"call_{run}" if run else "", given=given)
        return await self.dispatch.call_tool(who, call, context)

    async def asked(self, amount: int = 50, who: Principal = ADA, **more: Any) -> InputRequest:
        outcome = await self.call(amount, who, **more)
        assert isinstance(outcome, InputRequired)
        return outcome.requests[0]

    async def answer(self, who: Principal, request_id: str, answer: Answer = YES) -> InputRequest:
        spec = await self.ledger.get_request(request_id)
        return await self.dispatch.answer(who, spec, answer)

    async def state(self, request_id: str) -> RequestState:
        return (await self.ledger.get_request(request_id)).request.state

    async def void_of(self, request_id: str) -> str:
        request = (await self.ledger.get_request(request_id)).request
        assert request.state is RequestState.VOID
        return request.detail["void"]["reason"]

    @property
    def sent(self) -> list[int]:
        return [call.arguments["amount"] for _, call, _ in self.backends.calls]

    @property
    def contexts(self) -> list[CallContext]:
        return [context for _, _, context in self.backends.calls]


@pytest.fixture
def house() -> House:
    return House()


class TestBinding:
    async def test_a_changed_tool_voids_the_approval_and_is_asked_about_anew(self, house: House) -> None:
        request = await house.asked()
        await house.answer(LEA, request.id)
        house.use(POLICY, Tool("refund", "Now it also closes the account.", AMOUNT), TOOLS[1])
        again = await house.asked()
        assert again.id != request.id
        assert "the tool is not what it was" in await house.void_of(request.id)
        assert house.sent == []

    async def test_a_request_about_a_tool_that_changed_cannot_be_approved(self, house: House) -> None:
        request = await house.asked()
        house.use(POLICY, Tool("refund", "Another one.", AMOUNT), TOOLS[1])
        with pytest.raises(Conflict, match="has changed since this was asked"):
            await house.answer(LEA, request.id)
        assert "the tool is not what it was" in await house.void_of(request.id)

    async def test_another_tenants_caller_of_the_same_name_has_no_part_in_it(self, house: House) -> None:
        await house.answer(LEA, (await house.asked()).id)
        other = Principal("ada", ("support",), "elsewhere")
        assert isinstance(await house.call(who=other), InputRequired)

    async def test_a_run_does_not_use_what_was_approved_outside_it(self, house: House) -> None:
        await house.answer(LEA, (await house.asked()).id)
        assert isinstance(await house.call(run="run_1"), InputRequired)
        assert isinstance(await house.call(), ToolResult)

    async def test_the_policys_version_is_on_record_and_does_not_bind(self, house: House) -> None:
        request = await house.asked()
        version = house.dispatch.policy.version
        assert (await house.ledger.get_request(request.id)).version == version
        await house.answer(LEA, request.id)
        house.use(POLICY + "  - {id: other, tools: [crm.gone], effect: deny}\n", *TOOLS)
        assert house.dispatch.policy.version != version
        assert isinstance(await house.call(), ToolResult)


class TestWhoApproved:
    """What is told to the backend, which may have rules of its own about who decides."""

    async def test_is_told_with_the_one_call_that_they_approved(self, house: House) -> None:
        await house.answer(BOTH, (await house.asked()).id)
        await house.call()
        await house.call(5)
        assert [context.approved_by for context in house.contexts] == [
            ("user:bo", "role:support", "role:lead"),
            (),
        ]

    async def test_is_whoever_approved_the_arguments_that_are_sent(self, house: House) -> None:
        house.use(POLICY.replace("['role:lead']", "['role:lead', 'role:support']"), *TOOLS)
        request = await house.asked(50)
        other = await house.answer(BOTH, request.id, with_amount(60))
        await house.answer(LEA, other.id)
        before = CallContext(approved_by=("role:boss",))  # at a gateway before this one, of other arguments
        await house.dispatch.call_tool(ADA, ToolCall("crm.refund", b'{"amount": 50}'), before)
        assert house.sent == [60]
        assert [context.approved_by for context in house.contexts] == [("user:lea", "role:lead")]

    async def test_at_a_gateway_before_this_one_is_told_too_and_answers_nothing_here(
        self, house: House
    ) -> None:
        before = CallContext(approved_by=("user:pat", "role:lead"))
        wish = ToolCall("crm.refund", b'{"amount": 50}')
        asked = await house.dispatch.call_tool(ADA, wish, before)
        assert isinstance(asked, InputRequired)
        await house.answer(LEA, asked.requests[0].id)
        await house.dispatch.call_tool(ADA, wish, before)
        assert [context.approved_by for context in house.contexts] == [("user:pat", "role:lead", "user:lea")]

    async def test_a_run_that_was_interrupted_has_it_told_again(self, house: House) -> None:
        request = await house.asked(run="run_1")
        await house.answer(LEA, request.id)
        for _ in range(2):
            await house.call(run="run_1")
            house.start()
        assert [context.approved_by for context in house.contexts] == [("user:lea", "role:lead")] * 2


class TestResuming:
    DENY = (
        POLICY
        + "  - {id: stop, tools: [crm.refund], effect: deny, when: args.amount > 5, description: Stopped}\n"
    )
    ALLOW = POLICY.replace(
        "effect: ask, when: args.amount > 5,\n     approvers: ['role:lead']", "effect: allow"
    )

    async def test_a_deny_voids_what_was_approved(self, house: House) -> None:
        request = await house.asked()
        await house.answer(LEA, request.id)
        house.use(self.DENY, *TOOLS)
        with pytest.raises(Denied, match="Stopped"):
            await house.call()
        assert "Stopped" in await house.void_of(request.id)
        house.use(POLICY, *TOOLS)
        assert (await house.asked()).id != request.id

    async def test_an_approval_that_policy_does_not_ask_for_any_more_is_used_up_all_the_same(
        self, house: House
    ) -> None:
        request = await house.asked()
        await house.answer(LEA, request.id)
        house.use(self.ALLOW, *TOOLS)
        assert isinstance(await house.call(), ToolResult)
        assert await house.state(request.id) is RequestState.CONSUMED
        house.use(POLICY, *TOOLS)
        assert (await house.asked()).id != request.id

    async def test_an_open_request_is_void_when_policy_allows_the_call(self, house: House) -> None:
        request = await house.asked()
        house.use(self.ALLOW, *TOOLS)
        assert isinstance(await house.call(), ToolResult)
        assert "without a yes" in await house.void_of(request.id)

    async def test_a_yes_that_policy_would_not_take_now_is_none(self, house: House) -> None:
        request = await house.asked()
        house.use(self.DENY, *TOOLS)
        with pytest.raises(Denied, match="Stopped"):
            await house.answer(LEA, request.id)
        assert "Stopped" in await house.void_of(request.id)

    async def test_who_may_approve_is_what_the_policy_in_force_says_too(self, house: House) -> None:
        request = await house.asked()
        house.use(POLICY.replace("'role:lead'", "'role:director'"), *TOOLS)
        with pytest.raises(Denied, match="may not answer"):
            await house.answer(LEA, request.id)
        assert await house.state(request.id) is RequestState.OPEN

    async def test_what_was_asked_before_a_restart_is_known_after_it(self, house: House) -> None:
        request = await house.asked()
        await house.answer(LEA, request.id)
        house.start()
        await house.dispatch.recall()
        house.use(self.DENY, *TOOLS)
        with pytest.raises(Denied):
            await house.call()
        assert await house.state(request.id) is RequestState.VOID

    async def test_a_tool_that_is_away_for_the_moment_can_still_be_approved(self, house: House) -> None:
        request = await house.asked()
        house.use(POLICY)
        with pytest.raises(Unavailable, match="its arguments cannot be changed"):
            await house.answer(LEA, request.id, with_amount(6))
        assert (await house.answer(LEA, request.id)).state is RequestState.APPROVED


class TestDenial:
    async def test_is_told_with_its_reason_until_it_is_over(self) -> None:
        house = House(bounds=Bounds(denial_lifetime=600))
        request = await house.asked()
        await house.answer(LEA, request.id, Answer(approve=False, reason="Ask the customer first"))
        with pytest.raises(
            Denied, match=r"lea denied this call of crm\.refund: Ask the customer first"
        ) as caught:
            await house.call()
        assert "10 more min" in caught.value.hint
        assert caught.value.request_id == request.id
        ((record, outcome),) = house.ledger.refused
        assert (record.effect, outcome.code) == ("ask", "denied")
        house.clock.advance(600)
        assert (await house.asked()).id != request.id

    async def test_never_holds_longer_than_the_request_would_have_lived(self) -> None:
        house = House(bounds=Bounds(approval_lifetime=60))
        request = await house.asked()
        await house.answer(LEA, request.id, Answer(approve=False))
        house.clock.advance(60)
        assert (await house.asked()).id != request.id

    async def test_is_of_that_call_alone(self, house: House) -> None:
        await house.answer(LEA, (await house.asked(50)).id, Answer(approve=False))
        assert isinstance(await house.call(51), InputRequired)
        assert isinstance(await house.call(50, run="run_1"), InputRequired)
        assert isinstance(await house.call(50, BOTH), InputRequired)

    async def test_does_not_stand_against_a_policy_that_allows_the_call_since(self, house: House) -> None:
        await house.answer(LEA, (await house.asked()).id, Answer(approve=False))
        house.use(TestResuming.ALLOW, *TOOLS)
        assert isinstance(await house.call(), ToolResult)


class TestEdits:
    async def test_what_policy_allows_is_approved_and_sent_instead(self, house: House) -> None:
        request = await house.asked(50)
        answered = await house.answer(LEA, request.id, with_amount(5))
        assert answered.state is RequestState.APPROVED
        assert answered.detail["arguments"] == {"amount": 5}
        assert answered.detail["requested_arguments"] == {"amount": 50}
        result = await house.call(50)
        assert isinstance(result, ToolResult)
        assert house.sent == [5]
        assert "A person (lea) changed the arguments" in result.text
        assert '{"amount":5}' in result.text
        spec = await house.ledger.get_request(request.id)
        (record,) = house.ledger.intents.values()
        assert house.ledger.payloads[record.id] == b'{"amount":5}'
        assert spec.sent_digest == arguments_digest({"amount": 5})
        assert spec.arguments_digest == arguments_digest({"amount": 50})

    async def test_what_policy_denies_is_refused_and_the_request_stays_open(self, house: House) -> None:
        request = await house.asked(50)
        with pytest.raises(Denied, match="Too much"):
            await house.answer(LEA, request.id, with_amount(101))
        assert await house.state(request.id) is RequestState.OPEN

    async def test_what_the_caller_could_not_do_an_editor_cannot_do_for_them(self, house: House) -> None:
        leads = POLICY + "  - {id: more, principals: ['role:lead'], tools: [crm.refund], effect: allow}\n"
        house.use(
            leads.replace("when: args.amount > 5,", "when: args.amount > 5 && args.amount < 90,"), *TOOLS
        )
        request = await house.asked(50)
        with pytest.raises(Denied, match="no rule allows it"):
            await house.answer(LEA, request.id, with_amount(95))

    @pytest.mark.parametrize("amount", ["7", 7.5, None])
    async def test_must_fit_the_tools_schema(self, house: House, amount: Any) -> None:
        request = await house.asked(50)
        with pytest.raises(InvalidArguments, match="amount"):
            await house.answer(LEA, request.id, with_amount(amount))
        assert await house.state(request.id) is RequestState.OPEN

    async def test_the_editor_is_a_requester_and_another_must_agree(self, house: House) -> None:
        request = await house.asked(50)
        another = await house.answer(LEA, request.id, with_amount(60))
        assert another.id != request.id
        assert another.state is RequestState.OPEN
        assert another.expires_at == request.expires_at
        assert editors_of(another) == ("lea",)
        assert "arguments changed by lea" in another.prompt
        with pytest.raises(Conflict, match="lea changed the arguments") as caught:
            await house.answer(LEO, request.id)
        assert another.id in caught.value.hint
        with pytest.raises(Denied, match="changed the arguments of this request and cannot"):
            await house.answer(LEA, another.id)
        assert (await house.asked(50)).id == another.id
        await house.answer(LEO, another.id)
        result = await house.call(50)
        assert isinstance(result, ToolResult)
        assert "(lea)" in result.text
        assert house.sent == [60]

    async def test_two_who_change_it_in_turn_have_both_changed_it(self, house: House) -> None:
        request = await house.asked(50)
        second = await house.answer(LEA, request.id, with_amount(60))
        third = await house.answer(LEO, second.id, with_amount(61))
        assert editors_of(third) == ("lea", "leo")
        for who in (LEA, LEO, ADA):
            with pytest.raises(Denied):
                await house.answer(who, third.id)

    async def test_with_self_the_requester_changes_and_approves(self, house: House) -> None:
        request = await house.asked(50, tool="crm.own")
        answered = await house.answer(ADA, request.id, with_amount(40))
        assert answered.state is RequestState.APPROVED
        assert isinstance(await house.call(50, tool="crm.own"), ToolResult)
        assert house.sent == [40]

    async def test_a_deny_that_came_since_voids_what_a_person_made_of_it(self, house: House) -> None:
        request = await house.asked(50)
        await house.answer(LEA, request.id, with_amount(5))
        house.use(
            POLICY + "  - {id: stop, tools: [crm.refund], effect: deny, when: args.amount == 5}\n", *TOOLS
        )
        with pytest.raises(Denied, match="and policy denies them now"):
            await house.call(50)
        assert await house.state(request.id) is RequestState.VOID
        assert house.sent == []

    async def test_the_same_arguments_are_no_edit(self, house: House) -> None:
        request = await house.asked(50)
        assert editors_of(await house.answer(LEA, request.id, with_amount(50))) == ()
        result = await house.call(50)
        assert isinstance(result, ToolResult)
        assert "changed" not in result.text

    async def test_a_denial_takes_no_arguments(self, house: House) -> None:
        request = await house.asked(50)
        with pytest.raises(InvalidRequest, match="Only an approval"):
            await house.answer(LEA, request.id, msgspec.structs.replace(with_amount(4), approve=False))


class TestOpenOnes:
    async def test_are_capped_for_each_caller(self) -> None:
        house = House(bounds=Bounds(open_requests=2))
        first = await house.asked(10)
        await house.asked(11)
        with pytest.raises(Overloaded, match="ada has 2 open input requests"):
            await house.call(12)
        assert (await house.asked(10)).id == first.id
        await house.asked(12, BOTH)
        await house.answer(LEA, first.id)
        await house.asked(12)

    async def test_that_expire_are_closed_and_make_room(self) -> None:
        house = House(bounds=Bounds(open_requests=1, approval_lifetime=60))
        first = await house.asked(10)
        house.clock.advance(60)
        second = await house.asked(10)
        assert second.id != first.id
        assert await house.state(first.id) is RequestState.EXPIRED

    async def test_are_withdrawn_by_who_made_them_alone(self, house: House) -> None:
        request = await house.asked(50)
        with pytest.raises(Denied, match="Only who made the request"):
            withdrawn(request, LEA, house.clock.now_ms())
        gone = withdrawn(request, ADA, house.clock.now_ms())
        await house.ledger.close_request(request.id, gone, ADA.id)
        with pytest.raises(Conflict, match="ada withdrew it"):
            await house.answer(LEA, request.id)
        assert (await house.asked(50)).id != request.id


class TestGiven:
    """Answers that come with the call: the caller's own client has asked the person before it."""

    async def test_only_where_the_caller_may_approve_is_there_a_state(self, house: House) -> None:
        for tool, who, run, own in [
            ("crm.own", ADA, "", True),
            ("crm.refund", ADA, "", False),
            ("crm.own", ADA, "run_1", False),
        ]:
            outcome = await house.call(50, who, tool=tool, run=run)
            assert isinstance(outcome, InputRequired)
            assert bool(outcome.state) is own

    async def test_who_may_not_answer_in_the_inbox_may_not_at_their_own_client(self, house: House) -> None:
        outcome = await house.call(50, tool="crm.own")
        assert isinstance(outcome, InputRequired)
        house.use(POLICY.replace("[request.*], effect: allow", "[request.answer], effect: deny"), *TOOLS)
        with pytest.raises(Denied, match=r"Policy denies request\."):
            await house.call(
                50, tool="crm.own", given=GivenInput({outcome.requests[0].id: YES}, outcome.state)
            )
        assert await house.state(outcome.requests[0].id) is RequestState.OPEN
        for amount in (50, 51):
            asked = await house.call(amount, tool="crm.own")
            assert isinstance(asked, InputRequired)
            assert asked.state == ""

    async def test_a_yes_lets_that_call_through_once(self, house: House) -> None:
        outcome = await house.call(50, tool="crm.own")
        assert isinstance(outcome, InputRequired)
        given = GivenInput({outcome.requests[0].id: YES}, outcome.state)
        with pytest.raises(InvalidRequest, match="request state"):
            await house.call(51, tool="crm.own", given=given)
        with pytest.raises(InvalidRequest, match="request state"):
            await house.call(50, BOTH, tool="crm.own", given=given)
        assert isinstance(await house.call(50, tool="crm.own", given=given), ToolResult)
        with pytest.raises(Conflict, match="it is consumed"):
            await house.call(50, tool="crm.own", given=given)
        assert house.sent == [50]

    async def test_a_state_cannot_be_made_without_the_key(self, house: House) -> None:
        request = await house.asked(50)  # lea alone may approve it: no state was given out
        for state in ("", "0" * 64, "é"):
            with pytest.raises(InvalidRequest, match="request state"):
                await house.call(50, given=GivenInput({request.id: YES}, state))
        assert await house.state(request.id) is RequestState.OPEN


# --- any sequence of answers --------------------------------------------------------------------------------

people = st.sampled_from([ADA, LEA, LEO, BOTH, EVE])
answers = st.sampled_from([YES, Answer(approve=False), *map(with_amount, (4, 50, 60, 61, 200))])
steps = st.lists(
    st.tuples(st.just("answer"), people, answers)
    | st.tuples(st.just("call"), st.sampled_from([ADA, BOTH]), st.sampled_from([50, 60])),
    max_size=12,
)


@settings(max_examples=examples(50), deadline=None)
@given(steps=steps)
def test_nobody_ever_approves_what_they_asked_for_or_changed(steps: list[tuple[str, Principal, Any]]) -> None:
    async def play() -> None:
        house = House()
        states: dict[str, RequestState] = {}
        await house.asked(50)
        for kind, who, what in steps:
            before = dict(house.ledger.requests)
            try:
                if kind == "call":
                    await house.call(what, who)
                else:
                    await house.answer(who, list(house.ledger.requests)[-1], what)
            except ToolwardError:
                pass
            for request_id, spec in house.ledger.requests.items():
                now = spec.request
                old = states.get(request_id, RequestState.OPEN)
                assert now.state is old or old in SOURCES[now.state]
                states[request_id] = now.state
                if now.state is RequestState.APPROVED and old is RequestState.OPEN:
                    by = now.detail["answer"]["by"]
                    asked = before[request_id].request
                    assert may_answer(who, asked)
                    assert by == who.id != spec.principal
                    assert by not in editors_of(asked)
                    # Who changed it and approved it in one: only what policy allows the caller without any yes.
                    assert by not in editors_of(now) or now.detail["arguments"]["amount"] <= 5
        used = [
            spec for spec in house.ledger.requests.values() if spec.request.state is RequestState.CONSUMED
        ]
        assert len(used) == len(house.sent)

    asyncio.run(play())
