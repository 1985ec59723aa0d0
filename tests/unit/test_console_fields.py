"""Forms from schemas: what is filled in reads back as it was, and what cannot be read is told beside its field."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.servers.console.telling import visible
from gateway.servers.console.tools.fields import (
    PREFIX,
    fields_of,
    from_json,
    has_form,
    typed_in,
    with_problems,
)
from gateway.servers.console.visits import MAX_FIELDS, Form
from tests.examples import examples
from toolward.errors import InvalidRequest

TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r"), min_size=1)
LINE = st.text(st.characters(categories=("L", "N", "P")), min_size=1)
ANY = st.recursive(
    st.booleans() | st.integers(-(10**30), 10**30) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
KINDS: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "text": ({"type": "string"}, TEXT.filter(str.strip)),
    "long": ({"type": "string", "maxLength": 4_000}, TEXT.filter(str.strip)),
    "number": ({"type": "integer"}, st.integers(-(10**40), 10**40)),
    "choice": ({"enum": ["open", "solved"]}, st.sampled_from(["open", "solved"])),
    "maybe": ({"anyOf": [{"$ref": "#/$defs/Flag"}, {"type": "null"}]}, st.booleans()),
    "lines": ({"type": "array", "items": {"type": "string"}}, st.lists(LINE, min_size=1, max_size=4)),
    "json": ({"type": "object"}, st.dictionaries(TEXT, ANY, max_size=3)),
    "free": ({}, ANY),
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: schema for name, (schema, _) in KINDS.items()},
    "required": ["number"],
    "$defs": {"Flag": {"type": "boolean", "description": "Whether it is."}},
}


@given(st.fixed_dictionaries({}, optional={name: values for name, (_, values) in KINDS.items()}))
@settings(max_examples=examples(60), deadline=None)
def test_what_is_filled_in_reads_back_as_it_was(arguments: dict[str, Any]) -> None:
    sent = [(f"{PREFIX}{one.name}", one.typed) for one in fields_of(SCHEMA, arguments)]
    assert typed_in(SCHEMA, Form(sent)) == (arguments, ())
    if has_form(SCHEMA, arguments):
        assert typed_in(SCHEMA, Form(list(by_a_browser(arguments)))) == (arguments, ())


def by_a_browser(arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields as a page shows them, and as they come back from it: a line of its own has no line feeds."""
    for one in fields_of(SCHEMA, arguments):
        shown = visible(one.typed)
        yield f"{PREFIX}{one.name}", shown.replace("\n", "") if one.kind in ("text", "number") else shown


def test_what_can_be_seen_has_fields() -> None:
    assert has_form(SCHEMA, {"text": "a", "long": "two\nlines", "lines": ["é", "b"], "json": {"a": [1]}})


def test_fields_follow_the_schema_and_the_required_ones_come_first() -> None:
    fields = fields_of(SCHEMA)
    assert fields[0].name == "number"
    assert {one.name: one.kind for one in fields} == {
        "text": "text", "long": "long", "number": "number", "choice": "choice", "maybe": "boolean",
        "lines": "lines", "json": "json", "free": "json",
    }  # fmt: skip
    assert next(one for one in fields if one.name == "maybe").description == "Whether it is."


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("number", "1, 2", "'1, 2' is not a number"),
        ("number", "NaN", "'NaN' is not a number"),
        ("json", '{"a": 1}, "b": {', "is not JSON"),
        ("json", '{"a": 1, "a": 2}', "is not JSON"),
    ],
)
def test_what_cannot_be_read_is_told_beside_its_field(name: str, text: str, said: str) -> None:
    sent = Form([(f"{PREFIX}{name}", text), (f"{PREFIX}text", "kept")])
    typed = typed_in(SCHEMA, sent)
    assert typed.arguments == {"text": "kept"}
    shown = {
        one.name: one for one in with_problems(fields_of(SCHEMA, {}), sent.under(PREFIX), typed.problems)
    }
    assert said in shown[name].problem
    assert (shown[name].typed, shown["text"].typed) == (text, "kept")


@pytest.mark.parametrize(
    "arguments",
    [
        *({"other": 1}, {"lines": []}, {"text": 5}, {"text": ""}, {"maybe": None}),
        *({"text": "two\nlines"}, {"text": "\u202ea"}, {"long": "a\u200b"}, {"lines": ["a\u2066"]}),
    ],
)
def test_what_fields_cannot_say_is_not_lost_in_them(arguments: dict[str, Any]) -> None:
    assert not has_form(SCHEMA, arguments)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a\u202eb": {"type": "string"}}},
        {"properties": {"a": {"enum": ["x", "x\u200b"]}}},
        {"properties": {"a": {"type": "string", "default": "\u202ex"}}},
        {
            "properties": {f"p{number}": {"type": "string"} for number in range(MAX_FIELDS)}
        },  # and the form's own
    ],
)
def test_a_schema_that_no_form_could_send_has_none(schema: dict[str, Any]) -> None:
    assert not has_form(schema)


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1, "a": 2}', "[" * 900])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        from_json(text)
