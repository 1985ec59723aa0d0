"""Copies that are whole: data with its holes, rights, attributes, and all that is in a folder, in flat memory."""

import ctypes
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from toolservers.files.changes.renames import At
from toolservers.files.changes.staging import NEW
from toolservers.files.changes.trees import READ, Entry, walk
from toolservers.files.paths.containment import FOLDER
from toolservers.files.paths.refusals import shown
from toolward.errors import ToolError

_AT_ONCE = 1 << 26
_PIECE = 1 << 20
_NO_KERNEL_COPY = (errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
_ATTRIBUTES = ("system.posix_acl_access", "system.posix_acl_default", "security.selinux")
"""Beside all of `user.`. Not capabilities: a system takes them away from what is written to as well."""


def make_alike(file: int, like: int, *, owner: bool) -> None:
    """Rights and attributes; with `owner`, whose it is, where the system lets (only root may give files away)."""
    status = os.fstat(like)
    mine = os.fstat(file)
    if owner and (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
        with suppress(PermissionError):
            os.fchown(file, status.st_uid, status.st_gid)
    os.fchmod(file, status.st_mode & 0o777)
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):  # a file system without them
        for name in os.listxattr(like):
            if name.startswith("user.") or name in _ATTRIBUTES:
                with suppress(OSError):
                    os.setxattr(file, name, os.getxattr(like, name))


def copy_data(source: int, target: int) -> None:
    """Of a file that nobody changes meanwhile; `target` is empty. Raises ToolError where it changed, OSError."""
    before = os.fstat(source)
    offset = 0
    while offset < before.st_size:
        start, end = _data(source, offset, before.st_size)
        _copy_range(source, target, start, end)
        offset = end
    os.ftruncate(target, before.st_size)
    if _version(os.fstat(source)) != _version(before):
        raise ToolError("The file was changed by another process while it was copied; call again.")


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _data(file: int, offset: int, size: int) -> tuple[int, int]:
    """The next piece that is no hole; an empty one at the end where there is none."""
    try:
        start = os.lseek(file, offset, os.SEEK_DATA)
        return start, min(size, os.lseek(file, start, os.SEEK_HOLE))
    except OSError as error:
        return (size, size) if error.errno == errno.ENXIO else (offset, size)


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    by_kernel = hasattr(os, "copy_file_range")
    while start < end:
        if by_kernel:
            try:
                count = os.copy_file_range(source, target, min(_AT_ONCE, end - start), start, start)
            except OSError as error:
                if error.errno not in _NO_KERNEL_COPY:
                    raise
                by_kernel = False
                continue
        else:
            piece = os.pread(source, min(_PIECE, end - start), start)
            count = os.pwrite(target, piece, start) if piece else 0
        if not count:  # it became shorter
            return
        start += count


def copy_file(source: At, target: At) -> None:
    """A regular file that has no second name, into the one that `target` is to be. Not forced to the disk."""
    file = os.open(source.name, READ, dir_fd=source.folder)
    try:
        status = os.fstat(file)
        require_copyable(source.name, status)
        copy = os.open(target.name, NEW, 0o600, dir_fd=target.folder)
        try:
            copy_data(file, copy)
            make_alike(copy, file, owner=False)
        finally:
            os.close(copy)
    finally:
        os.close(file)


def require_copyable(path: str, status: os.stat_result) -> None:
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        raise ToolError(
            f"{shown(path)} is a special file (pipe, socket or device), which cannot be copied; copy what is "
            "beside it part by part."
        )
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise ToolError(
            f"{shown(path)} has a second name (a hard link), which may lie outside the root, and is not copied; "
            "copy what is beside it part by part."
        )


def copy_folder(source: At, target: int, check: Callable[[Entry], None]) -> None:
    """All that is in `source` into the empty folder `target`. Links are copied as links. On the disk when it
    returns."""
    like = os.open(source.name, FOLDER | os.O_NOFOLLOW, dir_fd=source.folder)
    stack = [_Made(os.dup(target), like)]
    try:
        for entry in walk(source):
            check(entry)
            depth = entry.path.count("/") + 1
            while len(stack) > depth:
                stack.pop().close()
            into = At(stack[-1].folder, entry.at.name)
            if stat.S_ISDIR(entry.status.st_mode):
                stack.append(_Made.new(into, entry.at))
            elif stat.S_ISLNK(entry.status.st_mode):
                os.symlink(os.readlink(entry.at.name, dir_fd=entry.at.folder), into.name, dir_fd=into.folder)
            else:
                copy_file(entry.at, into)
    finally:
        while stack:
            stack.pop().close()
    _sync_all(target)


class _Made(NamedTuple):
    """A folder that is being filled, and the one it gets its rights from, at last: they may forbid filling it."""

    folder: int
    like: int

    @classmethod
    def new(cls, at: At, source: At) -> "_Made":
        like = os.open(source.name, FOLDER | os.O_NOFOLLOW, dir_fd=source.folder)
        try:
            os.mkdir(at.name, 0o700, dir_fd=at.folder)
            return cls(os.open(at.name, FOLDER | os.O_NOFOLLOW, dir_fd=at.folder), like)
        except BaseException:
            os.close(like)
            raise

    def close(self) -> None:
        with suppress(OSError):
            make_alike(self.folder, self.like, owner=False)
        os.close(self.folder)
        os.close(self.like)


def _sync_all(folder: int) -> None:
    """Of many files: the whole file system at once, not one by one."""
    if not hasattr(_libc, "syncfs"):
        os.sync()
    elif _libc.syncfs(folder) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_libc = ctypes.CDLL(None, use_errno=True)
