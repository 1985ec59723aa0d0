"""Searching files: the same as a naive search finds, and never a zero that hides what was not looked at."""

import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.files_calls import CALLER, SECRET, call, refused
from toolservers.files.finding import ripgrep, searching
from toolservers.files.finding.answers import MAX_CHARACTERS, MAX_MATCHES, cut
from toolservers.files.finding.matching import Line, matching_lines
from toolservers.files.finding.queries import Query
from toolservers.files.finding.searching import Search, searched
from toolservers.files.finding.walking import Patience
from toolservers.files.paths.roots import Roots
from toolservers.files.settings import Settings
from toolservers.files.text.blocks import Source, blocks, source
from toolservers.files.tools import server
from toolward.types import CallContext, Progress, ToolCall

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Beside it lies `outside`, with a secret."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def roots(root: Path) -> Iterator[Roots]:
    opened = Roots.open(Settings(root=root))
    yield opened
    opened.close()


def found(roots: Roots, query: str, *, regex: bool = False, **how: object) -> list[str]:
    return searched(roots, Search(Query(query, regex=regex), **how)).splitlines()  # pyright: ignore[reportArgumentType]


# --- which lines match


class Drawn(NamedTuple):
    lines: list[str]
    data: bytes


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "iso-8859-1"]


@st.composite
def texts(draw: st.DrawFn, encodings: list[str] = ENCODINGS) -> Drawn:
    lines = draw(st.lists(st.text("abAé k", max_size=8), max_size=8))
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]]))
    ended = [line + draw(st.sampled_from(ends)) for line in lines]
    if lines and lines[-1] and draw(st.booleans()):
        ended[-1] = lines[-1]
    return Drawn(lines, "".join(ended).encode(draw(st.sampled_from(encodings))))


REGEXES = {  # RE2's -> Python's
    "a+b": "a+b",
    "^a": "^a",
    "b$": "b$",
    "^$": "^$",
    "a.b|é": "a.b|é",
    "x*": "x*",
    r"\Aa": r"\Aa",
    r"b\z": r"b\Z",
    "(?-m:^)b": "^b",
    r"[^\n]b": "[^\n]b",
    r"\bk": r"(?a:\bk)",
    "(?:a|(?:b|é))k?$": "(?:a|(?:b|é))k?$",
}

queries = st.one_of(
    st.tuples(st.text("abAé k", min_size=1, max_size=3), st.just(False)),
    st.tuples(st.sampled_from(sorted(REGEXES)), st.just(True)),
)


def opened(path: Path, data: bytes, *, streamed: bool) -> Source:
    """Its descriptor is the caller's to close."""
    path.write_bytes(data)
    text = source(os.open(path, os.O_RDONLY), len(data), str(path))
    return text._replace(data=None) if streamed else text


@FEW
@given(texts(), queries, st.booleans(), st.integers(0, 2), st.booleans(), st.integers(1, 40))
def test_the_lines_that_a_naive_search_finds_and_those_around_them(
    root: Path, drawn: Drawn, asked: tuple[str, bool], ignore: bool, context: int, streamed: bool, block: int
) -> None:
    query, regex = asked
    pattern = re.compile(REGEXES[query] if regex else re.escape(query), re.IGNORECASE if ignore else 0)
    matches = [bool(pattern.search(line)) for line in drawn.lines]
    around = [any(matches[max(0, at - context) : at + context + 1]) for at in range(len(matches))]
    wanted = [
        (at + 1, line, matches[at]) for at, line in enumerate(drawn.lines) if around[at]
    ]  # fmt: skip
    text = opened(root / "a", drawn.data, streamed=streamed)
    try:
        lines = matching_lines(
            blocks(text, block=block), Query(query, regex=regex, ignore_case=ignore), context
        )
        assert [(line.number, line.text.decode(), line.match is not None) for line in lines] == wanted
    finally:
        os.close(text.descriptor)


@FEW
@given(
    st.text("ab", min_size=1, max_size=4),
    st.lists(st.text("abé", max_size=60), max_size=3),
    st.integers(8, 20),
)
def test_a_text_is_found_in_a_line_that_is_searched_in_pieces(
    root: Path, query: str, lines: list[str], longest: int
) -> None:
    text = opened(root / "a", "".join(f"{line}\n" for line in lines).encode(), streamed=True)
    try:
        given_lines = list(matching_lines(blocks(text, block=7, longest=longest), Query(query), 0))
    finally:
        os.close(text.descriptor)
    assert [line.number for line in given_lines] == [at for at, line in enumerate(lines, 1) if query in line]
    assert all(line.text[slice(*line.match or ())] == query.encode() for line in given_lines)


