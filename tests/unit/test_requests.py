"""Input requests: what is asked, who may answer, and what an answer makes of a request."""

import msgspec
import pytest

from gateway.core.binding import Decision
from gateway.core.catalog import build_catalog
from gateway.core.digests import arguments_digest
from gateway.core.ports import RequestSpec
from gateway.core.requests import answered, approval_request, expired, may_answer
from tests.twins import START_MS, listing
from toolward.errors import Conflict, Denied, InvalidRequest
from toolward.types import Answer, InputRequest, Principal, RequestKind, RequestState, RunScope, Tool

ADA = Principal("ada", ("support",), "acme")
LEAD = Principal("lea", ("support-lead",), "acme")
YES = Answer(approve=True)
NO = Answer(approve=False, reason="too much")


def spec(*approvers: str, run: RunScope | None = None) -> RequestSpec:
    tool = build_catalog([listing("crm", Tool("refund"))]).tools[0]
    decision = Decision("ask", "refunds", "the rule refunds asks for approval: Money", "v", approvers)
    arguments = {"amount_minor": 60}
    return approval_request("req_1", ADA, tool, arguments, decision, run, now=START_MS, lifetime=60)


def request(*approvers: str) -> InputRequest:
    return spec(*approvers).request


def test_an_approval_says_what_is_asked_and_is_bound_to_one_call() -> None:
    made = spec("role:support-lead")
    assert made.request.prompt == "May ada call crm.refund? The rule refunds asks for approval: Money."
    assert made.request.detail == {
        "tool": "crm.refund",
        "changes": True,
        "arguments": {"amount_minor": 60},
        "rule": "refunds",
        "principal": "ada",
        "tenant": "acme",
    }
    assert made.request.approvers == ("role:support-lead",)
    assert (made.principal, made.tenant, made.tool) == ("ada", "acme", "crm.refund")
    assert made.arguments_digest == arguments_digest({"amount_minor": 60})


def test_an_approval_in_a_run_names_the_run_and_its_agent() -> None:
    made = spec("role:support-lead", run=RunScope("run_1", "clerk", ("*",)))
    assert made.request.run_id == "run_1"
    assert made.request.prompt.startswith("May ada, through the agent clerk, call crm.refund?")


@pytest.mark.parametrize(
    ("approvers", "who", "may"),
    [
        (("role:support-lead",), LEAD, True),
        (("user:lea",), LEAD, True),
        (("role:*",), LEAD, True),
        (("*",), LEAD, True),
        (("role:other",), LEAD, False),
        ((), LEAD, False),
        (("self",), LEAD, False),
        (("self",), ADA, True),
        (("self", "role:support-lead"), ADA, True),
        (("role:support",), ADA, False),
        (("*",), ADA, False),
        (("role:support",), Principal("bob", ("support",), "acme"), True),
        (("role:support-lead",), Principal("lea", ("support-lead",), "other"), False),
        (("self",), Principal("ada", ("support",), "other"), False),
    ],
)
def test_who_may_answer(approvers: tuple[str, ...], who: Principal, may: bool) -> None:
    assert may_answer(who, request(*approvers)) is may


def test_a_question_may_be_answered_by_the_one_whose_run_asks() -> None:
    question = InputRequest(
        "req_2",
        RequestKind.QUESTION,
        RequestState.OPEN,
        "Which order?",
        detail={"principal": "ada"},
        approvers=("user:ada",),
    )
    assert may_answer(ADA, question)
    told = answered(question, Answer(text="ORD-1"), ADA, START_MS)
    assert told.state is RequestState.ANSWERED
    assert told.detail["answer"]["text"] == "ORD-1"
    with pytest.raises(InvalidRequest):
        answered(question, Answer(text=" "), ADA, START_MS)


@pytest.mark.parametrize(("answer", "state"), [(YES, RequestState.APPROVED), (NO, RequestState.DENIED)])
def test_an_answer_closes_the_request_and_says_who_gave_it(answer: Answer, state: RequestState) -> None:
    before = request("role:support-lead")
    after = answered(before, answer, LEAD, START_MS + 5)
    assert after.state is state
    said = after.detail["answer"]
    assert (said["by"], said["at"], said["reason"]) == ("lea", START_MS + 5, answer.reason)
    assert before.state is RequestState.OPEN
    assert msgspec.structs.replace(after, state=before.state, detail=before.detail) == before


def test_one_who_may_not_answer_is_told_who_may() -> None:
    with pytest.raises(Denied, match="may not answer") as caught:
        answered(request("role:support-lead"), YES, Principal("bob", tenant="acme"), START_MS)
    assert "role:support-lead" in caught.value.hint


def test_nobody_approves_their_own_request_unless_policy_says_self() -> None:
    with pytest.raises(Denied, match="cannot approve it too") as caught:
        answered(request("role:support"), YES, ADA, START_MS)
    assert caught.value.rule == "refunds"
    assert answered(request("self"), YES, ADA, START_MS).state is RequestState.APPROVED


def test_a_request_is_answered_once() -> None:
    after = answered(request("role:support-lead"), NO, LEAD, START_MS)
    with pytest.raises(Conflict, match="it is denied"):
        answered(after, YES, LEAD, START_MS)


def test_a_request_expires() -> None:
    made = request("role:support-lead")
    assert not expired(made, START_MS + 59_999)
    assert expired(made, START_MS + 60_000)
    with pytest.raises(Conflict, match="has expired"):
        answered(made, YES, LEAD, START_MS + 60_000)
    assert not expired(msgspec.structs.replace(made, expires_at=0), START_MS * 2)


def test_an_approval_wants_a_yes_or_a_no() -> None:
    with pytest.raises(InvalidRequest, match="a yes or a no"):
        answered(request("role:support-lead"), Answer(text="fine"), LEAD, START_MS)
