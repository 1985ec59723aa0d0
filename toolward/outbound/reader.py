"""Bytes of one connection -> replies, under bounds. No I/O: the connection feeds it, a sink takes what comes."""

from typing import Protocol

import httptools

from toolward.errors import InvalidResult

_OVER = "It is not read further; the bound is there so that no server can fill our memory."


class Sink(Protocol):
    """Takes one reply."""

    def head(self, status: int, headers: dict[str, str]) -> None: ...

    def data(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: Exception) -> None: ...


class ReplyReader:
    """Reads reply after reply of one connection. After `expect` and until `complete`, bytes belong to that
    reply; bytes behind a complete one belong to nobody, and the connection is not to be used again."""

    __slots__ = (
        "_bodiless",
        "_headers",
        "_in_body",
        "_informational",
        "_max_body",
        "_max_head",
        "_moved",
        "_named",
        "_parser",
        "_problem",
        "_sink",
        "_size",
        "_source",
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
        self.started = True
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
        return self.complete

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
