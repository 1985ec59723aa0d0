"""How much a JSON text holds is told without reading it, and as fast for texts that are meant to take long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.errors import InvalidArguments, TooLarge
from toolward.json_bounds import Amount, depth_exceeds, is_too_much, without_strings
from toolward.schema import parse, parse_object
from toolward.wire import mcp as wire

SMALL = Amount(values=20, containers=5)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a"\\[]{},: é'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('"\\[,'), inner, max_size=4),
    max_leaves=30,
)


def held(value: object) -> tuple[int, int]:
    """Values, and containers among them."""
    if not isinstance(value, (list, dict)):
        return 1, 0
    inside: list[object] = list(value.values() if isinstance(value, dict) else value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    counts = [held(one) for one in inside]
    return 1 + sum(count for count, _ in counts), 1 + sum(count for _, count in counts)


@given(json_values)
def test_what_holds_more_is_found_and_what_holds_less_is_not(value: object) -> None:
    values, containers = held(value)
    raw = json.dumps(value, ensure_ascii=False).encode()
    if containers > SMALL.containers or values > SMALL.values + containers:
        assert is_too_much(raw, SMALL)
    if containers <= SMALL.containers and values + containers < SMALL.values:
        assert not is_too_much(raw, SMALL)


@pytest.mark.parametrize("text", ["a,b,[{" * 50_000, '\\",[' * 50_000, "," * 200_000])
def test_what_stands_in_a_text_does_not_count(text: str) -> None:
    value = {"text": text}
    assert parse(json.dumps(value).encode(), "x") == value


@pytest.mark.parametrize("one", ["[]", '{"a":1}', "[1,2]"])
def test_too_many_lists_and_objects_are_refused(one: str) -> None:
    raw = json.dumps({"rows": [json.loads(one)] * 20_000})
    with pytest.raises(
        TooLarge, match="cannot be read at once: at most 50,000 values are, 20,000 of them lists"
    ):
        parse_object(raw.encode(), "arguments of add")


def test_many_numbers_are_fine_and_too_many_are_refused() -> None:
    assert parse(b"[%b]" % b",".join([b"1"] * 49_000), "x") == [1] * 49_000
    with pytest.raises(TooLarge):
        parse(b"[%b]" % b",".join([b"1"] * 51_000), "x")


@pytest.mark.parametrize("number", [b"1e300", b"1.5E-320", b"2e+291", b"1" * 1000, b"0." + b"0" * 320 + b"1"])
def test_numbers_that_take_long_are_few(number: bytes) -> None:
    few, many = ([number] * count for count in (200, 5_000))
    parse(b"[%b]" % b",".join(few), "x")
    with pytest.raises(TooLarge):
        parse(b"[%b]" % b",".join(many), "x")
    text = b",".join(many).decode()
    assert parse(json.dumps([text]).encode(), "x", max_bytes=2**23) == [text]


# These took minutes before, by the square of what is sent; the suite's limit for a test is their bound.


def test_a_text_that_does_not_end_is_passed_over_once() -> None:
    raw = b'[[[["' + b'\\"' * 400_000
    assert without_strings(raw) == b"[[[["
    assert without_strings(raw + b"\\") == b"[[[["
    assert not depth_exceeds(b"[" * 80 + raw, 100)
    with pytest.raises(wire.Unreadable):
        wire.decode(b'{"a":' + b"[" * 90 + raw)


def test_of_many_names_the_one_that_comes_twice_is_found() -> None:
    names = [*(f"k{number}" for number in range(49_000)), "k77"]
    raw = "{" + ",".join(f'"{name}":1' for name in names) + "}"
    with pytest.raises(InvalidArguments, match="the name 'k77' comes twice"):
        parse_object(raw.encode(), "arguments of add")


def test_a_message_that_holds_too_much_is_answered_by_its_id() -> None:
    arguments = b'{"rows":[%b]}' % b",".join([b"[]"] * 30_000)
    raw = b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"add","arguments":%b},"id":7}' % arguments
    with pytest.raises(wire.Unreadable) as caught:
        wire.decode(raw)
    assert caught.value.id == 7
    assert isinstance(caught.value.refused, TooLarge)
    assert "The arguments of add cannot be read at once" in caught.value.refused.message
    assert wire.decode_if_plain(raw) is None
