"""The head of a plain request: whatever is read at once, the HTTP parser reads alike."""

from typing import Any

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.doors.plain_head import MAX_HEAD, read_head

PLAIN = (
    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8700\r\nAccept: application/json, text/event-stream\r\n"
    b"Authorization: Bearer x\r\nMCP-Protocol-Version: 2026-07-28\r\nContent-Length: 17"
)
NAMES = st.sampled_from(
    [
        b"Accept",
        b"Host",
        b"X-A",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Connection",
        b"x y",
        b"",
        b"A\x00",
    ]
)
VALUES = st.one_of(
    st.sampled_from([b"1", b"17", b"+1", b"0x1", b"chunked", b"keep-alive", b"close", b"a b", b" a ", b""]),
    st.binary(max_size=6),
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\t"])
STARTS = st.sampled_from(
    [
        b"POST /mcp HTTP/1.1",
        b"POST /mcp/ HTTP/1.1",
        b"POST /mcp HTTP/1.0",
        b"POST  /mcp HTTP/1.1",
        b"POST /mcp?a HTTP/1.1",
    ]
)


class Parsed:
    """What httptools makes of a request."""

    def __init__(self, raw: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[str, str]] = []
        self.complete = 0
        self.parser: Any = httptools.HttpRequestParser(self)
        self.parser.feed_data(raw)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


def agrees(raw: bytes) -> bool:
    """Whether it is read; then the parser must say the same of it."""
    head = read_head(raw)
    if head is None:
        return False
    body = b"x" * head.length
    parsed = Parsed(raw + b"\r\n\r\n" + body)
    assert parsed.parser.get_method() == b"POST"
    assert parsed.url in (b"/mcp", b"/mcp/")
    assert parsed.headers == list(head.headers.items())
    assert (parsed.body, parsed.complete) == (body, 1)
    assert parsed.parser.should_keep_alive()
    assert not parsed.parser.should_upgrade()
    return True


def test_a_plain_head_is_read_as_the_parser_reads_it():
    assert agrees(PLAIN)
    assert agrees(PLAIN + b"\r\nConnection: Keep-Alive\r\nX-Blanks: \t a")


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked",
        b"Content-Length: 17",
        b"Connection: close",
        b"Connection: upgrade",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Host: again",
        b" folded",
        b"X : y",
        b"X\x00: y",
        b"X: \x00",
        b"X: \xff",
        b"X: y\nZ: w",
        b"no colon",
        b"Trailer: x",
    ],
)
def test_what_leaves_a_doubt_is_the_parsers(line: bytes):
    assert not agrees(PLAIN + b"\r\n" + line)


@pytest.mark.parametrize(
    "length", [b"-1", b"+1", b"1 1", b"1,1", b"0x11", b"01", b"", b"99999999999999999999"]
)
def test_a_length_that_leaves_a_doubt_is_the_parsers(length: bytes):
    assert not agrees(PLAIN.replace(b": 17", b": " + length))


def test_a_head_that_is_too_long_is_the_parsers():
    assert not agrees(PLAIN + b"\r\nX: " + b"a" * MAX_HEAD)
    assert not agrees(PLAIN + b"\r\nX: a" * 100)


@given(STARTS, st.lists(st.tuples(NAMES, VALUES, ENDS), max_size=4), st.booleans())
def test_law_nothing_is_read_otherwise_than_the_parser_reads_it(
    start: bytes, lines: list[tuple[bytes, bytes, bytes]], framed: bool
):
    raw = start + (b"\r\nHost: h\r\nContent-Length: 3" if framed else b"")
    for name, value, end in lines:
        raw += end + name + b": " + value
    agrees(raw)
