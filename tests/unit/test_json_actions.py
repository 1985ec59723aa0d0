"""Actions that a model without tool calling writes: whatever stands around them is passed over, what is broken is
no call, and an answer can be read while it comes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.models.action_text import (
    NO_ACTION,
    AnswerText,
    FinalAction,
    ToolActions,
    Unreadable,
    Wanted,
    read_action,
)

TOOL = '{"type": "tool", "name": "find", "arguments": {"a": 1}}'
FIND = Wanted("find", '{"a":1}')


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (TOOL, ToolActions((FIND,), "")),
        (f"Let me look.\n```json\n{TOOL}\n```\nOne moment.", ToolActions((FIND,), "Let me look.")),
        (f'<think>Is it {{a}} or "type"?</think>\n{TOOL}', ToolActions((FIND,), "")),
        (f"[{TOOL}, {TOOL}]", ToolActions((FIND, FIND), "")),
        (f"{TOOL}\n{TOOL}", ToolActions((FIND, FIND), "")),
        (
            '{"type":"tools","calls":[{"name":"find","arguments":{"a":1}},{"name":"now"}]}',
            ToolActions((FIND, Wanted("now", "{}")), ""),
        ),
        ('{"name": "find", "arguments": "{\\"a\\": 1}"}', ToolActions((Wanted("find", '{"a": 1}'),), "")),
        ('{"type":"tool","name":"find","arguments":[1]}', ToolActions((Wanted("find", "[1]"),), "")),
        ('Of {"a": 1} and [2]: {"type":"final","answer":"x"}', FinalAction("x")),
        ('{"type":"final","answer":"two\nlines"}', FinalAction("two\nlines")),
        ('{"answer":{"n":1},"type":"final"}', FinalAction('{"n":1}')),
        ('{"type":"final","answer":"x"} and more {', FinalAction("x")),
        ('{"type":"final","answer":"\\ud83d\\ude00 \\ud83d"}', FinalAction("😀 \ufffd")),
        # What comes behind a call was written before its result was there.
        (f'{TOOL}{{"type":"final","answer":"guessed"}}', ToolActions((FIND,), "")),
        (f'{TOOL}{{"type":"observation","result":"guessed"}}{TOOL}', ToolActions((FIND,), "")),
        ("It is 42.", NO_ACTION),
        ('Use {"a": 1} or {b}.', NO_ACTION),
        ("", NO_ACTION),
    ],
)
def test_what_is_meant(text: str, action: Any) -> None:
    assert read_action(text) == action


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"type":"tool","name":"find","arguments":{"a":}}', "its JSON is broken"),
        ('{"type":"tools","calls":[{"type":"tool","name":"a","arguments":{}},{"type":', "its JSON is broken"),
        ('{"name":"mail","arguments":{"text":{"type":"final","answer":"x"}},', "its JSON is broken"),
        ('{"name":"mail","arguments":{"args":{"name":"pay","arguments":{}}', "its JSON is broken"),
        ('{"type":"tool","name":"find","arguments":{"a":NaN}}', "no JSON number"),
        ('{"type":"tool","arguments":{}}', 'no "name"'),
        ('{"type":"tools","calls":{}}', "must be a list"),
        ('{"type":"find","arguments":{}}', '"type" must be'),
        ('{"type":"final"}', 'no "answer"'),
        ('{"type":' * 100_000, "nested too deep"),
        ("[" * 200 + '"type"', "broken"),
        ("x" * 1_000_001, "too long"),
    ],
)
def test_what_is_broken_says_why(text: str, why: str) -> None:
    found = read_action(text)
    assert isinstance(found, Unreadable)
    assert why in found.why


NAMES = st.sampled_from(["a", "type", "name", 'é"'])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.just(TOOL)
    | st.just('"type": "final"'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(NAMES, JSON, max_size=3)
CALLS = st.lists(st.tuples(st.sampled_from(["find", "mail"]), ARGUMENTS), min_size=1, max_size=3)
PROSE = st.text("aü\n \"':,.}])`", max_size=12)


@settings(max_examples=60, deadline=None)
@given(CALLS, PROSE, PROSE, st.booleans(), st.integers(0, 400))
def test_calls_are_read_whole_or_not_at_all(
    calls: list[tuple[str, Any]], before: str, after: str, ascii_only: bool, end: int
) -> None:
    named = [{"name": name, "arguments": arguments} for name, arguments in calls]
    value = {"type": "tools", "calls": named} if len(named) > 1 else {"type": "tool", **named[0]}
    text = json.dumps(value, ensure_ascii=ascii_only)
    found = read_action(before + text + after)
    assert isinstance(found, ToolActions)
    assert [(call.name, json.loads(call.arguments)) for call in found.calls] == calls
    assert found.said == before.strip() or "`" in before
    assert not isinstance(read_action(before + text[: min(end, len(text) - 1)]), ToolActions | FinalAction)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=60),
    st.booleans(),
    st.integers(1, 7),
    st.sampled_from(["", "```json\n", "<think>a{</think>"]),
)
def test_an_answer_can_be_read_while_it_comes(answer: str, ascii_only: bool, size: int, before: str) -> None:
    text = before + json.dumps({"type": "final", "answer": answer}, ensure_ascii=ascii_only)
    coming = AnswerText()
    pieces = [coming.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join(pieces) == answer == coming.answer
    assert read_action(text) == FinalAction(answer)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.text('{}[]":,\\typefinalname1 ', max_size=60))
def test_no_text_is_too_much(text: str) -> None:
    read_action(text)
