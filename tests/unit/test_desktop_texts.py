"""One entry in somebody else's file: neighbours and comments survive byte for byte, and taking it out undoes it."""

import difflib
import re
import tomllib
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.desktop import toml_tables
from gateway.desktop.edits import difference, value_at
from gateway.desktop.json_members import value_of, with_member, without_member
from gateway.desktop.json_text import read_json
from gateway.desktop.toml_tables import with_table, without_table
from tests.examples import examples
from tests.unit.desktop_texts import PLAIN, json_texts, plain_json, toml_texts
from toolward.errors import ConfigurationError
from toolward.types import JsonObject

PLACE = ("mcpServers", "ours")
TABLE = ("mcp_servers", "ours")
ENTRIES = st.fixed_dictionaries(
    {"command": PLAIN, "args": st.lists(PLAIN, max_size=3)},
    optional={"env": st.dictionaries(PLAIN, PLAIN, min_size=1, max_size=2)},
)


def put(value: Any, place: tuple[str, ...], entry: JsonObject) -> Any:
    inner = value.setdefault(place[0], {})
    inner[place[1]] = entry
    return value


@given(json_texts())
@settings(max_examples=examples(30), deadline=None)
def test_json_with_comments_is_read_as_without(text: str) -> None:
    assert read_json(text, "f").value == plain_json(text)


@given(json_texts(), ENTRIES, ENTRIES)
@settings(max_examples=examples(40), deadline=None)
def test_an_entry_comes_into_json_and_all_else_stays_byte_for_byte(
    text: str, entry: JsonObject, other: JsonObject
) -> None:
    assume(isinstance(value_at(read_json(text, "f").value, PLACE[:1]) or {}, dict))
    made = int(value_at(value_of(text, "f"), PLACE[:1]) is None)
    after = with_member(text, PLACE, entry, "f")
    assert plain_json(after) == put(plain_json(text), PLACE, entry)
    assert only_added(text, after)
    assert with_member(after, PLACE, entry, "f") == after
    changed = with_member(after, PLACE, other, "f")
    assert plain_json(changed) == put(plain_json(text), PLACE, other)
    for one in (after, changed):
        back = without_member(one, PLACE, "f", made=made)
        assert plain_json(back) == plain_json(text)
        # Blanks in an object that had nothing but them are all that may be lost.
        assert back == text or re.sub(r"\{[ \t\r\n]+\}", "{}", text) == re.sub(r"\{[ \t\r\n]+\}", "{}", back)


def only_added(before: str, after: str) -> bool:
    """Whether all of `before` is in `after`, in its order; blanks of an object that was empty apart."""
    rest = iter(after)
    return all(char in rest for char in re.sub(r"\{[ \t\r\n]+\}", "{}", before))


@given(json_texts(), st.data())
@settings(max_examples=examples(30), deadline=None)
def test_an_entry_goes_out_of_json_wherever_it_stands(text: str, data: st.DataObject) -> None:
    read = read_json(text, "f")
    places = [place for place in read.spans if place and all(isinstance(key, str) for key in place)]
    assume(places)
    place = tuple(map(str, data.draw(st.sampled_from(places))))
    after = without_member(text, place, "f")
    expected = plain_json(text)
    del value_at(expected, place[:-1])[place[-1]]  # pyright: ignore -- a place of this very value
    assert plain_json(after) == expected
    assert only_added(after, text)
    span = read.spans[place]
    gone = Counter(text) - Counter(after) - Counter(text[span.key : span.end])
    assert gone.pop(",", 0) <= 1
    assert set(gone) <= set(" \t\r\n")


@given(toml_texts(), ENTRIES, ENTRIES)
@settings(max_examples=examples(25), deadline=None)
def test_a_table_comes_into_toml_and_all_else_stays_byte_for_byte(
    text: str, entry: JsonObject, other: JsonObject
) -> None:
    try:
        before: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
        return
    assume(isinstance(before.get("mcp_servers", {}), dict))
    after = with_table(text, TABLE, entry, "f")
    assert after.startswith(text)
    assert repr(tomllib.loads(after)) == repr(put(before, TABLE, entry))
    assert with_table(after, TABLE, entry, "f") == after
    assert without_table(after, TABLE, "f") == text
    assert without_table(with_table(after, TABLE, other, "f"), TABLE, "f") == text
    more = f"{after}\n# theirs\n[theirs]\nx = 1\n"
    assert without_table(more, TABLE, "f") == f"{text}\n# theirs\n[theirs]\nx = 1\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", '{\n  "mcpServers": {\n    "ours": {\n      "command": "x"\n    }\n  }\n}\n'),
        ('{"a": 1}', '{"a": 1, "mcpServers": {"ours": {"command": "x"}}}'),
        (
            '{\n\t// all of mine\n\t"mcpServers": {\n\t\t"b": {} // the last\n\t},\n}\n',
            '{\n\t// all of mine\n\t"mcpServers": {\n\t\t"b": {}, // the last\n\t\t"ours": {\n\t\t\t"command": '
            '"x"\n\t\t}\n\t},\n}\n',
        ),
        (
            '{\r\n  "mcpServers": {}\r\n}',
            '{\r\n  "mcpServers": {\r\n    "ours": {\r\n      "command": "x"\r\n    }\r\n  }\r\n}',
        ),
    ],
)
def test_it_looks_as_the_rest_of_the_file_does(text: str, after: str) -> None:
    found = with_member(text, PLACE, {"command": "x"}, "f")
    assert found == after, "\n".join(difflib.ndiff(after.splitlines(), found.splitlines()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {"a": {}', "f:1:24: a ',' is missing"),
        ('{"mcpServers": []}', "f: mcpServers is no JSON object"),
        ('{"mcpServers": null}', "f: mcpServers is no JSON object"),
        ("[]", "f: the file is no JSON object"),
        ('{"a": 1, "a": 2}', "f:1:13: the key 'a' is here twice, first on line 1"),
        ("{'a': 1}", "f:1:2: a key in double quotes is missing"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_member(text, PLACE, {"command": "x"}, "f")
    assert caught.value.text.startswith(said)


@pytest.mark.parametrize(
    "text", ["mcp_servers = { a = { command = 'x' } }\n", "mcp_servers = 1\n", "[[mcp_servers]]\na = 1\n"]
)
def test_toml_that_cannot_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be changed from outside"):
        with_table(text, TABLE, {"command": "x"}, "f")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        toml_tables.value_of("a = ", "f")


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("ab"), max_size=6))
@settings(max_examples=examples(50), deadline=None)
def test_the_difference_shown_leads_from_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    shown = difference("\n".join(old), "\n".join(new), "f").splitlines()
    if old == new:
        assert not shown
        return
    (start, size), (_, new_size) = (map(int, part[1:].split(",")) for part in shown[2].split()[1:3])
    before = [line[1:] for line in shown[3:] if line[0] in " -"]
    after = [line[1:] for line in shown[3:] if line[0] in " +"]
    at = start - bool(size)
    assert (len(before), len(after)) == (size, new_size)
    assert old[at : at + size] == before
    assert old[:at] + after + old[at + size :] == new
