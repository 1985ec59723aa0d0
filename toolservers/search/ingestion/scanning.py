"""What lies in a source's folder, seen and read beneath it: by descriptors, step by step, and by no link.

A link that stays inside leads to what is seen anyway; one that does not is none of ours. So a scan cannot leave the
folder, whatever is renamed or linked meanwhile, nor go round in circles.
"""

import errno
import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from toolservers.documents.unreadable import Unreadable
from toolservers.search.sources import Source, self_and_above
from toolservers.search.storage.records import FileFacts, Problem
from toolward.errors import Unavailable

MAX_FILES = 200_000
"""Of one source."""
MAX_DEPTH = 64
"""Folders in one another; each keeps a descriptor open while it is looked through."""
MAX_NAMES = 100_000
"""Names in one folder that are looked at."""
MAX_PATH = 1_024
"""Characters of a path from the source's folder."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC  # a pipe is not waited for
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # the last two: something else has the name by now

_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, what turns the direction of writing, bytes that are not UTF-8."""


class Seen(NamedTuple):
    """A file as a scan sees it."""

    size: int
    mtime_ns: int


class Scan:
    """What was found below the paths `within` (`""`: the whole source)."""

    def __init__(self, within: Iterable[str]) -> None:
        self.within = frozenset(within)
        self.files: dict[str, Seen] = {}
        """By path, those that count."""
        self.problems: list[Problem] = []
        """What should have been looked at and could not be. One of an earlier scan that `covers` its path and has
        it neither here nor in `files` is over."""
        self.skipped: Counter[str] = Counter()
        """`hidden or excluded`, `links`, `not files` (pipes, sockets, devices), `not included`: how many."""
        self.unseen: set[str] = set()
        """Folders whose content is not known now."""

    def covers(self, path: str) -> bool:
        """Whether the scan would have found a file of this path."""
        above = self_and_above(path)
        return not self.within.isdisjoint(above) and self.unseen.isdisjoint(above)

    def gone(self, known: Iterable[str]) -> list[str]:
        """Those of `known` that are not there any more, or do not count. What was not looked into is not gone."""
        return [path for path in known if path not in self.files and self.covers(path)]


