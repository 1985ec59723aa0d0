"""Input schemas as models are shown them: what fits the adapted one fits, put right, the tool's own; and nothing
that the tool takes is refused by the plain one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.models.schemas import adapted, plain_schema
from gateway.models.strict_schemas import MAX_PROPERTIES, strict_schema
from toolward.schema import Schema

# --- strict, drawn ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "d"])
DEFS = {
    "leaf": {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "string"}},
        "required": ["y"],
    },
    "tree": {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/tree"}, "a": {"type": ["string", "null"]}},
    },
}
SCALARS = st.one_of(
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind}),
    st.just({"type": ["string", "null"]}),
    st.just({"enum": ["red", "blue", 3]}),
    st.just({"enum": ["red", None]}),
    st.just({"const": "fixed"}),
    st.just({"type": ["string", "null"], "enum": ["only"]}),
    st.sampled_from(["#/$defs/leaf", "#/$defs/tree"]).map(lambda ref: {"$ref": ref}),
    st.just({"type": "string", "description": "D", "default": "x"}),
)


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    properties = draw(st.dictionaries(NAMES, inner, min_size=1, max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    closed = {"additionalProperties": False} if draw(st.booleans()) else {}
    return {"type": "object", "properties": properties, "required": required} | closed


def deeper(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        objects(inner),
        inner.map(lambda items: {"type": "array", "items": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        inner.map(lambda one: {"allOf": [one]}),
    )


NODES = st.recursive(SCALARS, deeper, max_leaves=6)
TOPS = objects(NODES).map(lambda top: top | {"$defs": DEFS})


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    return root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def value_of(draw: st.DrawFn, schema: dict[str, Any], root: dict[str, Any], depth: int = 0) -> Any:
    """A value that fits a strict schema."""
    schema = resolved(schema, root)
    if "anyOf" in schema:
        parts = schema["anyOf"] if depth < 6 else schema["anyOf"][-1:]  # null comes last: it ends what recurs
        return value_of(draw, draw(st.sampled_from(parts)), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    kind: Any = schema["type"]
    kinds: list[str] = [kind] if isinstance(kind, str) else kind
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    kind = draw(st.sampled_from(kinds))
    if kind == "object":
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        return {name: value_of(draw, one, root, depth + 1) for name, one in schema["properties"].items()}
    if kind == "array":
        count = draw(st.integers(0, 2)) if depth < 6 else 0
        return [value_of(draw, schema["items"], root, depth + 1) for _ in range(count)]
    drawn: dict[str, Any] = {"string": "s", "integer": 3, "number": 1.5, "boolean": True, "null": None}
    return drawn[kind]


@settings(max_examples=40, deadline=None)
@given(TOPS, st.data())
def test_what_fits_the_strict_schema_fits_the_full_one_when_it_is_put_right(
    top: dict[str, Any], data: Any
) -> None:
    strict = strict_schema(top)
    if strict is None:
        return
    arguments = data.draw(st.composite(lambda draw: value_of(draw, strict, strict))())
    found = adapted(top, strict=True).restored(json.dumps(arguments))
    if Schema(strict, "strict").accepts(arguments):  # an enum beside a type may leave nothing
        violations = Schema(top, "full").violations(json.loads(found))
        assert not violations, (found, violations)


# --- strict, told -----------------------------------------------------------------------------------------


def top(properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"], "title": "T"}, {"type": ["string", "null"]}),
        (
            {"type": "string", "description": "The id.", "pattern": "^ORD-", "default": "ORD-1"},
            {"type": ["string", "null"], "description": 'The id. (pattern: "^ORD-", default: "ORD-1")'},
        ),
        ({"enum": ["a", "b"]}, {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}),
        (
            {"$ref": "#/definitions/leaf", "description": "lost"},
            {"anyOf": [{"$ref": "#/$defs/leaf"}, {"type": "null"}]},
        ),
        (
            {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string"}], "description": "D"},
            {
                "anyOf": [
                    {"type": "integer", "description": "(minimum: 1)"},
                    {"type": "string"},
                    {"type": "null"},
                ],
                "description": "D",
            },
        ),
    ],
)
def test_an_optional_argument_in_strict_mode(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    strict = strict_schema(top({"p": given}, definitions={"leaf": {"type": "string"}}))
    assert strict is not None
    assert strict["properties"] == {"p": wanted}
    assert (strict["required"], strict["additionalProperties"]) == (["p"], False)


def nested(levels: int) -> dict[str, Any]:
    return top({"in": nested(levels - 1)}) if levels else {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        top({"free": {"type": "object"}}),
        top({"map": {"type": "object", "additionalProperties": {"type": "string"}}}),
        top({"anything": {}}),
        top({"anything": True}),
        top({"list": {"type": "array"}}),
        top({"pair": {"type": "array", "prefixItems": [{"type": "string"}]}}),
        top({"far": {"$ref": "https://elsewhere.example/schema"}}),
        top({"gone": {"$ref": "#/$defs/gone"}}),
        top({}, additionalProperties=True),
        top({}, ("unknown",)),
        {"anyOf": [top({"a": {"type": "string"}}), top({"b": {"type": "string"}})]},
        top({f"p{number}": {"type": "string"} for number in range(MAX_PROPERTIES + 1)}),
        nested(6),
        {"type": "array", "items": {"type": "string"}},
    ],
)
def test_what_strict_mode_cannot_say_goes_unstrict(schema: dict[str, Any]) -> None:
    found = adapted(schema, strict=True)
    assert not found.strict
    assert found.schema["type"] == "object"
    assert found.restored('{"a": null}') == '{"a": null}'


def test_nulls_are_left_out_only_where_they_mean_nothing() -> None:
    alternatives = [
        top({"kind": {"const": "card"}, "note": {"type": "string"}}, ("kind",)),
        top({"kind": {"const": "bank"}, "note": {"type": ["string", "null"]}}, ("kind",)),
    ]
    schema = top(
        {
            "to": {"anyOf": alternatives},
            "list": {"type": "array", "items": alternatives[0]},
            "n": {"type": "null"},
        },
        ("to",),
    )
    strict = adapted(schema, strict=True)
    assert strict.strict
    card, bank = {"kind": "card", "note": None}, {"kind": "bank", "note": None}
    sent = json.dumps({"to": card, "list": [card], "n": None})
    assert json.loads(strict.restored(sent)) == {
        "to": {"kind": "card"},
        "list": [{"kind": "card"}],
        "n": None,
    }
    assert json.loads(strict.restored(json.dumps({"to": bank, "list": None}))) == {"to": bank}
    for untouched in ('{"to": nul', "null", '["null"]', '{"to":  "null"}'):
        assert strict.restored(untouched) == untouched


# --- plain ------------------------------------------------------------------------------------------------

VALUES = st.one_of(st.sampled_from(["s", "fixed"]), st.integers(0, 2), st.none())
SIMPLE = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"const": "fixed"}, {"type": ["string", "null"]}]
)
CHOICES = st.sampled_from(["anyOf", "oneOf", "allOf"])


@st.composite
def choosing(draw: st.DrawFn) -> dict[str, Any]:
    """A schema that chooses at its top: alternatives that are closed, or sets of what is required."""
    if draw(st.booleans()):
        parts = draw(st.lists(objects(SIMPLE), min_size=1, max_size=3))
        closed = {} if (choice := draw(CHOICES)) == "allOf" else {"additionalProperties": False}
        return {"type": "object", choice: [part | closed for part in parts]}
    base = draw(objects(SIMPLE))
    sets = draw(
        st.lists(st.lists(st.sampled_from(list(base["properties"])), unique=True), min_size=1, max_size=3)
    )
    return base | {draw(CHOICES): [{"required": names} for names in sets]}


@settings(max_examples=40, deadline=None)
@given(choosing(), st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=5, max_size=5))
def test_the_plain_schema_refuses_nothing_that_the_tool_takes(
    schema: dict[str, Any], values: list[dict[str, Any]]
) -> None:
    plain = plain_schema({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    assert plain["type"] == "object"
    assert isinstance(plain["properties"], dict)
    assert plain.keys().isdisjoint(("$schema", "anyOf", "oneOf", "allOf", "not", "enum", "const"))
    full, shown = Schema(schema, "full"), Schema(plain, "plain")
    assert all(shown.accepts(value) for value in values if full.accepts(value))


def test_alternatives_become_one_object_that_says_what_goes_together() -> None:
    by = {
        name: top({name: {"type": "string"}, "n": {"type": "integer"}}, (name, "n"))
        for name in ("id", "mail")
    }
    plain = plain_schema(
        {"description": "Finds.", "oneOf": [{"$ref": "#/$defs/id"}, by["mail"]], "$defs": by}
    )
    assert plain["properties"].keys() == {"id", "mail", "n"}
    assert plain["required"] == ["n"]
    assert "exactly one of these sets of arguments: id, n; or mail, n" in plain["description"]


def test_references_to_what_is_no_longer_there_are_left_out() -> None:
    inner = {"a": {"$ref": "#/oneOf/0/properties/b", "description": "D"}, "b": {"type": "string"}}
    plain = plain_schema({"oneOf": [top(inner), top({"c": {"$ref": "#/$defs/c~1d"}})], "$defs": {"c/d": {}}})
    assert plain["properties"] == {
        "a": {"description": "D"},
        "b": {"type": "string"},
        "c": {"$ref": "#/$defs/c~1d"},
    }


def test_an_ordinary_schema_is_shown_as_it_is() -> None:
    schema = top(
        {"a": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/x"}]}}, ("a",), **{"$defs": {"x": {}}}
    )
    assert plain_schema(schema) == schema
    assert plain_schema({"type": "object"}) == {"type": "object", "properties": {}}
