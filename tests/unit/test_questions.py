"""Requests that are no approvals: what each says, who answers it and how, taking over; and that no sequence of what
people do leaves the table of transitions."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ports import RequestSpec
from gateway.core.questions import (
    escalation_request,
    parked_request,
    question_request,
    unknown_outcome_request,
)
from gateway.core.requests import (
    MAX_SAID,
    SOURCES,
    answered,
    expired,
    taken,
    taker_of,
    voided,
    withdrawn,
)
from gateway.runs.answers import as_event
from tests.twins import START_MS
from toolward.errors import Conflict, Denied, InvalidRequest, TooLarge, ToolwardError
from toolward.types import Answer, InputRequest, Principal, RequestKind, RequestState, RunScope

ADA, LEA, LEO = Principal("ada", ("support",)), Principal("lea", ("lead",)), Principal("leo", ("lead",))
EVE = Principal("eve", ("guest",))
RUN = RunScope("run_1", "clerk", ("*",), people=("self", "role:lead"))


def question(*choices: str) -> InputRequest:
    made = question_request(
        "req_1",
        ADA,
        RUN,
        "Which order?",
        choices=choices,
        now=START_MS,
        lifetime=60,
        tool="people.ask_person",
    )
    return made.request


def escalation() -> InputRequest:
    return escalation_request(
        "req_1", ADA, RUN, "Too much\nfor the rules.", now=START_MS, lifetime=60
    ).request


def outcome(call_id: str = "call_1") -> RequestSpec:
    return unknown_outcome_request(
        "req_1",
        ADA,
        RUN,
        tool="crm.refund",
        arguments={"amount_minor": 60},
        call_id=call_id,
        since=START_MS - 5,
        known="The gateway stopped while it was under way.",
        now=START_MS,
    )


# --- what they say --------------------------------------------------------------------------------------


def test_an_unknown_outcome_shows_the_call_and_is_bound_to_it_alone() -> None:
    made = outcome()
    request = made.request
    assert request.kind is RequestKind.UNKNOWN_OUTCOME
    assert request.choices == ("happened", "did_not_happen", "cancel")
    assert request.prompt == (
        "Did this call of crm.refund take effect? The agent clerk, working for ada, made it, and it is not known"
        " how it ended. The gateway stopped while it was under way."
    )
    assert request.detail == {
        "arguments": {"amount_minor": 60},
        "since": START_MS - 5,
        "known": "The gateway stopped while it was under way.",
        "changes": True,
        "tool": "crm.refund",
        "call_id": "call_1",
        "agent": "clerk",
        "principal": "ada",
        "tenant": "default",
    }
    assert (request.run_id, request.expires_at) == ("run_1", 0)
    assert made.tool == "crm.refund"  # what policy's rules over requests may ask of it
    assert made.binding != outcome("call_2").binding


def test_an_escalation_says_what_it_is_about_in_one_line() -> None:
    assert escalation().prompt == (
        "The agent clerk, working for ada, hands its case to a person: Too much for the rules."
    )
    long = escalation_request("req_1", ADA, RUN, "x" * 5_000, now=START_MS, lifetime=60).request
    assert len(long.prompt) < 400
    assert long.detail["summary"] == "x" * 5_000


def test_a_parked_run_asks_whether_to_go_on() -> None:
    spec = parked_request("req_1", ADA, RUN, reason="The step failed inside.", attempts=3, now=START_MS)
    request = spec.request
    assert request.kind is RequestKind.ESCALATION
    assert request.choices == ("go_on", "cancel")
    assert "does not get on: The step failed inside. Go on?" in request.prompt
    assert request.detail["tried"] == ["3 attempts, none of which got further"]
    assert (spec.tool, request.detail.get("call_id")) == ("", None)


# --- answers --------------------------------------------------------------------------------------------


def test_with_choices_the_answer_is_one_of_them() -> None:
    request = outcome().request
    for answer, said in (
        (Answer(text="it did"), r"must be one of its choices \(happened, did_not_happen, cancel\)\."),
        (Answer(choice="happend"), "not 'happend'"),
        (Answer(choice="no"), "not 'no'"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            answered(request, answer, LEA, START_MS)
    with pytest.raises(InvalidRequest) as caught:
        answered(request, Answer(choice="happend"), LEA, START_MS)
    assert caught.value.hint == "Did you mean 'happened'?"
    done = answered(request, Answer(choice="happened", text="It is in the books."), LEA, START_MS + 1)
    assert done.state is RequestState.ANSWERED
    assert done.detail["answer"] == {
        "by": "lea", "at": START_MS + 1, "approve": None, "text": "It is in the books.", "reason": "",
        "choice": "happened",
    }  # fmt: skip
    event = as_event(done)
    assert (event.choice, event.text, event.approve) == ("happened", "It is in the books.", None)


def test_without_choices_it_is_a_text() -> None:
    for answer, said in (
        (Answer(text=" "), "is empty"),
        (Answer(), "is empty"),
        (Answer(choice="this"), "has no choices"),
        (Answer(approve=True), "is a question, which is neither approved nor denied"),
        (Answer(approve=False, text="no"), "neither approved nor denied"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            answered(question(), answer, ADA, START_MS)
    with pytest.raises(TooLarge):
        answered(question(), Answer(text="x" * (MAX_SAID + 1)), ADA, START_MS)
    event = as_event(answered(question(), Answer(text="ORD-1 \ud800"), ADA, START_MS))
    assert (event.text, event.by, event.choice, event.handed_back) == ("ORD-1 ?", "ada", "", False)


# --- taking over ----------------------------------------------------------------------------------------


def test_what_is_taken_waits_for_whoever_has_it_and_does_not_expire() -> None:
    held = taken(escalation(), LEA, START_MS + 1)
    assert (held.state, taker_of(held)) == (RequestState.TAKEN, "lea")
    assert not expired(held, START_MS * 2)
    with pytest.raises(Conflict, match="lea has taken the request req_1 over"):
        answered(held, Answer(text="x"), LEO, START_MS * 2)
    with pytest.raises(Denied):
        answered(held, Answer(text="x"), EVE, START_MS * 2)
    back = answered(held, Answer(text="Refunded by hand."), LEA, START_MS * 2)
    assert back.state is RequestState.ANSWERED
    assert as_event(back).handed_back


def test_somebody_else_may_take_it_from_one_who_is_gone() -> None:
    held = taken(escalation(), LEA, START_MS)
    assert taken(held, LEA, START_MS + 1) is held
    other = taken(held, LEO, START_MS + 2)
    assert other.detail["taken"] == {"by": "leo", "at": START_MS + 2, "from": "lea"}
    with pytest.raises(Conflict, match="leo has taken"):
        answered(other, Answer(text="x"), LEA, START_MS + 3)


def test_who_may_not_answer_does_not_take_and_an_approval_is_not_taken() -> None:
    with pytest.raises(Denied):
        taken(escalation(), EVE, START_MS)
    with pytest.raises(Conflict, match="expired"):
        taken(escalation(), LEA, START_MS + 60_000)
    approval = msgspec.structs.replace(escalation(), kind=RequestKind.APPROVAL)
    with pytest.raises(InvalidRequest, match="wants a yes or a no"):
        taken(approval, LEA, START_MS)


# --- the table ------------------------------------------------------------------------------------------

Move = Callable[[InputRequest, int], InputRequest]


def _answer(who: Principal, answer: Answer) -> Move:
    return lambda request, now: answered(request, answer, who, now)


_PEOPLE = st.sampled_from([ADA, LEA, LEO, EVE])
_ANSWERS = st.builds(
    Answer,
    approve=st.sampled_from([None, True, False]),
    text=st.sampled_from([None, "", "said"]),
    choice=st.sampled_from(["", "happened", "cancel", "other"]),
)


@st.composite
def moves(draw: st.DrawFn) -> Move:
    who = draw(_PEOPLE)
    kind = draw(st.sampled_from(["answer", "take", "void", "withdraw"]))
    if kind == "answer":
        return _answer(who, draw(_ANSWERS))
    if kind == "take":
        return lambda request, now: taken(request, who, now)
    if kind == "void":
        return lambda request, now: voided(request, "because", now)
    return lambda request, now: withdrawn(request, who, now)


_KINDS = st.sampled_from([question(), question("happened", "cancel"), escalation(), outcome().request])
_APPROVAL = st.just(msgspec.structs.replace(escalation(), kind=RequestKind.APPROVAL))


@given(_KINDS | _APPROVAL, st.lists(st.tuples(moves(), st.integers(0, 40_000)), max_size=8))
def test_no_sequence_leaves_the_table_and_only_the_taker_answers(
    request: InputRequest, made: list[tuple[Move, int]]
) -> None:
    now = START_MS
    for move, later in made:
        now += later
        try:
            after = move(request, now)
        except ToolwardError:
            continue
        if after is not request:
            assert request.state in SOURCES[after.state]
        if after.state is RequestState.TAKEN:
            assert after.kind is not RequestKind.APPROVAL
            assert after.expires_at == 0
            assert taker_of(after) in ("ada", "lea", "leo")
        if after.state is RequestState.ANSWERED:
            said = after.detail["answer"]
            assert said["approve"] is None
            assert taker_of(request) in ("", said["by"])
            assert not after.choices or said["choice"] in after.choices
        if after.state in (RequestState.APPROVED, RequestState.DENIED):
            assert after.kind is RequestKind.APPROVAL
        request = after


def test_the_table_is_what_the_page_says() -> None:
    into = {to.value: sorted(state.value for state in sources) for to, sources in SOURCES.items()}
    assert into == {
        "open": [],
        "taken": ["open", "taken"],
        "approved": ["open"],
        "denied": ["open"],
        "answered": ["open", "taken"],
        "expired": ["approved", "open"],
        "void": ["approved", "open", "taken"],
        "consumed": ["approved"],
    }
