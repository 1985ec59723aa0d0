"""A text put together of paragraphs, a blank line between two, that does not grow without end."""

LONGEST = 100_000_000
"""Characters. A table is written with its column's names at each row, and so may grow beyond its file."""


class Paragraphs:
    """`given` and `refused` count what was added and what had no room any more; `length` is of the text, in
    characters, with the blank line that the next one brings."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._room = longest
        self._parts: list[str] = []
        self.length = 0
        self.given = 0
        self.refused = 0

    def add(self, paragraph: str) -> int | None:
        """Where it begins in the text; None where there is no room for it, nor for any after it."""
        if self.refused or len(paragraph) + 2 > self._room:
            self.refused += 1
            return None
        start = self.length
        self._parts.append(paragraph)
        self._room -= len(paragraph) + 2
        self.length += len(paragraph) + 2
        self.given += 1
        return start

    @property
    def text(self) -> str:
        return "\n\n".join(self._parts)

    @property
    def share(self) -> float:
        return self.given / (self.given + self.refused) if self.refused else 1.0

    def left_out(self, what: str) -> tuple[str, ...]:
        """`what` in the plural: `rows`."""
        if not self.refused:
            return ()
        return (f"The last {self.refused:,} {what} have no room: a text has at most {LONGEST:,} characters.",)
