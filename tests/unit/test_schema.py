import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.errors import ConfigurationError, InvalidArguments, InvalidRequest, TooLarge
from toolward.json_bounds import MAX_DEPTH, depth_exceeds
from toolward.schema import Schema, check_arguments, parse, parse_object

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    return 0


@given(json_values, st.integers(0, 6))
def test_depth_is_counted_as_a_reader_would(value: object, limit: int) -> None:
    assert depth_exceeds(json.dumps(value).encode(), limit) == (depth_of(value) > limit)


def test_brackets_in_strings_are_text() -> None:
    assert not depth_exceeds(json.dumps("[" * 500 + '\\"{').encode(), 3)


def test_ten_thousand_levels_are_refused_before_anything_recurses() -> None:
    with pytest.raises(TooLarge, match="nested more than 64 levels"):
        parse(b"[" * 10_000 + b"]" * 10_000, "arguments of add")


def test_the_deepest_allowed_value_is_read() -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert parse(raw, "x") is not None


def test_size_is_bounded_and_the_error_says_both_numbers() -> None:
    with pytest.raises(TooLarge, match=r"are 12 bytes; at most 10 are taken"):
        parse(b'"0123456789"', "arguments of add", max_bytes=10)


@pytest.mark.parametrize("raw", [b"{", b"", b"\xff", b'"\xff"', b"NaN", b"1e999", b'{"a":1,}', b'"\\ud800"'])
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="arguments of add are not valid JSON"):
        parse(raw, "arguments of add")


def test_integers_keep_every_digit() -> None:
    assert parse(b"123456789012345678901234567890", "x") == 123456789012345678901234567890


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":1}', b'{"x":[{"y":{"k":1,"\\u006b":2}}]}', b'{"a:":":","b":{"c":1,"d":2,"c":[]}}'],
)
def test_a_name_that_comes_twice_in_one_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidArguments, match="comes twice in one object"):
        parse(raw, "arguments of add")


@given(json_values)
def test_names_that_come_once_are_no_trouble(value: object) -> None:
    assert parse(json.dumps(value).encode(), "x") == value


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_every_doubled_name_is_found(members: dict[str, object], chance: Random) -> None:
    pairs = [*members.items(), chance.choice(list(members.items()))]
    text = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs)
    with pytest.raises(InvalidArguments, match="comes twice"):
        parse(f'[{{"in":{{{text}}}}}]'.encode(), "x")


def test_arguments_must_be_an_object() -> None:
    with pytest.raises(InvalidArguments, match="must be a JSON object"):
        parse_object(b"[1]", "arguments of add")


ADD = Schema(
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "note": {"type": "string", "maxLength": 3}},
        "required": ["a"],
        "additionalProperties": False,
    },
    "input schema of add",
)


def test_all_violations_come_at_once_with_pointers() -> None:
    with pytest.raises(InvalidArguments) as caught:
        check_arguments(ADD, {"noet": 1, "note": "long"}, "add")
    said = {(one.pointer, one.message) for one in caught.value.violations}
    assert ("", "unknown argument 'noet', did you mean 'note'?") in said
    assert ("", '"a" is a required property') in said
    assert any(pointer == "/note" for pointer, _ in said)


def test_what_is_wrong_inside_an_optional_value_is_said_where_it_is() -> None:
    line = {"type": "object", "properties": {"product": {"type": "string"}}, "additionalProperties": False}
    lines = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/line"}, {"type": "null"}]}}
    schema = Schema({"properties": {"lines": lines}, "$defs": {"line": line}}, "input schema of order")
    found = schema.violations({"lines": [None, {"produkt": "cup"}, {"product": 5}, 7]})
    assert [str(one) for one in found[:2]] == [
        "/lines/1: unknown argument 'produkt', did you mean 'product'?",
        '/lines/2/product: 5 is not of type "string"',
    ]
    assert found[2].pointer == "/lines/3"


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date-time", "2026-11-20T10:00:00+01:00", "2026-02-30T10:00:00Z"),
        ("date-time", "2026-11-20 10:00", "1700000000"),
        ("date", "2028-02-29", "2026-02-29"),
        ("time", "10:00:00Z", "25:00"),
        ("duration", "P1DT2H", "a day"),
        ("uuid", "12345678-1234-1234-1234-123456789abc", "12345678123412341234123456789abc"),
    ],
)
def test_dates_times_and_uuids_must_be_some(form: str, good: str, bad: str) -> None:
    schema = Schema({"type": "string", "format": form}, "input schema of x")
    assert schema.accepts(good)
    assert schema.violations(bad)[0].message == f'"{bad}" is not a "{form}"'


def test_other_formats_describe() -> None:
    assert Schema({"format": "email"}, "input schema of x").accepts("whoever")


def test_a_value_of_any_size_is_quoted_shortly() -> None:
    violations = ADD.violations({"a": "x" * 100_000})
    assert len(violations[0].message) < 300


@pytest.mark.parametrize("target", ["http://example.com/schema", "file:///etc/passwd"])
def test_remote_references_are_not_followed(target: str) -> None:
    with pytest.raises(ConfigurationError, match="remote references are not followed"):
        Schema({"$ref": target}, "input schema of x")


def test_a_hostile_pattern_costs_linear_time() -> None:
    schema = Schema({"type": "string", "pattern": "^(a+)+$"}, "input schema of x")
    assert schema.violations("a" * 5_000 + "!")


def test_a_schema_that_nests_too_deep_is_refused() -> None:
    nested: dict[str, object] = {}
    for _ in range(1000):
        nested = {"not": nested}
    with pytest.raises(ConfigurationError, match="nested more than"):
        Schema(nested, "input schema of x")
