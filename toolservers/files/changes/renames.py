"""Renames by descriptors that never replace what nobody looked at.

Linux does them in one system call (`renameat2`). Elsewhere, and on file systems without it, hard links stand
in: the same outcomes, in two or three steps that `Committer` can tell apart after a kill.
"""

import ctypes
import errno
import os
import stat
from contextlib import suppress
from typing import NamedTuple

_NOREPLACE = 1
_EXCHANGE = 2
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.ENOTSUP)  # kernel, file system, container
OLD = ".old"
"""Ends the name that what is swapped out has meanwhile, where there is no exchange."""


class At(NamedTuple):
    """An entry, or the place for one, in an opened folder."""

    folder: int
    name: str

    def status(self) -> os.stat_result | None:
        """Of the entry itself, not of what a link points to. None where there is nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None


def inode_of(status: os.stat_result | None) -> str:
    """Tells an entry from every other as long as it is there; empty where it is not."""
    return "" if status is None else f"{status.st_dev}:{status.st_ino}"


def rename(source: At, target: At) -> None:
    os.rename(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)


def rename_new(source: At, target: At) -> None:
    """Raises FileExistsError where the target is there. Without renameat2 a file has both names for a moment, and a
    folder may take the place of an empty one that came up in this very moment."""
    if _renameat2(source, target, _NOREPLACE):
        return
    status = source.status()
    if status is not None and stat.S_ISDIR(status.st_mode):
        if target.status() is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.name)
        rename(source, target)
        return
    os.link(
        source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder, follow_symlinks=False
    )
    os.unlink(source.name, dir_fd=source.folder)


def swap(staged: At, target: At) -> None:
    """Each takes the other's place; the target is there all the time. `staged` is in a folder of our own."""
    if _renameat2(staged, target, _EXCHANGE):
        return
    old = At(staged.folder, staged.name + OLD)
    with suppress(FileNotFoundError):
        os.unlink(old.name, dir_fd=old.folder)
    os.link(target.name, old.name, src_dir_fd=target.folder, dst_dir_fd=old.folder, follow_symlinks=False)
    try:
        rename(staged, target)
    except OSError:
        os.unlink(old.name, dir_fd=old.folder)
        raise
    rename(old, staged)


def _renameat2(source: At, target: At, flags: int) -> bool:
    """False where there is no such call here. Raises OSError."""
    if not hasattr(_libc, "renameat2"):
        return False
    names = os.fsencode(source.name), os.fsencode(target.name)
    if _libc.renameat2(source.folder, names[0], target.folder, names[1], flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), target.name)


_libc = ctypes.CDLL(None, use_errno=True)