def test_a_lines_beginning_and_end_are_not_those_of_its_pieces(root: Path) -> None:
    text = opened(root / "a", b"a" * 100 + b"\nb", streamed=True)
    query = Query("(^a{3}|a{3}$|^b)", regex=True)
    try:
        spans = [
            (line.number, line.match) for line in matching_lines(blocks(text, block=9, longest=20), query)
        ]
    finally:
        os.close(text.descriptor)
    assert spans == [(1, (0, 3)), (2, (0, 1))]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("(?=a)b", "there is no look-around"),
        ("(?<!a)b", "there is no look-around"),
        (r"(a)\1", "there are no back-references"),
        (r"a\Z", "a line ends with $"),
        ("a++", "no possessive"),
        ("(a", r"write \( or"),
        ("*a", r"write \* for the character"),
        ("((a{100}){100}){100}", "1,000 times at most"),
        (r"(?:\pL{1,100} ){9}", "shorten it"),
        ("(?:.?){1000}x", "shorten it"),
        (r"a\nb", "has no end of line"),
        (r"a[\r\n]+b", "has no end of line"),
        ("", "1 to 1,000 characters"),
        ("a" * 1001, "1 to 1,000 characters"),
    ],
)
async def test_a_query_that_cannot_be_says_what_to_write_instead(root: Path, query: str, said: str) -> None:
    async with server.running(Settings(root=root)):
        assert said in await refused("search_text", query=query, regex=True)


# --- what is said


def test_lines_are_told_with_path_and_number_and_a_long_one_is_cut_around_its_match(
    root: Path, roots: Roots
) -> None:
    (root / "b").mkdir()
    (root / "b" / "c.txt").write_text("one\ntwo\nthree\nfour\nfive\nsix\ntwo\n")
    (root / "a.txt").write_text("x" * 500 + "two" + "é" * 500)
    assert found(roots, "two", context=1) == [
        f"a.txt:1: …{'x' * 80}two{'é' * 156}…",
        "--",
        "b/c.txt-1- one",
        "b/c.txt:2: two",
        "b/c.txt-3- three",
        "--",
        "b/c.txt-6- six",
        "b/c.txt:7: two",
        "[3 matching lines in 2 of 2 files searched]",
    ]
    assert found(roots, "two", pattern="*.md") == ["[no match in 0 files searched]"]
    assert found(roots, "t[wh]", regex=True, path="b", pattern="/c.*")[0] == "b/c.txt:2: two"
    assert found(roots, "two", path="b/c.txt", offset=7)[0].startswith(
        "[no match from offset 7 on: 2 matching"
    )


@given(st.binary(max_size=1500), st.integers(0, 1500), st.integers(0, 300))
def test_a_cut_line_is_short_and_has_the_match(line: bytes, start: int, length: int) -> None:
    start = min(start, len(line))
    shown = cut(line, (start, min(start + length, len(line))))
    assert len(shown) <= 245
    assert (
        len(line) > 200
        or shown == line.decode(errors="replace").replace("\0", "\ufffd")
        or not line.isascii()
    )


def test_pages_of_matches_put_together_give_the_whole_and_none_is_too_long(root: Path, roots: Roots) -> None:
    for name in "abc":
        (root / name).write_text("".join(f"{name} {line} {'x' * 200}\n" for line in range(MAX_MATCHES)))
    lines: list[str] = []
    offset: int | None = 0
    while offset is not None:
        *shown, facts = found(roots, "x", offset=offset)
        assert sum(map(len, shown)) <= MAX_CHARACTERS
        assert len(shown) <= MAX_MATCHES
        lines += shown
        more = re.search(r"next offset=(\d+)", facts)
        offset = int(more[1]) if more else None
    assert [line.split(" xxx")[0] for line in lines] == [
        f"{name}:{at + 1}: {name} {at}" for name in "abc" for at in range(MAX_MATCHES)
    ]


def test_what_was_not_looked_at_is_told_and_what_is_hidden_is_not(root: Path, roots: Roots) -> None:
    (root / "a.txt").write_text("found")
    (root / "binary").write_bytes(b"found\0")
    (root / "hard").hardlink_to(root.parent / "outside" / "secret.txt")
    (root / "link").symlink_to("../outside/secret.txt")
    (root / "out").symlink_to("../outside")
    os.mkfifo(root / "pipe")
    for folder in (".git", ".ssh"):
        (root / folder).mkdir()
        (root / folder / "config").write_text("found")
    (root / ".env").write_text("found")
    assert found(roots, "o") == [
        "a.txt:1: found",
        "[1 matching lines in 1 of 1 files searched; skipped: 1 version control's own folder (.git); "
        "1 binary (binary); 1 with a second name (hard links) (hard); 2 links (link, out); 1 special (pipe)]",
    ]
    assert found(roots, "found", path=".git")[0] == ".git/config:1: found"


