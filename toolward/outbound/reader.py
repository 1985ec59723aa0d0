"""Bytes of one connection -> replies, under bounds. No I/O: the connection feeds it, a sink takes what comes."""

from typing import NamedTuple, Protocol

import httptools

from toolward.errors import InvalidResult

_OVER = "It is not read further; the bound is there so that no server can fill our memory."


class Sink(Protocol):
    """Takes one reply."""

    def head(self, status: int, headers: dict[str, str]) -> None: ...

    def data(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: Exception) -> None: ...


class _Like(NamedTuple):
    """A reply that came whole in one piece: whatever begins with the same head and is as long, is read alike."""

    head: bytes
    size: int  # bytes, the body with it
    status: int
    headers: dict[str, str]
    keep_alive: bool


class ReplyReader:
    """Reads reply after reply of one connection. After `expect` and until `complete`, bytes belong to that
    reply; bytes behind a complete one belong to nobody, and the connection is not to be used again."""

    __slots__ = (
        "_bodiless",
        "_headers",
        "_in_body",
        "_informational",
        "_like",
        "_max_body",
        "_max_head",
        "_moved",
        "_named",
        "_parser",
        "_problem",
        "_sink",
        "_size",
        "_source",
        "_status",
        "_unmoved",
        "complete",
        "keep_alive",
        "started",
    )

    def __init__(self, source: str, max_head: int) -> None:
        """`source` names the far end in errors; `max_head` bytes bound a reply's head and its trailers."""
        self._source = source
        self._max_head = max_head
        self._parser = httptools.HttpResponseParser(self)
        self.complete = True
        self.keep_alive = False
        self.started = False
        self._like: _Like | None = None

    def expect(self, sink: Sink, *, bodiless: bool, max_body: int) -> None:
        """The next reply goes to `sink`; `bodiless` for the reply to HEAD."""
        self._sink = sink
        self._bodiless = bodiless
        self._max_body = max_body
        self._headers: dict[str, str] = {}
        self._named = self._unmoved = self._size = 0
        self._in_body = self._informational = False
        self._problem = ""
        self.complete = self.keep_alive = self.started = False

    def feed(self, data: bytes) -> bool:
        """Whether the reply is complete now. Raises InvalidResult for what is no HTTP, or over a bound."""
        like = self._like
        fresh, self.started = not self.started, True
        if fresh and like is not None and len(data) == like.size and data.startswith(like.head):
            return self._alike(like, data)
        self._moved = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise self._refused("it switched to another protocol") from None
        except httptools.HttpParserError as error:
            if not self.complete:
                raise self._refused(self._problem or _decapitalised(str(error))) from None
            self.keep_alive = False  # the reply is whole; what follows it is nobody's
        if not self.complete and not self._moved:  # heads, chunk sizes and trailers without end
            self._unmoved += len(data)
            self._bound_head(self._unmoved)
        if self._problem:
            raise self._refused(self._problem)
        if fresh and self.complete:
            self._remember(data)
        return self.complete

    def _alike(self, like: _Like, data: bytes) -> bool:
        """Without the parser, which is between two replies before and after it."""
        if self._bodiless or like.size - len(like.head) > self._max_body:
            self._like = None
            self.started = False
            return self.feed(data)
        self._headers = like.headers
        self._sink.head(like.status, like.headers)
        self._sink.data(data[len(like.head) :])
        self.keep_alive = like.keep_alive
        self.complete = True
        return True

    def _remember(self, data: bytes) -> None:
        head = data[: data.find(b"\r\n\r\n") + 4]
        framed = self._headers.get("content-length") == str(self._size)
        if framed and self._size and self.keep_alive and len(head) + self._size == len(data):
            self._like = _Like(head, len(data), self._status, self._headers, self.keep_alive)

    def feed_eof(self) -> bool:
        """Whether the end of the connection is the end of the reply."""
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self.complete = self._in_body and not framed
        return self.complete

    # --- called by the parser; what it raised here would come out disguised, so problems are noted instead ---

    def on_message_begin(self) -> None:
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body or self.complete:  # trailers say nothing that we use
            return
        self._named += len(name) + len(value) + 4  # colon, space, line end
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # 100 Continue, 103 Early Hints: the reply itself is still to come
            self._informational = True
            self._headers = {}
            return
        self._bound_head(self._named)
        self._in_body = True
        self._status = status
        self.keep_alive = self._parser.should_keep_alive()
        self._check_framing(status)
        if self._problem:
            return
        self._sink.head(status, self._headers)
        if self._bodiless:  # the parser would wait for the body that the head announces
            self.complete = True
            self.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if self.complete or self._problem:
            return
        self._moved = True
        self._unmoved = 0
        self._size += len(body)
        if self._size > self._max_body:
            self._problem = f"its body is over {self._max_body:,} bytes"
        else:
            self._sink.data(body)

    def on_message_complete(self) -> None:
        if self._informational:
            self._informational = False
        else:
            self.complete = True

    def _check_framing(self, status: int) -> None:
        if self._headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self._problem = "it uses a transfer encoding other than chunked"
        announced = self._headers.get("content-length", "0")
        if not self._bodiless and status != 304 and int(announced) > self._max_body:
            self._problem = f"its body is over {self._max_body:,} bytes"

    def _bound_head(self, size: int) -> None:
        if size > self._max_head:
            self._problem = f"its head is over {self._max_head:,} bytes"

    def _refused(self, why: str) -> InvalidResult:
        over = " over " in why
        return InvalidResult(
            f"{self._source} sent a reply that is not taken: {why}.",
            hint=_OVER if over else "Check that an HTTP server listens there, and on which port.",
        )


def _decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]
