"""Putting a file in place whole or not at all: written beside, synced, then renamed."""

import ctypes
import errno
import os
import re
import secrets
from contextlib import suppress

_TEMPORARY = re.compile(r"\.toolward-[0-9a-f]{16}\.tmp")
_RENAME_NOREPLACE = 1
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EPERM)  # by the kernel, the file system, a container


def is_temporary(name: str) -> bool:
    """Whether the name is of a file that is being written (or was, when the process was killed)."""
    return _TEMPORARY.fullmatch(name) is not None


def replace_file(folder: int, name: str, data: bytes, *, like: os.stat_result | None) -> None:
    """Durable when it returns. `like` is the file whose place it takes, with its owner and permissions; with
    None the file must be new. Raises FileExistsError, OSError; the folder is then as it was."""
    temporary = f".toolward-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        try:
            if like is not None:
                _make_alike(file, like)
            _write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        if like is None:
            _rename_to_new(folder, temporary, name)
        else:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


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
