"""Searching the text of files: what was found, line by line, and what was not looked at, and why."""

import os
import stat
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from toolservers.files.finding import ripgrep
from toolservers.files.finding.answers import Answer
from toolservers.files.finding.listing import inside
from toolservers.files.finding.matching import Line, matching_lines
from toolservers.files.finding.queries import Query
from toolservers.files.finding.skipped import Skipped, reason
from toolservers.files.finding.walking import Entry, Patience, Walk
from toolservers.files.paths.globs import matcher
from toolservers.files.paths.names import one_line
from toolservers.files.paths.root import READ, Opened, Root
from toolservers.files.paths.roots import Place, Roots
from toolservers.files.text.blocks import BLOCK, MAX_LINE, Block, Source, blocks, source
from toolservers.files.text.encodings import NotText
from toolward.errors import ToolError

SEARCH_SECONDS = 20.0
"""A call has 30."""

_PROGRESS_SECONDS = 0.5

Told = Callable[[float, str], None]
"""(seconds so far, which grow within one large file too; how far it is, in words)"""


@dataclass(frozen=True)
class Search:
    """What is asked. `pattern` is a glob from `path`."""

    query: Query
    path: str = "."
    pattern: str | None = None
    context: int = 0
    offset: int = 0


def searched(
    roots: Roots,
    search: Search,
    *,
    told: Told = lambda seconds, words: None,
    patience: Patience | None = None,
) -> str:
    """Blocking. Raises ToolError."""
    return _Searching(roots, search, told, patience or Patience(SEARCH_SECONDS)).text()


class _Searching:
    def __init__(self, roots: Roots, search: Search, told: Told, patience: Patience) -> None:
        self._roots, self._search, self._told, self._patience = roots, search, told, patience
        self._matches = None if search.pattern is None else matcher((search.pattern,))
        self._skipped = Skipped()
        self._answer = Answer(search.offset, search.context)
        self._files, self._bytes = 0, 0
        self._began = time.monotonic()
        self._next_progress = self._began + _PROGRESS_SECONDS
        self._stopped_in = ""

    def text(self) -> str:
        top = self._roots.is_top(self._search.path)
        places = (
            [Place(root, ".") for root in self._roots.values()]
            if top
            else [self._roots.place(self._search.path)]
        )
        for place in places:
            if not self._place(place):
                break
        return self._answer.text(self._facts())

    def _place(self, place: Place) -> bool:
        """False where the search is to end."""
        with place.root.anything(place.path) as opened:
            if not stat.S_ISDIR(opened.status.st_mode):
                return self._file(opened, self._roots.shown(place.root, opened.path))
            walk = Walk(
                place.root,
                self._patience,
                skipped=self._skipped,
                shown=lambda path: self._roots.shown(place.root, path),
            )
            for entry in walk.entries(opened):
                if entry.kind == "folder" or (
                    self._matches and not self._matches(inside(opened, entry.path))
                ):
                    continue
                if not self._entry(place.root, entry):
                    return False
            if walk.cut:
                self._stopped_in = self._roots.shown(place.root, opened.path)
            return not walk.cut

    def _entry(self, root: Root, entry: Entry) -> bool:
        shown = self._roots.shown(root, entry.path)
        if entry.kind != "file":
            self._skipped.add("links" if entry.kind == "link" else "special", shown)
            return True
        try:
            with root.entry(entry.folder.descriptor, entry.folder.path_of(entry.name), READ) as opened:
                return self._file(opened, shown)
        except (OSError, ToolError) as error:
            self._skipped.add(reason(error), shown)
            return True

    def _file(self, opened: Opened, shown: str) -> bool:
        why = _not_plain(opened.status)
        if why:
            self._skipped.add(why, shown)
            return True
        try:
            found = source(opened.descriptor, opened.status.st_size, shown)
        except NotText:
            self._skipped.add("binary", shown)
            return True
        self._files += 1
        with closing(self._lines(found, shown)) as lines:
            for line in lines:
                if not self._answer.takes(shown, line):
                    return False
        if _state(os.fstat(opened.descriptor)) != _state(opened.status):
            self._skipped.add("changed while it was searched", shown)
        return not self._stopped_in

    def _lines(self, found: Source, shown: str) -> Generator[Line]:
        query, context, last = self._search.query, self._search.context, 0
        if ripgrep.suits(found, query):
            try:
                for line in ripgrep.lines(
                    found, query, context, self._answer.room, lambda: self._goes_on(shown)
                ):
                    yield line
                    last = line.number
                self._bytes += os.lseek(found.descriptor, 0, os.SEEK_CUR)  # how far it read
                return
            except ripgrep.Failed:
                pass  # ours goes on behind the last line
        longest = min(MAX_LINE, query.reach)
        cut = blocks(found, block=min(BLOCK, longest), longest=longest)
        for line in matching_lines(self._watched(cut, shown), query, context):
            if line.number > last:
                yield line

    def _watched(self, found: Iterator[Block], shown: str) -> Iterator[Block]:
        """Until patience ends."""
        in_pieces = False
        for block in found:
            if not self._goes_on(shown):
                return
            self._bytes += block.end - block.start
            if block.end < len(block.text) and self._search.query.regex and not in_pieces:
                in_pieces = True
                self._skipped.add(f"only in pieces: lines over {block.end - block.start:,} bytes", shown)
            yield block

    def _goes_on(self, shown: str) -> bool:
        if self._patience.over():
            self._stopped_in = shown
            return False
        self._tell()
        return True

    def _tell(self) -> None:
        now = time.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._told(now - self._began, f"{self._answer.seen:,} matching lines in {self._files:,} files")

    def _facts(self) -> str:
        answer = self._answer
        searched = f"{self._files:,} files searched"
        if not answer.seen:
            said = [f"no match in {searched}"]
        elif not answer.shown:
            said = [
                f"no match from offset {self._search.offset} on: {answer.seen:,} matching lines in {searched}"
            ]
        elif answer.next_offset is None and not self._search.offset:
            said = [f"{answer.shown:,} matching lines in {answer.files:,} of {searched}"]
        else:
            first = self._search.offset + 1
            said = [f"matching lines {first:,} to {first + answer.shown - 1:,}, in {answer.files:,} files"]
        if answer.next_offset is not None:
            said.append(f"there are more: next offset={answer.next_offset}")
        if self._stopped_in:
            said.append(
                f"time was up in {one_line(self._stopped_in)}, until then {searched} "
                f"({self._bytes / 1e6:,.1f} MB): "
                "search a folder, or with a pattern"
            )
        if self._skipped:
            said.append(f"skipped: {self._skipped}")
        return "; ".join(said)


def _not_plain(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "special"
    return "with a second name (hard links)" if status.st_nlink > 1 else ""


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
