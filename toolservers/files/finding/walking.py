"""Going through what lies in a folder, by descriptors alone: each folder is opened once, in the one before it.

Links are told and never followed, so that a walk cannot leave the root, nor go round in circles. What is hidden is
not told at all. A walk is bounded in depth, in names, and by its caller's patience; what it left out is told.
"""

import os
import time
from collections.abc import Callable, Generator
from itertools import islice
from typing import Literal, NamedTuple

from toolservers.files.finding.skipped import Skipped, reason
from toolservers.files.paths.containment import FOLDER
from toolservers.files.paths.root import Opened, Root
from toolward.errors import ToolError

MAX_DEPTH = 64
"""Folders in one another; each keeps a descriptor open while it is walked."""

MAX_NAMES = 100_000
"""Names of one folder: they are sorted in memory."""

VERSION_CONTROL = frozenset({".git", ".hg", ".svn"})
"""Thousands of files that nobody wrote: shown, and walked only where a caller gives their path."""

Kind = Literal["folder", "file", "link", "special"]


class Patience:
    """How long work may go on: until its seconds are over, or nobody waits for it any more."""

    def __init__(self, seconds: float, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._end = time.monotonic() + seconds
        self._cancelled = cancelled

    def over(self) -> bool:
        return self._cancelled() or time.monotonic() > self._end


class Entry(NamedTuple):
    """Something in a walked folder. `path` is from the root, `depth` counts from the walked folder (1: in it);
    `folder` is open until the walk goes on."""

    path: str
    name: str
    kind: Kind
    depth: int
    folder: Opened


class Walk:
    """Blocking. After it ended, `skipped` says what was left out, and `cut` whether patience came to its end.
    `shown` turns a path from the root into one that a caller writes."""

    def __init__(
        self,
        root: Root,
        patience: Patience,
        *,
        depth: int = MAX_DEPTH,
        skipped: Skipped | None = None,
        shown: Callable[[str], str] = str,
    ) -> None:
        self.skipped = Skipped() if skipped is None else skipped
        self.cut = False
        self._root, self._patience, self._depth, self._shown = root, patience, depth, shown

    def entries(self, folder: Opened) -> Generator[Entry]:
        """A folder before what is in it, names of a folder in the order of their characters."""
        yield from self._entries(folder, 1, frozenset())

    def _entries(self, folder: Opened, depth: int, above: frozenset[tuple[int, int]]) -> Generator[Entry]:
        above |= {(folder.status.st_dev, folder.status.st_ino)}
        try:
            names = self._names(folder)
        except OSError as error:
            self.skipped.add(reason(error), self._shown(folder.path))
            return
        for name, kind in names:
            if self._patience.over():
                self.cut = True
            if self.cut:
                return
            path = name if folder.path == "." else f"{folder.path}/{name}"
            if not self._root.sees(path):
                continue
            yield Entry(path, name, kind, depth, folder)
            if kind == "folder" and depth < self._depth:
                yield from self._below(folder, name, path, depth, above)

    def _below(
        self, folder: Opened, name: str, path: str, depth: int, above: frozenset[tuple[int, int]]
    ) -> Generator[Entry]:
        if name in VERSION_CONTROL:
            self.skipped.add("version control's own folder", self._shown(path))
            return
        if depth == MAX_DEPTH:
            self.skipped.add("too deep", self._shown(path))
            return
        try:
            with self._root.entry(folder.descriptor, folder.path_of(name), FOLDER) as opened:
                if (opened.status.st_dev, opened.status.st_ino) in above:  # a mount of a folder in itself
                    self.skipped.add("leads back to a folder above", self._shown(path))
                else:
                    yield from self._entries(opened, depth + 1, above)
        except (OSError, ToolError) as error:
            self.skipped.add(reason(error), self._shown(path))

    def _names(self, folder: Opened) -> list[tuple[str, Kind]]:
        with os.scandir(folder.descriptor) as found:
            names: list[tuple[str, Kind]] = [(entry.name, _kind(entry)) for entry in islice(found, MAX_NAMES)]
            if next(found, None) is not None:
                self.skipped.add(
                    f"with more than {MAX_NAMES:,} names, not all seen", self._shown(folder.path)
                )
        return sorted(names)


def _kind(entry: os.DirEntry[str]) -> Kind:
    """What it was when the folder was read; who opens it looks again."""
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special"
