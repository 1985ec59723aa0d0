"""What a connection over HTTP may send as the head of a request, and what it is told when it is not served."""

from typing import Any, NoReturn

import httptools

from toolward.doors.farewell import last_words
from toolward.doors.limits import Limits
from toolward.doors.patience import Full
from toolward.errors import DeadlineExceeded, Overloaded, TooLarge, Unavailable

PIPELINED = 64
"""Requests of one connection that may wait for their answers: all that have come are read before the first is."""

PIECE = 8 * 1024
"""Bytes that are read before it is asked again whether that is enough; at most half a head."""

AGAIN = 1.0
"""Seconds after which somebody should come back for whom there was no connection."""


class Words:
    """What connections are told that are not served, made once."""

    def __init__(self, limits: Limits) -> None:
        again = f"Try again in {AGAIN:g} s."
        full = Unavailable("This door has all the connections that it takes.", hint=again, retry_after=AGAIN)
        peer = Overloaded(
            f"From your address {limits.connections_per_peer} connections are open here, and no more are taken.",
            hint=f"Close some. {again}",
            retry_after=AGAIN,
        )
        head = TooLarge(
            f"The head of a request has at most {limits.headers} headers and {limits.header_bytes:,} bytes, what "
            f"frames its body as many, and {PIPELINED} requests may wait for their answers.",
            hint="Send less.",
        )
        late = DeadlineExceeded("The request did not come in time.", hint="Send it again, faster.")
        self.full: dict[Full, bytes] = {"door": last_words(full), "peer": last_words(peer)}
        self.codes: dict[Full, str] = {"door": full.code, "peer": peer.code}
        self.head = last_words(head, 431)
        self.late = last_words(late, 408)


class BoundedParser:
    """httptools' parser, which is fed no more of a head than it may have, and of what is around a body (sizes of
    chunks, and trailers): by itself it knows no bound."""

    def __init__(self, parser: Any, limits: Limits) -> None:
        self._feed = parser.feed_data
        self._limits = limits
        self._chunk = self._fed = self._body = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self.in_head = self.in_body = False
        self.overfed = False
        """Whether a head was too large."""
        self.get_method, self.get_http_version = parser.get_method, parser.get_http_version
        self.should_upgrade, self.should_keep_alive = parser.should_upgrade, parser.should_keep_alive

    def feed_data(self, data: bytes) -> None:
        """Raises HttpParserError."""
        if len(data) <= PIECE:
            self._feed_piece(data)
            return
        at = 0
        while at < len(data):
            size = len(data) if self.in_body and not self._is_chunked() else PIECE
            self._feed_piece(data[at : at + size])
            at += size

    def _feed_piece(self, data: bytes) -> None:
        if self.in_head or self.in_body:
            self._fed += len(data)
            if self.in_head and self._fed > self._limits.header_bytes:
                self._refuse()
        self._chunk = len(data)
        self._feed(data)
        # Who sends a few bytes at a time sends more of what is around them.
        if self.in_body and self._fed > 2 * self._body + self._limits.header_bytes:
            self._refuse()

    def _is_chunked(self) -> bool:
        return any(name == b"transfer-encoding" for name, _ in self._headers)

    def begins(self, waiting: int) -> None:
        """Raises HttpParserError where too many are `waiting` already."""
        self.in_head = True
        self._fed = 0  # of the piece in which it begins, a part is the request before
        if waiting > PIPELINED:
            self._refuse()

    def has_head(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Raises HttpParserError."""
        self.in_head = False
        if len(headers) > self._limits.headers:
            self._refuse()
        if self._chunk + self._fed > self._limits.header_bytes:  # otherwise it cannot be
            size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
            if size > self._limits.header_bytes:
                self._refuse()
        self.in_body = True
        self._headers = headers
        self._fed = self._body = 0

    def has_some(self, body: bytes) -> None:
        self._body += len(body)

    def is_whole(self) -> None:
        self.in_body = False

    def _refuse(self) -> NoReturn:
        self.overfed = True  # of what is raised in a callback, httptools tells only that it was raised
        raise httptools.HttpParserError("The head is too large.")
