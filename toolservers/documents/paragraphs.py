"""A text put together of paragraphs, a blank line between two, that does not grow without end."""

LARGEST_TEXT = 80_000_000
"""Bytes in UTF-8. A table is written with its columns' names at each row, and so may grow beyond its file; and a
text must fit in one message of the process that it is read in (`apart.py`)."""

TOGETHER = 10_000
"""Paragraphs that are joined at once."""


class Paragraphs:
    """`given` and `refused` count what was added and what had no room any more; `length` is of the text, in
    characters, with the blank line that the next one brings."""

    def __init__(self, room: int = LARGEST_TEXT) -> None:
        self._room = room
        self._parts: list[str] = []  # the last few: many short strings take many times their length
        self._before: list[str] = []
        self.length = 0
        self.given = 0
        self.refused = 0

    def add(self, paragraph: str) -> int | None:
        """Where it begins in the text; None where there is no room for it, nor for any after it."""
        size = 2 + (
            len(paragraph) if paragraph.isascii() else len(paragraph.encode("utf-8", "surrogatepass"))
        )
        if self.refused or size > self._room:
            self.refused += 1
            return None
        start = self.length
        self._parts.append(paragraph)
        if len(self._parts) == TOGETHER:
            self._join()
        self._room -= size
        self.length += len(paragraph) + 2
        self.given += 1
        return start

    @property
    def text(self) -> str:
        self._join()
        return "\n\n".join(self._before)

    @property
    def share(self) -> float:
        return self.given / (self.given + self.refused) if self.refused else 1.0

    def left_out(self, what: str) -> tuple[str, ...]:
        """`what` in the plural: `rows`."""
        if not self.refused:
            return ()
        return (f"The last {self.refused:,} {what} have no room: a text has at most {LARGEST_TEXT:,} bytes.",)

    def _join(self) -> None:
        if self._parts:
            self._before.append("\n\n".join(self._parts))
            self._parts.clear()
