"""Walking what is in a folder by descriptors, in bounded time and memory, never through a link."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Generator
from contextlib import nullcontext, suppress
from typing import NamedTuple

from toolservers.files.changes.renames import At
from toolservers.files.paths.containment import FOLDER
from toolservers.files.paths.refusals import shown
from toolservers.files.text.encodings import MAX_FILE, etag_of, read_whole
from toolward.errors import ToolError

MAX_ENTRIES = 200_000
"""Things in one folder, at all depths, that is copied, moved or deleted at once."""

MAX_DEPTH = 100
"""Folders in folders; each is an open descriptor while it is walked."""

READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class Entry(NamedTuple):
    """`path` is from the walked folder."""

    path: str
    at: At
    status: os.stat_result


class Survey(NamedTuple):
    """What stands somewhere. `mark` changes when it does: of a file up to MAX_FILE by its bytes, of a larger
    one and of all in a folder by names, sizes, inodes and times. `size` is what files say they have,
    `bytes` what they take away from the disk."""

    mark: str
    size: int
    bytes: int


def size_on_disk(status: os.stat_result) -> int:
    """Bytes that a file takes away: holes take nothing."""
    return min(status.st_size, status.st_blocks * 512) if stat.S_ISREG(status.st_mode) else 0


def walk(top: At, most: int = MAX_ENTRIES, *, leniently: bool = False) -> Generator[Entry]:
    """Everything below a folder, folders before what is in them. Raises OSError; ToolError for too much.
    `leniently`: what cannot be read, is too deep or too much is left out."""
    stack = [_Folder(top, "")]
    count = 0
    try:
        while stack:
            folder = stack[-1]
            found = next(folder.entries, None)
            if found is None:
                stack.pop().close()
                continue
            try:
                status = found.stat(follow_symlinks=False)
            except FileNotFoundError:  # gone meanwhile
                continue
            count += 1
            path = f"{folder.path}/{found.name}" if folder.path else found.name
            at = At(folder.descriptor, found.name)
            if count > most:
                if leniently:
                    return
                raise _too_much(f"{most:,} things in it")
            yield Entry(path, at, status)
            if not stat.S_ISDIR(status.st_mode):
                continue
            if len(stack) <= MAX_DEPTH:
                with suppress(PermissionError) if leniently else nullcontext():
                    stack.append(_Folder(at, path))
            elif not leniently:
                raise _too_much(f"{MAX_DEPTH} folders in each other")
    finally:
        for folder in stack:
            folder.close()


def _too_much(limit: str) -> ToolError:
    return ToolError(f"This folder has more than {limit}; do it part by part.")


class _Folder:
    def __init__(self, at: At, path: str) -> None:
        self.path = path
        self.descriptor = os.open(at.name, FOLDER | os.O_NOFOLLOW, dir_fd=at.folder)
        try:
            self.entries = os.scandir(self.descriptor)
        except BaseException:
            os.close(self.descriptor)
            raise

    def close(self) -> None:
        self.entries.close()
        os.close(self.descriptor)


def survey(at: At, check: Callable[[Entry], None] = lambda _entry: None) -> Survey:
    """`check` is asked for each thing in a folder, and may raise. Raises OSError, ToolError."""
    status = os.stat(at.name, dir_fd=at.folder, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return _of_folder(at, status, check)
    if stat.S_ISLNK(status.st_mode):
        points_to = os.fsencode(os.readlink(at.name, dir_fd=at.folder))
        return Survey(f"link {etag_of(points_to)}", 0, 0)
    if not stat.S_ISREG(status.st_mode):
        raise ToolError(
            f"{shown(at.name)} is a special file (pipe, socket or device), which no tool changes; choose another."
        )
    if status.st_size > MAX_FILE:
        return Survey(large_mark(status), status.st_size, size_on_disk(status))
    file = os.open(at.name, READ, dir_fd=at.folder)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.ESTALE, "it was replaced that moment", at.name)
        data = read_whole(file)
        now = os.fstat(file)
        mark = large_mark(now) if data is None else file_mark(etag_of(data))
        return Survey(mark, now.st_size, size_on_disk(now))
    finally:
        os.close(file)


def file_mark(etag: str) -> str:
    return f"file {etag}"


def large_mark(status: os.stat_result) -> str:
    """Without the time of the inode's last change, which a rename moves on."""
    return f"large {status.st_dev}:{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _of_folder(top: At, above: os.stat_result, check: Callable[[Entry], None]) -> Survey:
    total = size = taken = 0
    for entry in walk(top):
        status = entry.status
        if status.st_dev != above.st_dev:
            raise ToolError(
                f"{shown(entry.path)} in it is on another file system; do the folder's other parts one by one."
            )
        check(entry)
        facts = (status.st_mode, status.st_ino, status.st_mtime_ns, status.st_size)
        if stat.S_ISDIR(status.st_mode):
            facts = facts[:2]
        digest = hashlib.blake2b(os.fsencode(entry.path) + repr(facts).encode(), digest_size=16).digest()
        total += int.from_bytes(digest)  # a sum: folders give their entries in no order
        size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        taken += size_on_disk(status)
    return Survey(f"folder {total % (1 << 128):032x}", size, taken)


def remove(at: At) -> None:
    """Whatever is there, with all that is in it; a link itself. Raises OSError."""
    status = at.status()
    if status is None:
        return
    if stat.S_ISDIR(status.st_mode):
        shutil.rmtree(at.name, dir_fd=at.folder)
    else:
        with suppress(FileNotFoundError):
            os.unlink(at.name, dir_fd=at.folder)
