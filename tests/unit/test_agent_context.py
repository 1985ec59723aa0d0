"""What the model sees of a run."""

import pytest

from gateway.agent import making
from gateway.agent.answers import told
from gateway.agent.context import LAST_TURN, RESULTS_ARE_DATA, messages
from gateway.agent.events import InputAnswered, RunTakenUp
from gateway.agent.observations import observed, refused
from gateway.core.digests import text_digest
from gateway.core.neutral import marked
from gateway.core.ports import Message
from tests.run_logs import called, reply, returned, state_of, use
from toolward.errors import Denied, InvalidArguments
from toolward.types import ImageContent, ResourceLink, TextContent, ToolResult, text_result

TOOL = "crm.get_record"


def test_the_conversation_of_a_state():
    state = state_of(
        RunTakenUp(),
        reply(1, "I look.", [use(1), use(2)]),
        called(1, 0),
        called(1, 1),
        returned(1, 1, code="tool_error", text="No such record."),
        returned(1, 0, text='{"id":"ORD-1"}'),
        reply(2, "It is on its way."),
    )
    assert messages(state) == (
        Message("system", f"Help.\n\n{RESULTS_ARE_DATA}"),
        Message("user", "Where is ORD-1?"),
        Message("assistant", "I look.", (use(1), use(2))),
        # In the model's order, not the outcomes', and each as data of the tool that it came from.
        Message("tool", marked('{"id":"ORD-1"}', TOOL, trusted=False), tool_use_id="use_1"),
        Message("tool", marked("No such record.", TOOL, trusted=False), tool_use_id="use_2", is_error=True),
        Message("assistant", "It is on its way."),
    )


def test_on_the_last_turn_it_is_told_to_answer():
    assert messages(state_of(RunTakenUp()), last=True)[-1] == Message("user", LAST_TURN)


def test_a_structured_result_is_shown_as_its_json():
    result = ToolResult((TextContent("One order."),), b'{"total": 12345678901234567890}')
    seen = observed(result)
    assert (seen.code, seen.text, seen.structured) == ("ok", '{"total": 12345678901234567890}', True)


def test_a_tools_own_failure_is_an_error_result():
    seen = observed(text_result("No such order. Look it up first.", is_error=True))
    assert (seen.code, seen.is_error) == ("tool_error", True)


def test_what_is_no_text_is_named():
    link = ResourceLink(uri="kb://returns", name="returns", title="Returns policy")
    seen = observed(ToolResult((TextContent("Found:"), ImageContent(b"abcd", "image/png"), link)))
    assert seen.text == "Found:\n[image/png, 4 bytes, not shown]\n[Returns policy: kb://returns]"
    assert observed(ToolResult()).text == "(the tool returned nothing)"


def test_a_long_result_is_cut_with_a_note():
    seen = observed(ToolResult(structured_json=b'"' + b"x" * 25_000 + b'"'))
    event = making.returned("call_1", seen)
    assert event.text.startswith('"xxx')
    assert "first 20,000 of 25,002 characters. read_result with call_id call_1" in event.text
    assert len(event.text) < 20_200
    assert not event.structured
    assert (event.whole, event.length) == (text_digest(making.whole_of(seen).encode()), 25_002)


def test_an_error_says_what_was_wrong_and_what_to_do():
    seen = refused(InvalidArguments("The arguments of x are wrong.", hint="Call again."))
    assert (seen.code, seen.is_error) == ("invalid_arguments", True)
    assert seen.text == "The arguments of x are wrong. Call again."
    assert refused(Denied("No.", rule="no-deletes")).rule == "no-deletes"


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (InputAnswered(request_id="r", approve=False, reason="Too much."), "denied", "Too much."),
        (InputAnswered(request_id="r", approve=False), "denied", "no reason given"),
        (InputAnswered(request_id="r", expired=True), "denied", "in time"),
        (InputAnswered(request_id="r", text="The blue one."), "ok", "The blue one."),
    ],
)
def test_a_persons_answer_reaches_the_model(answer: InputAnswered, code: str, says: str):
    seen = told(answer, "crm.refund_payment")
    assert seen is not None
    assert seen.code == code
    assert says in seen.text


def test_an_approval_tells_the_model_nothing_the_call_is_made():
    assert told(InputAnswered(request_id="r", approve=True), "crm.refund_payment") is None
