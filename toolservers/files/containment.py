"""Opening a path so that it cannot lead out of a folder, whatever anybody renames or links meanwhile.

Linux resolves the whole path under that rule in one system call (`openat2`). Elsewhere each component is
opened from the one before and symbolic links are not followed.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Callable

from toolward.errors import ConfigurationError

Opener = Callable[[int, str, int], int]
"""(folder's descriptor, path below it, flags) -> a new descriptor. Raises OSError: EXDEV where the path leads
out, ELOOP where it goes by a link that is not followed."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_OPENAT2 = 437  # the number of the system call on every Linux that Python runs on, but Alpha
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_RESOLVE = _RESOLVE_NO_MAGICLINKS | _RESOLVE_BENEATH
_MISSING = (errno.ENOSYS, errno.EPERM)  # an old kernel; a container's filter that does not know the call
_TRIES = 100  # the kernel says EAGAIN when a rename elsewhere races with a `..`


def openat2(folder: int, path: str, flags: int) -> int:
    """An Opener: symbolic links are followed as long as they stay inside."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, _RESOLVE)
    number = 0
    for _ in range(_TRIES):
        descriptor: int = _libc.syscall(_OPENAT2, folder, os.fsencode(path), how, len(how))
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number), path)


def walk(folder: int, path: str, flags: int) -> int:
    """An Opener that follows no symbolic link at all."""
    if path.startswith("/"):
        raise OSError(errno.EXDEV, "the path is absolute", path)
    *before, last = [part for part in path.split("/") if part not in ("", ".")] or ["."]
    opened = [os.dup(folder)]  # the folders from the start down to here; `..` goes back by them alone
    try:
        for part in before:
            _step(opened, part)
        if last == "..":
            _step(opened, last)
            last = "."
        return _open_plain(opened[-1], last, flags)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _step(opened: list[int], part: str) -> None:
    if part != "..":
        opened.append(_open_plain(opened[-1], part, FOLDER))
    elif len(opened) > 1:
        os.close(opened.pop())
    else:
        raise OSError(errno.EXDEV, "the path leads out", part)


def _open_plain(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        # Systems disagree on the error for a link; it is only for the message, so a race does no harm.
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "links are not followed", name) from None
        raise


def best_opener(folder: int) -> Opener:
    """`openat2` where it works, which is tried on `folder`, else `walk`. Raises ConfigurationError where a try
    shows that neither keeps inside: then nothing may be opened at all."""
    if os.open not in os.supports_dir_fd or os.stat not in os.supports_follow_symlinks:
        raise ConfigurationError(
            "This system cannot open files beneath a folder.", hint="Use Linux or macOS."
        )
    opener = openat2 if sys.platform.startswith("linux") and _is_there(folder) else walk
    for outside in ("..", "/"):
        try:
            descriptor = opener(folder, outside, FOLDER)
        except OSError as error:
            if error.errno == errno.EXDEV:
                continue
            raise
        os.close(descriptor)
        raise ConfigurationError(
            f"Opening {outside!r} led out of the root folder: this system does not keep paths inside.",
            hint="Serve files on a system that does, such as Linux 5.6 or later.",
        )
    return opener


def _is_there(folder: int) -> bool:
    try:
        os.close(openat2(folder, ".", FOLDER))
    except OSError as error:
        if error.errno in _MISSING:
            return False
        raise
    return True


def real_path(folder: int, descriptor: int, asked: str) -> str:
    """Where what was opened beneath `folder` lies, from there, after all links; `.` for the folder itself. Where it
    is not Linux, links are not followed, so that `asked` tells it. Raises OSError: EXDEV where it lies outside (it
    was moved), ENOENT where it was deleted."""
    try:
        root, found = (os.readlink(f"/proc/self/fd/{number}") for number in (folder, descriptor))
    except OSError:  # no Linux, or a container without /proc
        return _without_dots(asked)
    if found == root:
        return "."
    inside = found.removeprefix(root.rstrip("/") + "/")
    if inside == found:
        raise OSError(errno.EXDEV, "the file was moved out", asked)
    if inside.endswith(" (deleted)") and os.fstat(descriptor).st_nlink == 0:
        raise OSError(errno.ENOENT, "the file was deleted", asked)
    return inside


def _without_dots(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


_libc = ctypes.CDLL(None, use_errno=True)
