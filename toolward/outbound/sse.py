"""Server-sent events out of a body that comes in pieces (WHATWG HTML, 9.2.6). The data stay bytes: whoever
parses them also finds what is no UTF-8."""

from typing import NamedTuple

from toolward.errors import InvalidResult

MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event."""


class Event(NamedTuple):
    data: bytes
    name: str = "message"
    id: str = ""  # the last that was given


class EventReader:
    """`feed` it the pieces; it gives the events that are complete. An event that the end of the stream cuts off
    is dropped, as the standard says."""

    __slots__ = ("_after_cr", "_begun", "_data", "_id", "_line", "_max_event", "_name", "_size", "_source")

    def __init__(self, source: str, max_event: int = MAX_EVENT) -> None:
        """`source` names the far end in errors."""
        self._source = source
        self._max_event = max_event
        self._line = bytearray()  # not ended yet
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._id = ""
        self._after_cr = False
        self._begun = False

    def feed(self, piece: bytes) -> list[Event]:
        """Raises InvalidResult for an event over the bound."""
        if not piece:
            return []
        if piece[-2:] == b"\n\n" and self._begun and self._between_events and b"\r" not in piece:
            return self._whole(piece)
        if self._after_cr and piece[:1] == b"\n":  # one line end, cut in two
            piece = piece[1:]
        self._after_cr = piece[-1:] == b"\r"
        lines = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events: list[Event] = []
        for ended in lines[:-1]:
            self._line += ended
            self._take(bytes(self._line), events)
            self._line.clear()
        self._line += lines[-1]
        if self._size + len(self._line) > self._max_event:
            raise self._too_large()
        return events

    @property
    def _between_events(self) -> bool:
        return not (self._line or self._data or self._name or self._after_cr)

    def _whole(self, piece: bytes) -> list[Event]:
        """Of a piece that holds whole events only, as most do: at a third of the cost."""
        events: list[Event] = []
        for block in piece[:-2].split(b"\n\n"):
            if len(block) > self._max_event:
                raise self._too_large()
            if block[:6] == b"data: " and b"\n" not in block:
                events.append(Event(block[6:], "message", self._id))
                continue
            for line in block.split(b"\n"):
                self._take(line, events)
            self._dispatch(events)
        return events

    def _too_large(self) -> InvalidResult:
        return InvalidResult(f"{self._source} sent an event of over {self._max_event:,} bytes.")

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            self._dispatch(events)
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(b"\n".join(self._data), self._name or "message", self._id))
        self._data = []
        self._size = 0
        self._name = ""
