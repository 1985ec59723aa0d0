"""Bytes as text and back: encodings, ends of lines, etags, and what is no text."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.files.text.encodings import (
    MAX_FILE,
    UTF8,
    NotText,
    decode,
    encoding_of,
    etag_of,
    etag_of_file,
    require_characters,
)
from toolward.errors import ToolError


@pytest.mark.parametrize(
    ("data", "text", "encoding", "end"),
    [
        (b"", "", "UTF-8", ""),
        (b"one", "one", "UTF-8", ""),
        ("tägl\n".encode(), "tägl\n", "UTF-8", "\n"),
        (b"\xef\xbb\xbfa\r\nb\r\n", "a\r\nb\r\n", "UTF-8 with BOM", "\r\n"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", "\ufeffa", "UTF-8 with BOM", ""),
        ("\ufeffa\n🙂".encode("utf-16-le"), "a\n🙂", "UTF-16 LE", "\n"),
        ("\ufeffa\r".encode("utf-16-be"), "a\r", "UTF-16 BE", "\r"),
        ("\ufeffa\n".encode("utf-32-le"), "a\n", "UTF-32 LE", "\n"),
        ("\ufeffa\n".encode("utf-32-be"), "a\n", "UTF-32 BE", "\n"),
        (b"caf\xe9\r\nx\n", "café\r\nx\n", "ISO-8859-1 (a guess: not UTF-8)", "mixed"),
        (b"\x80 caf\xe9", "€ café", "windows-1252 (a guess: not UTF-8)", ""),
        (b"\x80\x81", "\x80\x81", "ISO-8859-1 (a guess: not UTF-8)", ""),
        (b"a\rb\n", "a\rb\n", "UTF-8", "\n"),  # a progress bar, not an end of a line
        (b"\x1b[31mred\x01\n", "\x1b[31mred\x01\n", "UTF-8", "\n"),
    ],
)
def test_text_is_read_with_what_tells_how_to_write_it_back(
    data: bytes, text: str, encoding: str, end: str
) -> None:
    read = decode(data, "a")
    assert (read.text, str(read.encoding), read.end_of_line) == (text, encoding, end)
    assert read.encode(read.text) == data


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode("utf-16")))
def test_whatever_is_taken_for_text_goes_back_as_it_came(data: bytes) -> None:
    try:
        read = decode(data, "a")
    except NotText:
        return
    assert read.encode(read.text) == data
    assert "\ufffd" not in read.text or "\ufffd".encode(read.encoding.codec) in data


@pytest.mark.parametrize(
    ("data", "seems"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "an image (image/png)"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "an image (image/webp)"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\x7fELF\x02\x01\0", "a program or library"),
        ("plain".encode("utf-16-le"), "UTF-16 text (little endian) without the byte order mark"),
        ("plain".encode("utf-16-be"), "UTF-16 text (big endian) without the byte order mark"),
        (b"\xff\xfea\0b", "damaged UTF-16 LE text"),
        (b"\xef\xbb\xbf\xff", "damaged UTF-8 text"),
        (b"a\0b", "binary data"),
        (b"\xff\x02\x03", "binary data"),
    ],
)
def test_what_is_no_text_is_refused_with_what_it_seems_to_be(data: bytes, seems: str) -> None:
    with pytest.raises(NotText, match=re.escape(f"'a' is not text: it seems to be {seems}")):
        decode(data, "a")


def test_characters_that_the_encoding_does_not_have_are_named() -> None:
    read = decode(b"caf\xe9", "a")
    with pytest.raises(
        ToolError, match=r"has no '€' \(U\+20AC, EURO SIGN\), '🙂' \(U\+1F642, .*\); write it"
    ):
        read.encode("é 🙂 €")
    with pytest.raises(ToolError, match="and 20 more"):
        read.encode("".join(map(chr, range(0x400, 0x41E))))
    with pytest.raises(ToolError, match=r"`old` has a lone surrogate \(U\+D800\) at character 2"):
        require_characters("a\ud800", "`old`")


def test_a_callers_text_gets_the_ends_that_the_file_has() -> None:
    wanted = {b"a\r\nb\r\n": "x\r\ny\r\n", b"a\r": "x\ry\r", b"a\nb\r\n": "x\ny\n", b"\r\na\n": "x\r\ny\r\n"}
    assert {data: decode(data, "a").with_ends("x\ny\n") for data in wanted} == wanted
    assert decode(b"a\r\n", "a").with_ends("x\r\ny\n") == "x\r\ny\r\n"
    assert decode(b"a", "a").with_ends("x\r\ny\n") == "x\r\ny\n"


def test_a_character_cut_at_the_end_of_a_head_is_no_mistake() -> None:
    assert encoding_of("aé".encode()[:-1], "a", whole=False) == UTF8
    assert encoding_of("aé".encode()[:-1], "a").guessed


def test_etags_name_bytes_and_beyond_the_bound_what_the_system_says(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w+b", buffering=0) as file:
        file.write(b"one")
        assert etag_of_file(file.fileno()) == etag_of(b"one")
        file.truncate(MAX_FILE)
        assert not etag_of_file(file.fileno()).startswith("w")
        file.truncate(MAX_FILE + 1)
        weak = etag_of_file(file.fileno())
        assert (weak[0], len(weak)) == ("w", 16)
        os.utime(file.fileno(), ns=(0, 0))
        assert etag_of_file(file.fileno()) != weak
