"""Exact replacements: what they make of bytes, what they refuse and with which words, and their diff."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolservers.files.editing.diffs import unified_diff
from toolservers.files.editing.edits import MAX_EDITS, Edit, edited
from toolservers.files.text.encodings import MAX_FILE
from toolward.errors import ToolError

ENDS = {r"\n": ("\n",), r"\r\n": ("\r\n",), r"\r": ("\r",), "mixed": ("\n", "\r\n")}
ENCODINGS = {
    "utf-8": "ä🙂",
    "utf-8-sig": "ä🙂",
    "utf-16": "ä🙂",
    "utf-16-be": "ä🙂",
    "utf-32": "ä🙂",
    "iso-8859-1": "äÿ",
    "cp1252": "ä€",
}


def after(data: bytes, *edits: Edit) -> bytes:
    return edited(data, edits, "a")[1]


def refused(data: bytes, *edits: Edit) -> str:
    with pytest.raises(ToolError) as caught:
        edited(data, edits, "a")
    return str(caught.value)


def as_file(text: str, encoding: str, ends: tuple[str, ...]) -> bytes:
    """The text's `\\n` become the ends in turn; where nothing else proves the encoding, its first line does."""
    lines = text.split("\n")
    text = "".join(line + ends[number % len(ends)] for number, line in enumerate(lines[:-1])) + lines[-1]
    if encoding == "utf-16-be":
        text = "\ufeff" + text
    return text.encode(encoding)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str, str]:
    """A file, and two texts that each stand in it once when they take turns at one place."""
    encoding, ends = draw(st.sampled_from(list(ENCODINGS))), draw(st.sampled_from(list(ENDS)))
    some = st.text(alphabet=f"a \t\n{ENCODINGS[encoding]}", max_size=8)
    around, old = (draw(some), draw(some)), f"{draw(some)}<1>{draw(some)}"
    if ends == "mixed":  # which ends added lines had is not to be known again
        new = "\n".join(f"{draw(st.sampled_from('xyz'))}<2>{number}" for number in range(old.count("\n") + 1))
    else:
        new = f"{draw(some)}<2>{draw(some)}"
    text = f"{ENCODINGS[encoding]}\n\n\n{around[0]}{old}{around[1]}"
    return as_file(text, encoding, ENDS[ends]), old, new


@given(files())
@settings(max_examples=200)
def test_an_edit_and_its_inverse_give_the_same_bytes(drawn: tuple[bytes, str, str]) -> None:
    data, old, new = drawn
    there, done = edited(data, [Edit(old, new)], "a")
    back, bytes_again = edited(done, [Edit(new, old)], "a")
    assert bytes_again == data
    assert (back.before.encoding, back.before.end_of_line) == (
        there.before.encoding,
        there.before.end_of_line,
    )


@given(
    st.text(alphabet="ab\n\r", min_size=1, max_size=40),
    st.lists(
        st.tuples(st.integers(0, 39), st.integers(1, 6), st.text(alphabet="c\n", max_size=4)), max_size=4
    ),
)
@settings(max_examples=200)
def test_several_edits_are_made_at_their_places_and_the_diff_says_what(
    text: str, cuts: list[tuple[int, int, str]]
) -> None:
    """Places are marked, so that each `old` is there once; the same is done by slices."""
    wanted, edits, at = "", list[Edit](), 0
    marked = ""
    for number, (start, length, new) in enumerate(sorted(cuts)):
        if at <= start and start + length <= len(text):
            mark = f"<{number}>"
            marked += text[at:start] + mark + text[start : start + length]
            wanted += text[at:start] + new
            edits.append(Edit(mark + text[start : start + length], new))
            at = start + length
    marked, wanted = marked + text[at:], wanted + text[at:]
    if not edits or "\r" in marked:  # ends of lines have tests of their own
        return
    done, data = edited(marked.encode(), edits[::-1], "a")
    assert data.decode() == wanted
    assert patched(marked, unified_diff(done, "a")) == wanted


