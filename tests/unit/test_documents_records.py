"""Tables and JSON as text: each row and record can be read alone, and nothing of them is missing."""

import csv
import io
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable

# --- tables


def rows_of(data: bytes, name: str = "a.csv") -> list[str]:
    return extract(data, name).text.split("\n\n")


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"sku;price\nFG-1;39,90\n", "a.csv", ["Columns: sku; price", "sku: FG-1; price: 39,90"]),
        (b"sep=|\na|b\n1|2\n", "a.csv", ["Columns: a; b", "a: 1; b: 2"]),
        (b"a\tb\nx, y\t\n", "a.tsv", ["Columns: a; b", "a: x, y"]),
        (b"Report\n\nname,2024\nA,1\n", "a.csv", ["Report", "Columns: name; 2024", "name: A; 2024: 1"]),
        (b"1,2\n3,4\n", "a.csv", ["1 | 2", "3 | 4"]),
        (b"name\nA\n", "a.csv", ["Columns: name", "name: A"]),
        (b"a,b\n1,2,3\n", "a.csv", ["Columns: a; b", "a: 1; b: 2; column 3: 3"]),
    ],
)
def test_each_row_can_be_read_alone(data: bytes, name: str, expected: list[str]):
    assert rows_of(data, name) == expected


cells = st.text(st.characters(categories=["L"]), min_size=1, max_size=6)


@given(
    st.lists(cells, min_size=2, max_size=4, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(
                st.lists(
                    cells | st.sampled_from(['a "b"', "x,y", "1;2", "u\nv"]),
                    min_size=len(names),
                    max_size=len(names),
                ),
                min_size=1,
                max_size=5,
            ),
        )
    ),
    st.sampled_from(",;\t|"),
)
@settings(max_examples=examples(40), deadline=None)
def test_tables_that_are_written_are_read(table: tuple[list[str], list[list[str]]], separator: str):
    names, rows = table
    written = io.StringIO()
    csv.writer(written, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    expected = [
        "; ".join(f"{name}: {cell.replace(chr(10), ' ')}" for name, cell in zip(names, row, strict=True))
        for row in rows
    ]
    assert rows_of(written.getvalue().encode()) == [f"Columns: {'; '.join(names)}", *expected]


def test_a_wide_row_has_a_line_for_each_cell():
    header = ",".join(f"column{letter}" for letter in "abcdefghij")
    data = f"{header}\n{','.join(['word ' * 20] * 10)}\n".encode()
    assert rows_of(data)[1].count("\n") == 9


# --- JSON


def test_json_reads_as_lines_with_paths():
    data = (
        b'{"title": "Shop", "updated": "2026-02-03", "at": {"city": "Gent", "geo": {"lat": 1.50}}, '
        b'"tags": ["a", "b"], "items": [{"sku": "FG-1", "n": null, "seen": [{"s": 1}]}, '
        b'{"sku": "FG-2", "ok": true}], "none": []}'
    )
    found = extract(data, "a.json")
    assert found.text == (
        "title: Shop\nupdated: 2026-02-03\nat.city: Gent\nat.geo.lat: 1.50\ntags: a, b\nnone: []\n\n"
        "items[0]\nsku: FG-1\nn: null\n\nitems[0].seen[0]\ns: 1\n\nitems[1]\nsku: FG-2\nok: true"
    )
    assert (found.title, found.metadata) == ("Shop", {"updated": "2026-02-03"})


def test_json_lines():
    found = extract(b'{"a": 1}\n\nbad\n[1, 2]\n{"b": {"c": [{"d": 12345678901234567890.10}]}}', "a.jsonl")
    assert found.text.split("\n\n") == [
        "line 1\na: 1",
        "line 3: bad",
        "line 4: 1, 2",
        "line 5.b.c[0]\nd: 12345678901234567890.10",
    ]


def test_what_is_no_json_is_plain_text():
    found = extract(b"{a: 1} // ours", "a.json")
    assert (found.text, found.format) == ("{a: 1} // ours", "text")


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(
    st.recursive(
        words | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
        max_leaves=20,
    )
)
@settings(max_examples=examples(60), deadline=None)
def test_every_value_of_json_is_in_the_text(value: Any):
    try:
        text = extract(json.dumps(value).encode(), "a.json").text
    except Unreadable:
        assert value in ([], {})  # nothing but what is empty
        return
    for leaf in leaves(value):
        assert leaf in text


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        pairs = cast(dict[str, Any], value).items()
        return [leaf for key, item in pairs for leaf in (key, *leaves(item))]
    if isinstance(value, list):
        return [leaf for item in cast(list[Any], value) for leaf in leaves(item)]
    return [value if isinstance(value, str) else json.dumps(value)]


def test_a_long_name_at_many_values_does_not_grow_without_end():
    data = json.dumps({"k" * 100_000: {str(number): 1 for number in range(3000)}}).encode()
    found = extract(data, "a.json")
    assert len(found.text) < 1_000_000
    assert found.left_out == ("Names of more than 200 characters are shortened, 1 times.",)


def test_what_has_no_room_is_counted(monkeypatch: pytest.MonkeyPatch):
    def read(data: bytes, name: str) -> Extracted:
        with monkeypatch.context() as smaller:
            smaller.setattr("toolservers.documents.paragraphs.Paragraphs.__init__.__defaults__", (200,))
            return extract(data, name)

    table = read(b"sku,name\n" + b"FG-1,Kettle\n" * 100, "a.csv")
    assert table.left_out[0].startswith("The last 93 rows have no room")
    assert table.share == pytest.approx(8 / 101)
    lines = read(b'{"sku": "FG-1"}\n' * 100, "a.jsonl")
    assert 0 < lines.share < 0.2
