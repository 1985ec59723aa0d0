"""A folder as a thin tree of lines: sizes of files in bytes, folders with `/`, links told and not followed."""

import os
from collections.abc import Callable, Generator

from toolservers.files.finding.walking import Entry, Patience, Walk
from toolservers.files.paths.globs import matcher
from toolservers.files.paths.names import NOT_UTF8, is_utf8, one_line
from toolservers.files.paths.root import Opened
from toolservers.files.paths.roots import Roots

MAX_ENTRIES = 300
"""Entries in one answer."""

MAX_SEEN = 20_000
"""Entries that are counted after the answer's last, for its total."""

LISTING_SECONDS = 10.0


def listed(
    roots: Roots,
    path: str,
    *,
    depth: int,
    pattern: str | None = None,
    offset: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Blocking. `pattern` is a glob from `path`; folders that lead to what matches are shown with it. Raises
    ToolError."""
    if roots.is_top(path):
        return _roots(roots)
    place = roots.place(path)
    with place.root.folder(place.path) as folder:
        walk = Walk(
            place.root,
            Patience(LISTING_SECONDS, cancelled),
            depth=depth,
            shown=lambda inside: roots.shown(place.root, inside),
        )
        page = _Page(offset)
        for entry in _matching(walk, folder, pattern):
            if not page.takes(entry):
                break
        shown = one_line(roots.shown(place.root, folder.path))
    return "\n".join([*page.lines, page.facts(shown, walk, pattern)])


def inside(folder: Opened, path: str) -> str:
    """A path from the root as one from an opened folder that it lies in."""
    return path if folder.path == "." else path[len(folder.path) + 1 :]


def _matching(walk: Walk, folder: Opened, pattern: str | None) -> Generator[Entry]:
    matches = None if pattern is None else matcher((pattern,))
    for entry in walk.entries(folder):
        if matches is None or matches(inside(folder, entry.path)):
            yield entry


class _Page:
    def __init__(self, offset: int) -> None:
        self.lines: list[str] = []
        self._offset, self._seen, self._cut = offset, 0, False
        self._above: list[str] = []  # the folders, from the listed one down, that the last line stands in

    def takes(self, entry: Entry) -> bool:
        """False where enough was seen."""
        self._seen += 1
        if self._offset < self._seen <= self._offset + MAX_ENTRIES:
            self._show(entry)
        self._cut = self._seen >= self._offset + MAX_ENTRIES + MAX_SEEN
        return not self._cut

    def _show(self, entry: Entry) -> None:
        parts = entry.path.split("/")[-entry.depth :]
        for level, name in enumerate(parts[:-1]):
            if self._above[: level + 1] != parts[: level + 1]:
                self.lines.append(f"{'  ' * level}{one_line(name)}/")
                self._above = parts[: level + 1]
        self.lines.append("  " * (entry.depth - 1) + _line(entry))
        self._above = parts if entry.kind == "folder" else parts[:-1]

    def facts(self, shown: str, walk: Walk, pattern: str | None) -> str:
        unsure = self._cut or walk.cut
        what = "entries" if pattern is None else f"entries that match {pattern!r}"
        said = [f"{shown}: {'at least ' if unsure else ''}{self._seen:,} {what}"]
        first, last = self._offset + 1, min(self._seen, self._offset + MAX_ENTRIES)
        if first > 1 or last < self._seen:
            said.append(
                f"these are {first:,} to {last:,}" if first <= last else f"none from offset {first - 1:,}"
            )
        if last < self._seen:
            said.append(f"next offset={last}")
        if walk.cut:
            said.append("time was up before all was seen: list a folder of it, or less depth")
        if walk.skipped:
            said.append(f"not looked into: {walk.skipped}")
        return f"[{'; '.join(said)}]"


def _line(entry: Entry) -> str:
    name = one_line(entry.name)
    if entry.kind == "folder":
        name += "/"
    else:
        name += f"  {_facts(entry)}"
    return name if is_utf8(entry.name) else f"{name}  ({NOT_UTF8})"


def _facts(entry: Entry) -> str:
    if entry.kind != "file":
        return entry.kind
    try:
        return str(os.stat(entry.name, dir_fd=entry.folder.descriptor, follow_symlinks=False).st_size)
    except OSError:
        return "gone meanwhile"


def _roots(roots: Roots) -> str:
    lines = [f"{name}/  {'writable' if root.writable else 'read-only'}" for name, root in roots.items()]
    return "\n".join([*lines, f"[{len(lines)} roots; list one by its name, such as {next(iter(roots))!r}]"])