def patched(text: str, diff: str) -> str:
    """A unified diff applied, which must fit."""
    old, new, at = re.findall(".*\n|.+", text), list[str](), 0
    lines = iter(diff.replace("\n\\ No newline at end of file", "\0").splitlines(keepends=True)[2:])
    for line in lines:
        if line.startswith("@@"):
            start, count = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+[\d,]+ @@\n", line).groups()  # type: ignore[union-attr]
            first = int(start) - (count != "0")
            new += old[at:first]
            at = first
            continue
        body = line[1:].replace("\0\n", "")
        if line[0] in " -":
            assert old[at] == body
            at += 1
        if line[0] in " +":
            new.append(body)
    return "".join(new + old[at:])


@pytest.mark.parametrize(
    ("data", "old", "new", "wanted"),
    [
        (b"a\r\nb\r\nc", "a\nb", "x\ny\nz", b"x\r\ny\r\nz\r\nc"),
        (b"a\r\nb\r\nc", "a\r\nb", "x\r\ny", b"x\r\ny\r\nc"),
        (b"a\rb\r", "a\nb", "x\n\ny", b"x\r\ry\r"),
        (b"a\r\nb\nc\r\n", "a\nb\nc\n", "a\nnew\nb\nc\n", b"a\r\nnew\r\nb\nc\r\n"),
        (b"a\r\nb\nc\nd\r\n", "b\nc", "b\nx\ny\nc", b"a\r\nb\nx\ny\nc\nd\r\n"),
        (b"a\r\nb\nc\n", "b", "b\nb2", b"a\r\nb\nb2\nc\n"),
        (b"a\nb\r\nc", "c", "c\nd", b"a\nb\r\nc\r\nd"),
        (b"a\r\nb\n", "a\r\n", "a\n", b"a\nb\n"),
        (b"one", "one", "1\r\n2", b"1\r\n2"),
        (b"a\rb\n", "a\r", "", b"b\n"),
        (b"a\xff", "a", "\xe9", b"\xe9\xff"),
    ],
)
def test_ends_of_lines_are_written_as_they_stand_at_the_place(
    data: bytes, old: str, new: str, wanted: bytes
) -> None:
    assert after(data, Edit(old, new)) == wanted


def test_all_edits_are_against_the_file_as_it_was() -> None:
    assert after(b"one two", Edit("one", "two"), Edit("two", "one")) == b"two one"
    said = refused(b"a\nbcd\n", Edit("bc", "x"), Edit("cd", "y"))
    assert "edits 1 and 2 overlap in line 2" in said
    done, _ = edited(b"x\nx\ny", [Edit("y", "z"), Edit("x", "1\n2", 2)], "a")
    assert done.lines() == {2: [1, 3], 1: [5]}


def test_a_wrong_count_shows_all_places_and_writes_nothing() -> None:
    said = refused(b"first\nx = 1\n\n\n\n\nif x:\n  x = 2\n", Edit("x", "y"))
    assert "`old` is at 3 places, and `count` says 1" in said
    assert said.endswith("lines 2, 7, 8:\n1| first\n2| x = 1\n3| \n--\n6| \n7| if x:\n8|   x = 2")
    assert "at 1 place, and `count` says 2" in refused(b"a", Edit("a", "b", 2))
    assert "at more than 1,000 places" in refused(b"a" * 2000, Edit("a", "b"))
    assert "places of edit 1 overlap in line 1" in refused(b"aaa", Edit("aa", "b", 2))
    assert after(b"a" * 2000, Edit("a", "b", 2000)) == b"b" * 2000


CODE = b"def first() -> None:\n\treturn\n\n\ndef second(one: int) -> int:\n\treturn one + 1\n"


