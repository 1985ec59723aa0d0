"""What a change of a policy file would do, before it is made: its mistakes, one call decided by it, the calls of
the last days decided again."""

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gateway.core.policy import BoundPolicy
from gateway.core.replaying import Flip, PastCall, Replayed
from gateway.oversight.policies.why import Why

MAX_TEXT = 512 * 1024
"""Characters of a policy file that is changed here."""

_MAX_LINES = 4_000  # that are compared; more would take long
_MAX_SHOWN = 400  # lines of a difference
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Line(NamedTuple):
    """A line of a difference: `+`, `-` or a space, and what it says; `…` where some are left out."""

    mark: str
    text: str


class Replay(NamedTuple):
    """The calls of the last days, decided again. `whole` is false where more are on record than were looked at."""

    found: Replayed
    days: int
    whole: bool = True

    @property
    def destructive(self) -> int:
        """Flips by which a call is let through that may change something."""
        return sum(_lets_through(flip) for flip in self.found.flips)

    @property
    def sentence(self) -> str:
        """`2 of 412 calls flip, 0 destructive`"""
        flips, calls = len(self.found.flips), self.found.calls
        if not calls:
            return f"No call is on record of the last {self.days} days."
        which = f"{flips:,} of {calls:,} {'call' if calls == 1 else 'calls'}"
        said = f"{which} {'flips' if flips == 1 else 'flip'}, {self.destructive:,} destructive"
        return said if self.whole else f"{said}; older calls were not looked at"


class Trial(NamedTuple):
    """`mistake` says why the text is no policy; then nothing else was looked at. `problems` and `warnings` are of
    binding the changed policy to the tools; `new_problems` are those that are not there now. `before` and `after`
    are of the one call that was asked about. `shuts_out`: who tries it could not change policies any more."""

    text: str
    mistake: str = ""
    difference: tuple[Line, ...] = ()
    rules: int = 0
    digest: str = ""
    problems: tuple[str, ...] = ()
    new_problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    before: Why | None = None
    after: Why | None = None
    asked: str = ""
    replay: Replay | None = None
    shuts_out: bool = False


def flaw_in_text(text: str) -> str:
    """What is wrong with a text that a page shows and a person changes, or nothing: a character that cannot be seen
    would be changed by looking at it, or mislead who looks."""
    if len(text) > MAX_TEXT:
        return f"It has {len(text):,} characters; at most {MAX_TEXT:,} can be changed here."
    for number, line in enumerate(text.split("\n"), 1):
        for char in line:
            if char != "\t" and unicodedata.category(char) in _HIDDEN:
                return f"Line {number} has a character that cannot be seen: U+{ord(char):04X}."
    return ""


def difference(old: str, new: str) -> tuple[Line, ...]:
    """The lines that differ, with two around them; none where the texts are too long to be compared."""
    before, after = old.split("\n"), new.split("\n")
    if len(before) > _MAX_LINES or len(after) > _MAX_LINES:
        return ()
    found: list[Line] = []
    for line in difflib.unified_diff(before, after, lineterm="", n=2):
        if line.startswith(("---", "+++")) and len(found) == 0:
            continue
        if line.startswith("@@"):
            found.append(Line("…", ""))
        else:
            found.append(Line(line[:1], line[1:]))
        if len(found) == _MAX_SHOWN:
            return (*found, Line("…", ""))
    return tuple(found)


def problems_that_are_new(candidate: BoundPolicy, now: BoundPolicy) -> tuple[str, ...]:
    """Lines are left out of the comparison: a rule above may have moved all others."""
    known = {_without_line(problem) for problem in now.problems}
    return tuple(problem for problem in candidate.problems if _without_line(problem) not in known)


class Bounded:
    """Iterates over calls until there are too many or it takes too long; `whole` then says that it was not all."""

    def __init__(
        self,
        calls: Iterable[PastCall],
        most: int,
        seconds: float,
        now: Callable[[], float],
        which: Callable[[PastCall], bool],
    ) -> None:
        self._calls, self._most, self._now, self._which = calls, most, now, which
        self._until = now() + seconds
        self.whole = True

    def __iter__(self) -> Iterator[PastCall]:
        count = 0
        for call in self._calls:
            if not self._which(call):
                continue
            if count == self._most or self._now() > self._until:
                self.whole = False
                return
            count += 1
            yield call


def _lets_through(flip: Flip) -> bool:
    return flip.changes and flip.effect == "allow"


def _without_line(problem: str) -> str:
    where, _, said = problem.partition(": ")
    return f"{where.rpartition(':')[0] or where}: {said}"
