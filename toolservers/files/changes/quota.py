"""How much of what was deleted and of earlier versions is kept, and how much a root may hold with them in all."""

import time

from toolservers.files.changes.journal import Change, Journal
from toolservers.files.changes.renames import At
from toolservers.files.changes.trees import remove, size_on_disk, walk
from toolservers.files.paths.root import Root
from toolward.errors import ToolError

MOST_MEASURED = 2_000_000
"""Files and folders of a root that are measured; what is beyond them, or cannot be read, is not counted."""

GOOD_FOR = 24 * 3600.0
"""Seconds for which a measurement is kept up to date by our own changes alone; others may write here too."""

AGAIN_AFTER = 60.0
"""Seconds between two measurements of a full root at least."""


class Quota:
    """Used by whoever holds the root's lock. The size is measured once, then counted."""

    def __init__(self, root: Root, journal: Journal) -> None:
        self._root, self._journal = root, journal

    def require(self, adds: int, own: int) -> None:
        """Room for so many bytes more: the oldest kept things in the folder `own` go first. Raises ToolError."""
        most = self._root.max_bytes
        if adds <= 0 or most is None:
            return
        now = time.time()
        at = float(self._journal.fact("measured_at") or 0)
        used = self._measured(now) if not 0 <= now - at < GOOD_FOR else int(self._journal.fact("used"))
        if used + adds <= most:
            return
        if now - at >= AGAIN_AFTER:
            used = self._measured(now)
        needed = used + adds - most
        if needed > self._journal.kept_bytes():
            raise ToolError(
                f"There is no room for {adds:,} more bytes: the root {self._root.name!r} may hold {most:,}, and "
                f"holds {used:,}; of what was deleted and earlier versions nothing is left that would make "
                "room. Ask a person to make room, or write less."
            )
        self._free(needed, own)

    def require_keeping(self, size: int, own: int) -> None:
        """So many bytes can be kept: the oldest things go first. Raises ToolError."""
        most = self._root.keep_bytes
        if size > most:
            raise ToolError(
                f"This would keep {size:,} bytes so that it can be undone, and the root {self._root.name!r} "
                f"keeps at most {most:,}. Ask a person to do it, or to raise keep_bytes."
            )
        if size:
            self._free(self._journal.kept_bytes() + size - most, own)

    def _measured(self, now: float) -> int:
        everything = walk(At(self._root.descriptor, "."), MOST_MEASURED, leniently=True)
        used = sum(size_on_disk(entry.status) for entry in everything)
        self._journal.note(used=used, measured_at=now)
        return used

    def _free(self, needed: int, own: int) -> None:
        while needed > 0 and (oldest := self._journal.oldest_kept(20)):
            for change in oldest:
                if needed > 0:
                    self.drop(change, own)
                    needed -= change.kept_bytes

    def drop(self, change: Change, own: int) -> None:
        """What it kept goes away. The journal first: what is in no journal is removed at the next start."""
        self._journal.drop(change)
        remove(At(own, change.kept))
