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
from contextlib import suppress

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
_DELETED = " (deleted)"  # how Linux marks the path of what has lost the name by which it was opened
_TRIES = 100  # the kernel says EAGAIN when a rename elsewhere races with a `..`


def openat2(folder: int, path: str, flags: int) -> int:
    """An Opener: symbolic links are followed as long as they stay inside."""
    name = os.fsencode(path)
    if b"\0" in name:  # there the system would stop reading
        raise OSError(errno.EINVAL, "no name has a NUL", path)
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, _RESOLVE)
    number = 0
    for _ in range(_TRIES):
        descriptor: int = _syscall(_OPENAT2, folder, name, how, len(how))
        if descriptor >= 0:
            return descriptor
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number), path)


def walk(folder: int, path: str, flags: int) -> int:
    """An Opener that follows no symbolic link at all."""
    if "\0" in path:
        raise OSError(errno.EINVAL, "no name has a NUL", path)
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
    require_contained(opener, folder)
    return opener


def require_contained(opener: Opener, folder: int) -> None:
    """Tries what is always there. Raises ConfigurationError where that leads out of `folder`."""
    for outside in ("..", "/", "./..", "/proc/self/root", f"/proc/self/fd/{folder}"):
        _require_refused(opener, folder, outside)
    with suppress(OSError):  # no Linux, or no /proc: then there are no links that are always there
        process = os.open("/proc/self", FOLDER)
        try:
            for link in ("cwd", "root", "root/.", "cwd/..", f"fd/{folder}"):
                _require_refused(opener, process, link)
        finally:
            os.close(process)


def _require_refused(opener: Opener, folder: int, outside: str) -> None:
    try:
        descriptor = opener(folder, outside, FOLDER)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ELOOP, errno.ENOTDIR):
            return
        raise
    os.close(descriptor)
    raise ConfigurationError(
        f"Opening {outside!r} led out of the folder: this system does not keep paths inside.",
        hint="Serve files on a system that does, such as Linux 5.6 or later.",
    )


def _is_there(folder: int) -> bool:
    """Whether `openat2` can be used, and /proc says where what it opened lies: it follows links."""
    try:
        descriptor = openat2(folder, ".", FOLDER)
    except OSError as error:
        if error.errno in _MISSING:
            return False
        raise
    try:
        return _by_proc(descriptor) is not None
    finally:
        os.close(descriptor)


def real_path(folder: int, descriptor: int, asked: str) -> str:
    """Where what was opened beneath `folder` lies, from there, after all links; `.` for the folder itself. Where
    the system does not tell (it is no Linux, or has no /proc) no links are followed, so that `asked` tells it.

    Take the file's status before: a name that is still there now was there then, so that one that had no second
    name had this one. Raises OSError: EXDEV where it lies outside (it was moved), ESTALE where it was deleted
    meanwhile, or its name looks so."""
    root, found = _by_proc(folder), _by_proc(descriptor)
    if root is None or found is None:
        return _without_dots(asked)
    if found == root:
        return "."
    if found.endswith(_DELETED):  # a file may be named so: nothing tells the two apart for sure
        raise OSError(errno.ESTALE, "the file was deleted", asked)
    inside = found.removeprefix(root.rstrip("/") + "/")
    if inside == found:
        raise OSError(errno.EXDEV, "the file was moved out", asked)
    return inside


def lost_its_name(descriptor: int) -> bool:
    """Whether a file has gone from where it was opened and still is somewhere else: it had a second name, which was
    counted no more a moment before the first one went."""
    found = _by_proc(descriptor)
    return found is not None and found.endswith(_DELETED) and os.fstat(descriptor).st_nlink > 0


def _by_proc(descriptor: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None


def _without_dots(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
