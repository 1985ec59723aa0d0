"""Input requests as forms of an MCP client, and what comes back as answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.types import Answer, InputRequest, InputRequired, RequestKind, RequestState
from toolward.wire.elicitation import MAX_SHOWN, answer_of, forms
from toolward.wire.mcp import can_be_asked


def required(arguments: Any, state: str = "s", kind: RequestKind = RequestKind.APPROVAL) -> InputRequired:
    detail = {"arguments": arguments}
    request = InputRequest("req_1", kind, RequestState.OPEN, "May ada?", detail=detail)
    return InputRequired((request,), state)


def test_a_form_shows_the_prompt_and_each_argument_on_a_line() -> None:
    form = forms(required({"to": "a@b.c\nreason: fine", "amount": 2**70, "deep": {"x": [1]}}))["req_1"]
    assert form["message"].splitlines() == [
        "May ada?",
        "to: a@b.c\\u000areason: fine",
        f"amount: {2**70}",
        'deep: {"x":[1]}',
    ]
    assert form["requestedSchema"]["required"] == ["approve"]
    assert form["mode"] == "form"


def test_without_a_state_or_with_what_nobody_would_read_there_is_no_form() -> None:
    assert forms(required({"a": 1}, state="")) == {}
    assert forms(required({"a": "x" * MAX_SHOWN})) == {}
    assert forms(required({"a": "x" * (MAX_SHOWN - 3)})) != {}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_no_argument_can_add_a_line_or_hide_a_character(arguments: dict[str, str]) -> None:
    message = forms(required(arguments))["req_1"]["message"]
    lines = message.split("\n")
    assert len(lines) == 1 + len(arguments)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("action", "content", "answer"),
    [
        ("accept", {"approve": True}, Answer(approve=True)),
        ("accept", {"approve": False, "reason": "no"}, Answer(approve=False, reason="no")),
        ("accept", {"approve": "true"}, None),
        ("accept", {"approve": 1}, None),
        ("accept", {}, None),
        ("accept", None, None),
        ("cancel", {"approve": True}, None),
        ("decline", None, Answer(approve=False, reason="declined without a reason")),
        ("decline", {"approve": True}, Answer(approve=False, reason="declined without a reason")),
    ],
)
def test_only_a_plain_yes_is_one(action: str, content: Any, answer: Answer | None) -> None:
    assert answer_of(RequestKind.APPROVAL, action, content) == answer


def test_a_question_is_answered_with_a_text() -> None:
    form = forms(required({}, kind=RequestKind.QUESTION))["req_1"]
    assert form["requestedSchema"]["required"] == ["answer"]
    assert answer_of(RequestKind.QUESTION, "accept", {"answer": "ORD-1"}) == Answer(text="ORD-1")
    assert answer_of(RequestKind.QUESTION, "decline", None) is None


@pytest.mark.parametrize(
    ("capabilities", "can"),
    [
        ({"elicitation": {}}, True),
        ({"elicitation": {"form": {}}}, True),
        ({"elicitation": {"url": {}}}, False),
        ({"elicitation": {"form": {}, "url": {}}}, True),
        ({"elicitation": None}, False),
        ({"sampling": {}}, False),
        ([], False),
    ],
)
def test_a_client_is_asked_only_if_it_shows_forms(capabilities: Any, can: bool) -> None:
    assert can_be_asked(capabilities) is can
