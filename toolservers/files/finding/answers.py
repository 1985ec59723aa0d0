"""What a search says: lines as `path:12: text`, those around them as `path-11- text`, within bounds."""

from toolservers.files.finding.matching import Line
from toolservers.files.paths.names import one_line

MAX_MATCHES = 100
"""Matching lines in one answer."""

MAX_CHARACTERS = 20_000
"""Characters of all lines of one answer."""

MAX_SHOWN = 240
"""Characters of one line; a longer one is cut around the match."""

_BEFORE = 80
"""Characters of these that stand before the match."""


class Answer:
    """Skips `offset` matches. It is `full` once a match more was found than it may show."""

    def __init__(self, offset: int, context: int) -> None:
        self.seen, self.shown, self.files, self.full = 0, 0, 0, False
        self._offset, self._context = offset, context
        self._lines: list[str] = []
        self._characters = 0
        self._held: list[Line] = []  # lines that stand before a match that may come
        self._path, self._last, self._last_match = "", 0, 0

    @property
    def next_offset(self) -> int | None:
        return self._offset + self.shown if self.full else None

    @property
    def room(self) -> int:
        """Matches until it is full."""
        return self._offset + MAX_MATCHES + 1 - self.seen

    def takes(self, path: str, line: Line) -> bool:
        """Lines of one path after another, in their order; False once it is full."""
        if path != self._path:
            self._path, self._last, self._last_match, self._held = path, -1, 0, []
        if line.match is not None:
            self._match(path, line)
        elif self._last_match and line.number <= self._last_match + self._context:
            self.full = not self._fits([self._rendered(path, line)])
            self._last = line.number
        else:
            self._held.append(line)
        return not self.full

    def _match(self, path: str, line: Line) -> None:
        self.seen += 1
        held = [earlier for earlier in self._held[-self._context :] if earlier.number > self._last]
        self._held = []
        if self.seen <= self._offset:
            return
        first = (held or [line])[0].number
        apart = ["--"] if self._context and self._lines and first != self._last + 1 else []
        rendered = [self._rendered(path, each) for each in (*held, line)]
        if self.shown == MAX_MATCHES or not (
            self._fits(apart + rendered) or (not self.shown and self._fits(rendered[-1:]))
        ):
            self.full = True
            return
        self.shown += 1
        self.files += not self._last_match
        self._last = self._last_match = line.number

    def _fits(self, lines: list[str]) -> bool:
        """Whether they do; then they stand in the answer."""
        characters = sum(map(len, lines)) + len(lines)
        if self._characters + characters > MAX_CHARACTERS:
            return False
        self._characters += characters
        self._lines += lines
        return True

    def _rendered(self, path: str, line: Line) -> str:
        sign = "-" if line.match is None else ":"
        return f"{one_line(path)}{sign}{line.number}{sign} {cut(line.text, line.match)}"

    def text(self, facts: str) -> str:
        return "\n".join([*self._lines, f"[{facts}]"])


def cut(line: bytes, match: tuple[int, int] | None) -> str:
    """A line of UTF-8 as text, at most MAX_SHOWN characters of it, with `…` where there is more."""
    start = 0 if match is None else match[0]
    before = _text(line[max(0, start - 4 * MAX_SHOWN) : start])
    whole = start <= 4 * MAX_SHOWN
    after = _text(line[start : start + 4 * (MAX_SHOWN + 1)])
    if whole and len(before) + len(after) <= MAX_SHOWN and len(line) - start <= 4 * (MAX_SHOWN + 1):
        return before + after
    if not whole or len(before) > _BEFORE:
        before = "…" + before[-_BEFORE:]
    room = MAX_SHOWN - len(before)
    more = len(after) > room or len(line) - start > 4 * (MAX_SHOWN + 1)
    return before + after[:room] + ("…" if more else "")


def _text(data: bytes) -> str:
    return data.decode(errors="replace").replace("\0", "\ufffd")
