"""Pieces of the inbox and of Talk that need no gateway: what a preview reads, text as it comes, event streams."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.servers.console.conversation import Replied, Writing
from gateway.servers.console.events import as_it_changes, digest, grow, put, said
from gateway.servers.console.inbox.preview import Change, Preview, differences, told
from gateway.servers.console.telling import brief, readable
from tests.examples import examples
from toolward.types import TextContent, TextDelta, ToolResult

ROW = {"field": "status", "before": "placed", "after": None}
PLACED, GONE, NEW = Change("status", "placed", None), Change("a", 1, None), Change("c", None, [3])


@pytest.mark.parametrize(
    ("structured", "text", "shown"),
    [
        ({"says": "It goes.", "changes": [ROW, {"field": 1}, 7]}, "", Preview("It goes.", (PLACED,))),
        ({"before": {"a": 1, "b": 2}, "after": {"b": 2, "c": [3]}}, "", Preview("", (GONE, NEW))),
        ({"says": 5, "changes": []}, "nothing would", Preview(text="nothing would")),
        ([1], "a list", Preview(text="a list")),
        (None, "--- a\n+++ b", Preview(text="--- a\n+++ b")),
        ({"diff": "x"}, "", Preview(text='{\n  "diff": "x"\n}')),
    ],
)  # fmt: skip
def test_a_preview_shows_what_the_tool_says_field_by_field_or_as_text(
    structured: Any, text: str, shown: Preview
) -> None:
    raw = None if structured is None else msgspec.json.encode(structured)
    assert told(ToolResult((TextContent(text),) if text else (), raw)) == shown


def test_a_preview_that_failed_is_a_problem() -> None:
    assert "would fail: no" in told(ToolResult((TextContent("no"),), is_error=True)).problem


OBJECTS = st.dictionaries(st.text(max_size=3), st.integers(0, 2) | st.none(), max_size=4)


@given(OBJECTS, OBJECTS)
@settings(max_examples=examples(25))
def test_differences_are_what_makes_one_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = differences(before, after)
    assert all(one.current != one.proposed for one in changes)
    made = before | {one.field: one.proposed for one in changes}
    assert {k: v for k, v in made.items() if v is not None} == {
        k: v for k, v in after.items() if v is not None
    }


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8), st.integers(0, 7))
@settings(max_examples=examples(25))
def test_text_that_comes_in_pieces_is_whole_on_the_page_from_where_it_was_joined(
    pieces: list[str], joined: int
) -> None:
    writing, shown, offset = Writing(), "", 0
    for number, piece in enumerate(pieces):
        if number >= min(joined, len(pieces) - 1):
            made = writing.take(TextDelta(1, offset, piece))
            shown = made.text if isinstance(made, Replied) else shown + (made or "")
        offset += len(piece)
    begin = min(joined, len(pieces) - 1)
    assert shown == ("… " if begin else "") + "".join(pieces[begin:])


def test_what_the_model_says_anew_takes_the_place_of_what_it_said() -> None:
    writing = Writing()
    assert writing.take(TextDelta(1, 0, "Hel")) == Replied("turn-1", 0, "Hel", partly=True)
    assert writing.take(TextDelta(1, 3, "lo")) == "lo"
    assert writing.take(TextDelta(1, 0, "")) == Replied("turn-1", 0, "", partly=True)
    assert writing.take(TextDelta(1, 0, "So")) == Replied("turn-1", 0, "So", partly=True)
    assert writing.take(TextDelta(1, 0, "thinking", "reasoning")) is None


@given(st.text(max_size=30), st.integers(0, 9))
@settings(max_examples=examples(25))
def test_no_text_ends_an_event_or_begins_another(text: str, number: int) -> None:
    for event in (put(text, number), said(text), grow("turn-1-text", text)):
        body = event.decode()
        assert body.endswith("\n\n")
        assert body.count("\n\n") == 1
        assert "\r" not in body
        assert all(
            line.partition(": ")[0] in ("event", "data", "id") for line in body.strip("\n").split("\n")
        )
    data = grow("turn-1-text", text).decode().split("\n")[1].removeprefix("data: ")
    assert json.loads(data) == {"id": "turn-1-text", "text": text}


async def test_what_has_not_changed_is_not_sent() -> None:
    values = iter([1, 1, 2, 2, 1])

    async def read() -> int:
        return next(values)

    def shown(value: int) -> list[bytes]:
        return [str(value).encode()]

    news = as_it_changes(digest(1), read, shown, every=0)
    assert [await anext(news), await anext(news)] == [b"2", b"1"]
    await news.aclose()


@pytest.mark.parametrize(
    ("value", "most", "shown"),
    [
        ({"a": "<b>"}, 20, '{&#34;a&#34;: &#34;&lt;b&gt;&#34;}'),
        ({"a": "<b>"}, 9, '{&#34;a&#34;: &#34;&lt;…'),
        ("\u202e\r", 20, "&#34;\\u202e\\r&#34;"),
    ],
)  # fmt: skip
def test_a_brief_value_is_cut_before_it_is_escaped(value: Any, most: int, shown: str) -> None:
    assert str(brief(value, most)) == shown


@pytest.mark.parametrize(
    ("text", "shown"), [('{"a":1}', "{\n  &#34;a&#34;: 1\n}"), ("{a", "{a"), ("[" * 9_000, "[" * 9_000)]
)
def test_what_is_no_json_is_readable_as_it_is(text: str, shown: str) -> None:
    assert str(readable(text)) == shown