@pytest.mark.parametrize(
    ("data", "old", "said"),
    [
        (
            CODE,
            "int:\n    return one",
            r"lines 5 to 6. Only blanks, tabs and ends of lines differ: line 6 is '\treturn one + ",
        ),
        (
            CODE,
            "return one - 1",
            r"line 6. It differs: line 6 is '\treturn one + 1', `old` has 'return one - 1'",
        ),
        (CODE, "RETURN one + 1", "Only capital letters differ"),
        (CODE, "def first() -> None:\\n\\treturn", "with real ends of lines, tabs and quotes"),
        (CODE, "5| def second(one: int) -> int:\n6| \treturn one", "It is there without the numbers"),
        (CODE, "return one + 1\n\n", "without the blanks or ends of lines at its beginning or end"),
        (CODE, "\treturn\r\n", r"Its lines end with \r\n there and with \n in the file"),
        (CODE, "class Third:\n    pass", "nor anything like it. `search_text` finds where it is."),
        ("“x”\n".encode(), '"x"', r"Only characters that look alike differ: line 1 is '\u201cx\u201d'"),
        (
            "e\u0301tude".encode(),
            "étude",
            r"Only the Unicode form of characters differ: line 1 is 'e\u0301tude'",
        ),
        (b"", "x", "nor anything like it"),
    ],
)
def test_a_miss_shows_the_nearest_region_and_what_differs(data: bytes, old: str, said: str) -> None:
    told = refused(data, Edit(old, "new"))
    assert said in told
    assert told.startswith("'a' was not changed.\nEdit 1: `old` is not there")


def test_several_misses_are_told_at_once() -> None:
    said = refused(CODE, *(Edit(f"return one + {number}", "") for number in range(2, 9)))
    assert re.findall(r"Edit \d", said) == ["Edit 1", "Edit 2", "Edit 3"]


@pytest.mark.parametrize(
    ("data", "edit", "said"),
    [
        (b"a", Edit("", "b"), "Edit 1: `old` is empty. To insert"),
        (b"a", Edit("a", "a"), "`new` is the same as `old`"),
        (b"a", Edit("a", "b", 0), "`count` is 0"),
        (b"a", Edit("a", "b" * 1_000_000), "at most 1,000,000"),
        (b"a", Edit("a", "\ud800"), "`new` has a lone surrogate"),
        (b"a\n", Edit("a", "b\r\n"), r"where the file has \n alone"),
        (b"\xe9 a" + b" " * (MAX_FILE - 3), Edit("a", "bb"), "would have 10,000,001 bytes then"),
        (b"\xe9 a", Edit("a", "€"), "has no '€' (U+20AC, EURO SIGN)"),
        (b"a" * 9000, Edit("a", "b" * 2000, 9000), "more than 10,000,000 bytes"),
        (b"a", Edit("a", "\0"), "would be taken for binary data"),
        (b"a", Edit("a", "\ufeffa"), "would be taken for binary data or for another encoding"),
        (b"\xc3 a", Edit(" a", "\xa9"), "another encoding"),
        (b"a\0", Edit("a", "b"), "is not text: it seems to be binary data"),
    ],
)
def test_what_would_lose_something_is_refused(data: bytes, edit: Edit, said: str) -> None:
    assert said in refused(data, edit)


def test_the_number_of_edits_is_bounded() -> None:
    assert f"give 1 to {MAX_EDITS}" in refused(b"a")
    assert f"give 1 to {MAX_EDITS}" in refused(b"a", *[Edit("a", "b")] * (MAX_EDITS + 1))


@pytest.mark.parametrize(
    ("data", "old"),
    [
        (CODE * 150_000, "nothing of this is there at all\nnor this"),
        (b"x\n" * 5_000_000, "x\n" * 20),
        (b"x" * 9_000_000, "x" * 300_000 + "y"),
        (b"x" * 9_000_000, "x" * 300_000),
        (b"x y\n" * 2_000_000 + b"z\r\n", "x\n" * 1000),
        (b"\n" * 9_000_000, "a\n" * 100_000),
    ],
)
def test_a_refusal_of_a_vast_file_takes_a_bounded_time_and_length(data: bytes, old: str) -> None:
    began = time.process_time()
    assert len(refused(data[:MAX_FILE], Edit(old, "new"))) < 10_000
    assert time.process_time() - began < 5


def test_a_diff_is_cut_and_says_where_the_last_line_has_no_end() -> None:
    done, _ = edited(b"a\r\nb", [Edit("b", "c")], "a")
    assert unified_diff(done, "f") == (
        "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    )
    done, _ = edited(b"x\n" * 9000, [Edit("x", "y", 9000)], "a")
    cut = unified_diff(done, "f")
    assert cut.endswith("… the diff goes on\n")
    assert len(cut) < 20_100
