"""Kit and gateway give the same verdict on every value: the gateway knows a tool's schema, the kit its types."""

from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings

from tests.drawn import CASES, Size, Type, either
from tests.examples import examples
from toolward.errors import InvalidArguments, InvalidRequest
from toolward.kit.signature import Signature
from toolward.schema import Schema, parse_object


def signature(kind: Type) -> Signature:
    async def tool(value: Any) -> None: ...

    tool.__annotations__ = {"value": kind, "return": None}
    return Signature(tool, "tool")


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CASES)
def test_what_the_schema_accepts_the_types_accept(case: tuple[Type, list[str]]) -> None:
    kind, values = case
    types = signature(kind)
    schema = Schema(types.input_schema, "input schema of tool")
    for value in values:
        raw = f'{{"value":{value}}}'.encode()
        if schema.accepts(parse_object(raw, "arguments")):
            types.bind(raw, "tool")  # raises where the kit would refuse what the gateway lets through


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (int, "5.0", 5),
        (int, "5e0", 5),
        (list[int], "[1.0,2]", [1, 2]),
        (float, "5", 5.0),
        (Literal[1], "1.0", 1),
        (Size, "2.0", Size.LARGE),
        (either(Literal[1], bool), "true", True),
        (either(Size, bool), "true", True),
        (Any, "5.0", 5.0),
    ],
)
def test_a_number_is_what_json_schema_says_it_is(kind: Type, raw: str, value: Any) -> None:
    bound = signature(kind).bind(f'{{"value":{raw}}}'.encode(), "tool")["value"]
    assert bound == value
    assert type(bound) is type(value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Literal[1], "true"),
        (Literal[True], "1"),
        (Size, "true"),
        (int, "true"),
        (int, "5.5"),
        (int, '"5"'),
        (float, '"5"'),
    ],
)
def test_what_is_refused_is_refused_by_both(kind: Type, raw: str) -> None:
    types = signature(kind)
    arguments = f'{{"value":{raw}}}'.encode()
    assert not Schema(types.input_schema, "input schema").accepts(parse_object(arguments, "arguments"))
    with pytest.raises(InvalidArguments):
        types.bind(arguments, "tool")


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_what_no_double_holds_is_refused_before_either_looks(raw: str) -> None:
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        parse_object(f'{{"value":{raw}}}'.encode(), "arguments of tool")


def test_a_whole_number_beyond_a_double_is_no_float() -> None:
    with pytest.raises(InvalidArguments, match="/value: Input should be a finite number"):
        signature(float).bind(b'{"value":1%b}' % (b"0" * 400), "tool")
    assert signature(int).bind(b'{"value":1%b}' % (b"0" * 400), "tool") == {"value": 10**400}
