"""Windows of lines: of a text in memory and of a file that is too large for it."""

import os
import re
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.files_calls import call, pieces, refused
from toolservers.files.settings import Settings
from toolservers.files.text import large, windows
from toolservers.files.text.encodings import NotText, Text, decode, encoding_of
from toolservers.files.text.large import LargeFile
from toolservers.files.text.windows import Asked, Window, window
from toolservers.files.tools import server
from toolward.errors import ToolError

TEXTS = st.lists(st.sampled_from(["a", "ä", "🙂", "\n", "\r\n", "\r", "\u0a0d\u000a"]), max_size=25).map(
    "".join
)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


@pytest.fixture(scope="module", autouse=True)
def small_bounds() -> Iterator[None]:
    """So that a few characters are many; what is measured at its real size says so itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "MAX_CHARACTERS", 7)
        patch.setattr(large, "MAX_CHARACTERS", 7)
        patch.setattr(windows, "_STRIDE", 5)
        patch.setattr(large, "BLOCK", 8)
        yield


@pytest.fixture
def true_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (windows, large):
            patch.setattr(module, "MAX_CHARACTERS", 20_000)
        patch.setattr(large, "BLOCK", 1 << 20)
        yield


def from_file(data: bytes, asked: Asked) -> Window:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        return LargeFile(file.fileno(), "a").window(asked).window


def outcome(text: Text, data: bytes, asked: Asked, *, memory: bool) -> tuple[object, ...]:
    """The text of a window and where to go on, or the refusal."""
    try:
        found = window(text, asked) if memory else from_file(data, asked)
    except ToolError as error:
        return (str(error),)
    return found.text, found.following if asked.line > 0 else None, found.first if asked.line > 0 else None


@given(TEXTS, st.sampled_from(ENCODINGS), st.integers(1, 4), st.booleans())
@settings(max_examples=60)
def test_windows_that_follow_each_other_are_the_whole_text(
    text: str, encoding: str, count: int, memory: bool
) -> None:
    data = text.encode(encoding)
    whole = decode(data, "a")
    read, asked = "", Asked(1, count)
    while True:
        found = window(whole, asked) if memory else from_file(data, asked)
        assert len(found.text) <= 7
        read += found.text
        if found.following is None:
            break
        asked = Asked(found.following.line, count, found.following.column)
    assert read == whole.text


@given(
    TEXTS, st.sampled_from(ENCODINGS), st.integers(-9, 9), st.none() | st.integers(1, 4), st.integers(1, 9)
)
@settings(max_examples=150)
def test_a_large_file_is_read_as_one_in_memory(
    text: str, encoding: str, line: int, count: int | None, column: int
) -> None:
    data = text.encode(encoding)
    whole, asked = decode(data, "a"), Asked(line, count, column)
    inside, outside = (outcome(whole, data, asked, memory=memory) for memory in (True, False))
    assert inside == outside or (line < 0 and "behind the end of line" in str(inside) + str(outside))


@given(TEXTS, st.integers(1, 9))
def test_the_last_lines_are_those_of_the_whole(text: str, number: int) -> None:
    whole = Text(text, encoding_of(b"", "a"))
    end = whole.terminator
    lines = re.findall(f"[^{end}]*{end}|[^{end}]+", text)
    read = window(whole, Asked(-number))
    assert "".join(lines[-number:]).startswith(read.text)
    assert (read.first, read.total) == (max(1, len(lines) - number + 1), len(lines))


def test_what_is_no_text_further_on_is_shown_escaped_and_counted() -> None:
    def read(data: bytes, asked: Asked) -> tuple[str, int]:
        with tempfile.TemporaryFile(buffering=0) as file, pytest.MonkeyPatch.context() as patch:
            patch.setattr(large, "HEAD", 4)
            patch.setattr(large, "MAX_CHARACTERS", 200)
            patch.setattr(windows, "MAX_CHARACTERS", 200)
            file.write(data)
            found, escaped = LargeFile(file.fileno(), "a").window(asked)
            return found.text, escaped

    assert read(b"text\nabc\xe9efghijkl\0\nmore", Asked(2, 1)) == ("abc\\xe9efghijkl\\x00\n", 2)
    assert read(b"text\nabc\xe9ef", Asked(2, 1, 5)) == ("ef", 0)
    lone = b"\xff\xfea\0" + "bcdefghijkl".encode("utf-16-le") + b"\x00\xd8"
    assert read(lone, Asked()) == ("abcdefghijkl\\ud800", 1)
    with pytest.raises(NotText, match="binary data from byte 5 on, though it begins as text"):
        read(b"text\n" + bytes(130), Asked(-1))


TEXT_AT_ENDS = 3000


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """10 GB with lines of text at both ends and one line between them that has nothing but a hole."""
    lines = "".join(f"Zeile {number}: äöü {'x' * 40}\n" for number in range(TEXT_AT_ENDS)).encode()
    with (tmp_path / "sparse").open("wb") as file:
        file.write(lines)
        file.seek(10 * 2**30)
        file.write(b"\n" + lines)
    return tmp_path / "sparse"


@pytest.mark.usefixtures("true_bounds")
def test_memory_stays_flat_on_10_gb(sparse: Path) -> None:
    descriptor = os.open(sparse, os.O_RDONLY)
    tracemalloc.start()
    try:
        file = LargeFile(descriptor, "sparse")
        head = file.window(Asked(TEXT_AT_ENDS, 1)).window
        tail = file.window(Asked(-2)).window
        with pytest.raises(NotText, match="binary data from byte"):
            file.window(Asked(TEXT_AT_ENDS + 1, 1, 50_000_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        os.close(descriptor)
    assert head.text.startswith(f"Zeile {TEXT_AT_ENDS - 1}:")
    assert head.following == (TEXT_AT_ENDS + 1, 1)
    assert [line[:11] for line in tail.text.splitlines()] == ["Zeile 2998:", "Zeile 2999:"]
    assert (tail.first, tail.last, tail.total, tail.following) == (-2, -1, None, None)
    assert peak < 8_000_000


@pytest.mark.usefixtures("true_bounds")
def test_the_way_to_a_line_is_bounded_and_can_be_stopped(sparse: Path) -> None:
    stops = iter([False, False, True])
    with sparse.open("rb", buffering=0) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "MAX_SCAN", 3_000_000)
        for line in (10_000, -10_000):
            with pytest.raises(ToolError, match="more than 3,000,000 bytes"):
                LargeFile(file.fileno(), "a").window(Asked(line))
        with pytest.raises(ToolError, match="nobody waits"):
            LargeFile(file.fileno(), "a", lambda: next(stops)).window(Asked(10_000))


def test_a_file_that_shrinks_meanwhile_is_read_as_it_is_found(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w+b", buffering=0) as file:
        for line, outcome in ((9, "behind the end: the file has 1 line"), (-2, "Zeile \\xc3")):
            file.truncate(0)
            os.pwrite(file.fileno(), "Zeile äöü\n".encode() * 5, 0)
            shrinking = LargeFile(file.fileno(), "a", lambda: file.truncate(7) == 0)
            if line > 0:
                with pytest.raises(ToolError, match=outcome):
                    shrinking.window(Asked(line))
            else:
                assert shrinking.window(Asked(line)).window.text == outcome


def test_lines_from_the_end_are_those_of_the_file_as_it_was_first_seen(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w+b", buffering=0) as file:
        file.write(b"a\nb\n" * 9)
        found = LargeFile(file.fileno(), "a", lambda: file.write(b"more\n") == 0).window(Asked(-2)).window
    assert (found.text, found.first, found.last, found.following) == ("a\nb\n", -2, -1, None)


# --- the tool


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.mark.usefixtures("true_bounds")
async def test_a_file_is_read_exactly_and_once(root: Path) -> None:
    (root / "a.txt").write_bytes("one\r\ntwo\n\ttäglich 🙂".encode())
    (root / "empty").touch()
    (root / "old.txt").write_bytes(b"caf\xe9\n" * 4000)
    async with server.running(Settings(root)):
        result = await call("read_file", path="a.txt")
        read, facts = pieces(result)
        assert read == "one\r\ntwo\n\ttäglich 🙂"
        assert re.fullmatch(
            r"\[a\.txt: 23 bytes, UTF-8, ends of lines mixed \\n and \\r\\n, etag [0-9a-f]{16}; lines 1 to 3 of 3; "
            r"no end after the last line\]",
            facts,
        )
        assert result.structured_json is None
        assert pieces(await call("read_file", path="empty")) == [
            "[empty: 0 bytes, UTF-8, etag e3b0c44298fc1c14]"
        ]
        read, facts = pieces(await call("read_file", path="old.txt", line=-10, count=2))
        assert read == "café\ncafé\n"
        assert "ISO-8859-1 (a guess: not UTF-8), ends of lines \\n, etag" in facts
        assert facts.endswith("; lines 3,991 to 3,992 of 4,000; next line=3993]")
        assert "Line 5,000 is behind the end: the file has 4,000 lines" in await refused(
            "read_file", path="old.txt", line=5000
        )
        assert "Column 9 is behind the end of line 2, which has 5 characters" in await refused(
            "read_file", path="old.txt", line=2, column=9
        )
        assert "there is no line 0" in await refused("read_file", path="old.txt", line=0)
        (root / "binary.txt").write_bytes(b"PK\x03\x04\0")
        assert "it seems to be a ZIP archive" in await refused("read_file", path="binary.txt")


@pytest.mark.usefixtures("true_bounds")
async def test_a_large_file_and_an_image_say_what_they_are(root: Path, sparse: Path) -> None:
    os.rename(sparse, root / "log")
    picture = b"\x89PNG\r\n\x1a\n" + bytes(20)
    (root / "picture.txt").write_bytes(picture)
    (root / "vast.png").write_bytes(picture)
    os.truncate(root / "vast.png", 6_000_000)
    async with server.running(Settings(root)):
        read, facts = pieces(await call("read_file", path="log", line=-3, count=1))
        assert read.startswith("Zeile 2997")
        assert "judged by the first 64 KB, etag w" in facts
        assert facts.endswith("(weak: not of the bytes); line -3; next line=-2]")
        image, told = (await call("read_file", path="picture.txt")).content
        assert (image.data, image.mime_type) == (picture, "image/png")  # type: ignore[union-attr]
        assert told.text.startswith("[picture.txt: 28 bytes, image/png, etag ")  # type: ignore[union-attr]
        (root / "gif\n.txt").write_text("GIF89a is a format")
        told = pieces(await call("read_file", path="gif\n.txt"))
        assert (told[0], told[1][:12]) == ("GIF89a is a format", '["gif\\n.txt"')
        assert "only smaller ones" in await refused("read_file", path="vast.png")
