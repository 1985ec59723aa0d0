"""Putting a file in place whole or not at all: written beside, synced, then renamed."""

import ctypes
import errno
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from toolward.errors import OutcomeUnknown

_TEMPORARY = re.compile(r"\.toolward-[0-9a-f]{16}\.tmp")
_RENAME_NOREPLACE = 1
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EPERM)  # by the kernel, the file system, a container


class Staged(NamedTuple):
    """A whole file that waits under a temporary name to be put in place, which is a rename: it has either this
    name or its own, and keeps its inode."""

    temporary: str
    inode: int


def _not_told(_staged: Staged) -> None:
    pass


def is_temporary(name: str) -> bool:
    """Whether the name is of a file that is being written (or was, when the process was killed)."""
    return _TEMPORARY.fullmatch(name) is not None


def replace_file(
    folder: int,
    name: str,
    data: bytes,
    *,
    like: os.stat_result | None,
    on_staged: Callable[[Staged], None] = _not_told,
) -> None:
    """Durable when it returns. `like` is the file whose place it takes, with its owner and permissions; with
    None the file must be new. `on_staged` is told just before the file is put in place, and may raise.

    Raises FileExistsError, OSError; the folder is then as it was. Raises OutcomeUnknown where only the last
    word to the disk fails."""
    temporary = f".toolward-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        try:
            if like is not None:
                _make_alike(file, like)
            _write_all(file, data)
            os.fsync(file)
            inode = os.fstat(file).st_ino
        finally:
            os.close(file)
        on_staged(Staged(temporary, inode))
        if like is None:
            _rename_to_new(folder, temporary, name)
        else:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    try:
        os.fsync(folder)
    except OSError as error:
        raise OutcomeUnknown(
            f"{name!r} is in place, but the disk does not confirm that it stays: {error.strerror}.",
            hint="Read it again later.",
        ) from None


def unstage(folder: int, staged: Staged) -> bool:
    """Take the file away, so that nobody puts it in place any more. False where it does not wait there."""
    try:
        if os.stat(staged.temporary, dir_fd=folder, follow_symlinks=False).st_ino != staged.inode:
            return False
        os.unlink(staged.temporary, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _make_alike(file: int, like: os.stat_result) -> None:
    mine = os.fstat(file)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(file, like.st_uid, like.st_gid)
    os.fchmod(file, like.st_mode & 0o777)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _rename_to_new(folder: int, temporary: str, name: str) -> None:
    """A rename that never replaces. Without renameat2 a hard link does it, with two names for a moment."""
    if hasattr(_libc, "renameat2"):
        source, target = os.fsencode(temporary), os.fsencode(name)
        if _libc.renameat2(folder, source, folder, target, _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _NOT_SUPPORTED:
            raise OSError(number, os.strerror(number), name)
    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    os.unlink(temporary, dir_fd=folder)


_libc = ctypes.CDLL(None, use_errno=True)