def test_a_file_that_changes_meanwhile_is_told(
    root: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a").write_text("1\n")

    def grown(text: Source, *, block: int, longest: int) -> object:
        with (root / "a").open("a") as file:
            file.write("2\n")
        return blocks(text, block=block, longest=longest)

    monkeypatch.setattr(searching, "blocks", grown)
    assert "skipped: 1 changed while it was searched (a)" in found(roots, "1")[-1]


def test_a_large_file_is_searched_in_flat_memory_until_time_is_up(root: Path, roots: Roots) -> None:
    (root / "large").write_bytes(b"text\n" * 20_000)
    os.truncate(root / "large", 10 << 30)
    query = Query("t\0")  # a line that has no end
    tracemalloc.start()
    text = searched(roots, Search(query), patience=Patience(0.3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert re.match(r"\[no match in 1 files searched; time was up in large, until then 1 files .*MB\)", text)
    assert peak < 30e6


def test_lines_that_a_large_expression_searches_in_pieces_are_told(root: Path, roots: Roots) -> None:
    (root / "a").write_text("".join(Random(1).choices("ab", k=100_000)))
    (facts,) = found(roots, "(?:[ab].{250}){2}Q", regex=True)
    assert re.search(r"; skipped: 1 only in pieces: lines over 4\d,\d+ bytes \(a\)", facts)


async def test_a_long_search_tells_progress_and_stops_when_it_is_cancelled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_PROGRESS_SECONDS", 0)
    (root / "large").write_bytes(b"text\n" * 20_000)
    os.truncate(root / "large", 10 << 30)
    told: list[Progress] = []
    with anyio.fail_after(5):
        async with server.running(Settings(root=root)), anyio.create_task_group() as tasks:

            def listen(progress: Progress) -> None:
                told.append(progress)
                tasks.cancel_scope.cancel()

            await server.call_tool(
                CALLER, ToolCall("search_text", b'{"query": "zzz"}'), CallContext(progress=listen)
            )
    assert told[0].message == "0 matching lines in 1 files"


async def test_several_roots_are_searched_together_and_named(tmp_path: Path) -> None:
    for name in ("notes", "work"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("found")
    file = tmp_path / "roots.toml"
    file.write_text('[n]\npath = "notes"\n[w]\npath = "work"\nwritable = true\n')
    async with server.running(Settings(roots=file)):
        assert (await call("search_text", query="found")).text == (
            "n/a.txt:1: found\nw/a.txt:1: found\n[2 matching lines in 2 of 2 files searched]"
        )
        assert (await call("search_text", query="found", path="w")).text.startswith("w/a.txt:1: found\n[1 ")
        assert (await call("list_files", depth=3)).text == (
            "n/  read-only\nw/  writable\n[2 roots; list one by its name, such as 'n']"
        )
        assert (await call("list_files", path="w")).text == "a.txt  5\n[w: 1 entries]"


# --- ripgrep

needs_ripgrep = pytest.mark.skipif(
    ripgrep.program() is None, reason="ripgrep is not installed (apt-get install ripgrep)"
)

AGREED = ["a+b", "(?:a|b )k", "[a-k]{2}b?", "aK|A", r"\.|a", " b"]


@needs_ripgrep
@settings(FEW, max_examples=25)
@given(
    texts(["utf-8", "utf-8-sig"]),
    st.one_of(
        st.tuples(st.text("abAé k", min_size=1, max_size=3), st.just(False)),
        st.tuples(st.sampled_from(AGREED), st.just(True)),
    ),
    st.booleans(),
    st.integers(0, 2),
)
def test_ripgrep_gives_the_very_lines_that_ours_does(
    root: Path, drawn: Drawn, asked: tuple[str, bool], ignore: bool, context: int
) -> None:
    query = Query(asked[0], regex=asked[1], ignore_case=ignore)
    broken = drawn.data + b"\xff \xe2\x84\xaa b \xc5\xbf\na b\r\nbk"  # no UTF-8; signs that fold to k and s
    text = opened(root / "a", drawn.data + b"\n", streamed=True)
    os.close(text.descriptor)
    (root / "a").write_bytes(broken)
    text = text._replace(descriptor=os.open(root / "a", os.O_RDONLY), size=len(broken), old_mac=False)
    try:
        if ripgrep.suits(text, query):
            ours = list(matching_lines(blocks(text), query, context))
            assert list(ripgrep.lines(text, query, context, 1000, lambda: True)) == ours
    finally:
        os.close(text.descriptor)


def test_which_queries_are_left_to_ripgrep() -> None:
    assert all(ripgrep.agrees(Query(query, regex=True)) for query in AGREED)
    others = ["a.b", "^a", "a$", r"\d", r"\w+", r"\bk", "é", "a*", "[^a]", r"\pL", "(?i)a"]
    assert [query for query in others if ripgrep.agrees(Query(query, regex=True))] == []
    assert ripgrep.agrees(Query("é.*"))
    assert not any(map(ripgrep.agrees, (Query("a\0"), Query("é", ignore_case=True))))


@needs_ripgrep
def test_a_large_file_goes_to_ripgrep_and_what_it_cannot_do_comes_back(
    root: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_lines: list[Line] = []

    def lines(*arguments: object) -> Iterator[Line]:
        for line in done(*arguments):  # pyright: ignore[reportArgumentType]
            given_lines.append(line)
            yield line

    done = ripgrep.lines
    monkeypatch.setattr(ripgrep, "lines", lines)
    data = b"".join(b"%099d\n" % number for number in range(110_000)) + b"x" * 2_000_000 + b"77777 end\n"
    (root / "large").write_bytes(data)
    *shown, facts = found(roots, "77777")
    assert [line[:13] for line in shown] == ["large:77778: ", "large:110001:"]
    assert [line.number for line in given_lines] == [77778], "a line over a megabyte is ours"
    assert facts == "[2 matching lines in 1 of 1 files searched]"
