"""What was not looked at, and why: counted by reason, a few of each named, so that zero never lies."""

import errno

from toolservers.files.paths.names import one_line
from toolward.errors import ToolError

NAMED = 3
"""Paths named for each reason."""

_CHANGED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV)


def reason(error: OSError | ToolError) -> str:
    """Why something could not be opened that was seen a moment before."""
    if isinstance(error, ToolError) or error.errno in _CHANGED:
        return "changed meanwhile"
    return "unreadable"


class Skipped:
    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._named: dict[str, list[str]] = {}

    def add(self, why: str, path: str) -> None:
        self._counts[why] = self._counts.get(why, 0) + 1
        named = self._named.setdefault(why, [])
        if len(named) < NAMED:
            named.append(path)

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __str__(self) -> str:
        return "; ".join(f"{count:,} {why} ({self._names(why)})" for why, count in self._counts.items())

    def _names(self, why: str) -> str:
        named = self._named[why]
        more = ", …" if self._counts[why] > len(named) else ""
        return ", ".join(map(one_line, named)) + more