class Folder:
    """A source's folder, open. Blocking; methods may be called from several threads at once. Its user closes it."""

    def __init__(self, source: Source) -> None:
        """Raises Unavailable where the folder is missing or cannot be read: nothing is known of its files then."""
        self.source = source
        try:
            if source.within is None:
                self._descriptor = os.open(source.folder, _FOLDER & ~os.O_NOFOLLOW)
            else:
                self._descriptor = _beneath(source.within, source.folder)
        except (OSError, ValueError) as error:
            why = (
                error.strerror
                if isinstance(error, OSError)
                else "it lies outside of what the operator allows"
            )
            raise Unavailable(
                f"The folder {source.folder} of the source {source.called!r} cannot be read: {why}.",
                hint="See that it is there and readable. Its documents stay in the index meanwhile.",
            ) from None

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scan(self, paths: Iterable[str] = ("",)) -> Scan:
        """All below these paths from the folder, which need not exist; `""` is the folder itself."""
        scan = Scan(paths)
        for path in sorted(scan.within):
            if scan.within.isdisjoint(self_and_above(path)[1:]):  # else it is seen with what is above
                self._scan_path(scan, path)
        return scan

    def folders(self) -> list[str]:
        """The paths of all folders that a scan looks into, `""` first. Those that cannot be opened are left out."""
        found: list[str] = []
        with suppress(OSError), self._opened("", _FOLDER) as descriptor:
            self._list_folders(found, descriptor, "", 0)
        return found

    def read(self, path: str, limit: int) -> tuple[bytes, FileFacts]:
        """A file's bytes, and what it was before they were read: one that changes meanwhile will look changed at
        the next scan. `limit` is in bytes. Raises Unreadable: `gone`, `denied`, `too_large`."""
        try:
            with self._opened(path, _FILE) as descriptor:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode) or not self.source.takes(path):
                    raise Unreadable("gone", "It is no plain file any more.")
                if status.st_size > limit:
                    raise _too_large(status.st_size, limit)
                with os.fdopen(os.dup(descriptor), "rb") as file:
                    data = file.read(limit + 1)
        except OSError as error:
            raise _unreadable(error) from None
        if len(data) > limit:  # it grew
            raise _too_large(len(data), limit)
        return data, FileFacts(path, status.st_size, status.st_mtime_ns, hashlib.sha256(data).hexdigest())

    def _scan_path(self, scan: Scan, path: str) -> None:
        if not path:
            try:
                with self._opened("", _FOLDER) as descriptor:
                    self._scan_folder(scan, descriptor, "", 0)
            except OSError as error:
                self._unseen(scan, "", error)
            return
        if not self.source.enters(path):
            scan.skipped["hidden or excluded"] += 1
            return
        above, _, name = path.rpartition("/")
        try:
            with self._opened(above, _FOLDER) as descriptor:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                self._add(scan, descriptor, name, path, status, path.count("/") + 1)
        except OSError as error:
            if error.errno not in _MISSING:  # what is missing has been seen to be missing
                self._unseen(scan, above, error)

    def _scan_folder(self, scan: Scan, descriptor: int, path: str, depth: int) -> None:
        try:
            with os.scandir(descriptor) as found:
                entries = list(islice(found, MAX_NAMES + 1))
        except OSError as error:
            self._unseen(scan, path, error)
            return
        if len(entries) > MAX_NAMES:
            self._refuse(scan, path, "too_many", f"The folder has more than {MAX_NAMES:,} names.")
        for entry in sorted(entries[:MAX_NAMES], key=lambda entry: entry.name):
            below = f"{path}/{entry.name}" if path else entry.name
            if not self.source.passes(below):
                scan.skipped["hidden or excluded"] += 1
                continue
            try:
                status = os.stat(entry.name, dir_fd=descriptor, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _MISSING:  # else it was deleted a moment ago
                    self._unseen(scan, path, error)
                    return
            else:
                self._add(scan, descriptor, entry.name, below, status, depth + 1)

    def _add(
        self, scan: Scan, descriptor: int, name: str, path: str, status: os.stat_result, depth: int
    ) -> None:
        """What has the name `name` in the opened folder; `depth` counts the names of `path`."""
        if stat.S_ISDIR(status.st_mode):
            self._enter(scan, descriptor, name, path, depth)
        elif not stat.S_ISREG(status.st_mode):
            scan.skipped["links" if stat.S_ISLNK(status.st_mode) else "not files"] += 1
        elif not self.source.includes(path):
            scan.skipped["not included"] += 1
        elif len(path) > MAX_PATH or _NOT_SHOWN.search(path):
            shown = os.fsencode(path).decode(errors="backslashreplace")[:MAX_PATH]
            message = (
                f"Its path has more than {MAX_PATH:,} characters, or some that cannot be shown. Rename it."
            )
            scan.problems.append(
                Problem(self.source.name, shown, status.st_size, status.st_mtime_ns, "bad_name", message)
            )
        elif len(scan.files) < MAX_FILES:
            scan.files[path] = Seen(status.st_size, status.st_mtime_ns)
        elif "" not in scan.unseen:
            self._refuse(scan, "", "too_many", f"The source has more than {MAX_FILES:,} files.")

    def _enter(self, scan: Scan, descriptor: int, name: str, path: str, depth: int) -> None:
        if depth >= MAX_DEPTH:
            self._refuse(scan, path, "too_deep", f"More than {MAX_DEPTH} folders lie in one another.")
            return
        try:
            below = os.open(name, _FOLDER, dir_fd=descriptor)
        except OSError as error:
            if error.errno not in _MISSING:
                self._unseen(scan, path, error)
            return
        with _closing(below):
            self._scan_folder(scan, below, path, depth)

    def _list_folders(self, found: list[str], descriptor: int, path: str, depth: int) -> None:
        found.append(path)
        with os.scandir(descriptor) as entries:
            names = [
                entry.name for entry in islice(entries, MAX_NAMES) if entry.is_dir(follow_symlinks=False)
            ]
        for name in names:
            below = f"{path}/{name}" if path else name
            if depth + 1 < MAX_DEPTH and self.source.passes(below):
                with suppress(OSError), _closing(os.open(name, _FOLDER, dir_fd=descriptor)) as opened:
                    self._list_folders(found, opened, below, depth + 1)

    def _unseen(self, scan: Scan, path: str, error: OSError) -> None:
        why = "denied" if error.errno in (errno.EACCES, errno.EPERM) else "unreadable"
        self._refuse(scan, path, why, f"The folder cannot be looked into: {error.strerror}.")

    def _refuse(self, scan: Scan, path: str, why: str, message: str) -> None:
        scan.unseen.add(path)
        shown = os.fsencode(f"{path}/").decode(errors="backslashreplace")
        message += " What it had in the index stays there; what is new in it is not found."
        scan.problems.append(Problem(self.source.name, shown, 0, 0, why, message))

    def _opened(self, path: str, flags: int) -> AbstractContextManager[int]:
        """Of a path from the folder. Raises OSError."""
        return _closing(_walked(self._descriptor, path.split("/") if path else [], flags))


def changed(scan: Scan, known: Mapping[str, FileFacts]) -> list[str]:
    """The files that are new, or not as `known` has them, by path."""
    return [
        path
        for path, seen in scan.files.items()
        if (facts := known.get(path)) is None or (facts.size, facts.mtime_ns) != seen
    ]


@contextmanager
def _closing(descriptor: int) -> Generator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _beneath(top: Path, folder: Path) -> int:
    """Raises OSError, and ValueError where it does not lie there."""
    with _closing(os.open(top, _FOLDER & ~os.O_NOFOLLOW)) as descriptor:
        return _walked(descriptor, folder.relative_to(top).parts, _FOLDER)


def _walked(folder: int, names: Sequence[str], flags: int) -> int:
    """A descriptor of one's own. No name is a link. Raises OSError."""
    # Not by dup: two descriptors of one opening share the place up to which a folder has been listed.
    descriptor = os.open(".", _FOLDER, dir_fd=folder)
    for number, name in enumerate(names, start=1):
        try:
            if name in ("", ".", ".."):
                raise OSError(errno.EINVAL, "it is no path from here")
            step = os.open(name, flags if number == len(names) else _FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = step
    return descriptor


def _too_large(size: int, limit: int) -> Unreadable:
    return Unreadable(
        "too_large",
        f"It has {size:,} bytes; {limit:,} are read at most. Split it, or leave it out by `exclude`.",
    )


def _unreadable(error: OSError) -> Unreadable:
    if error.errno in _MISSING:
        return Unreadable("gone", "It was deleted or replaced before it was read.")
    return Unreadable("denied", f"It cannot be read: {error.strerror}. Let the server's user read it.")
