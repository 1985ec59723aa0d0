"""What the system says about a path, in words that tell a model what to do."""

import errno
from collections.abc import Generator
from contextlib import contextmanager

from toolward.errors import ToolError

_SAID = {
    errno.ENOENT: "does not exist; `list_files` shows what there is.",
    errno.ENOTDIR: "is not a folder, or goes through a file; `read_file` reads files.",
    errno.EISDIR: "is a folder; `list_files` shows what is in it.",
    errno.EACCES: "may not be used: the system denies access; choose another file.",
    errno.EPERM: "may not be used: the system denies access; choose another file.",
    errno.EROFS: "is on a file system that cannot be written; choose another place.",
    errno.ENAMETOOLONG: "is too long a name; use a shorter one.",
    errno.EINVAL: "is no name that this file system takes; use letters, digits, `-`, `_` and `.`.",
    errno.ENOSPC: "could not be written: the disk is full.",
    errno.EFBIG: "could not be written: no file may be so large here; write less.",
    errno.EDQUOT: "could not be written: the quota is used up.",
    errno.ENXIO: "is a special file (pipe, socket or device); only regular files can be used.",
    errno.ESTALE: "was deleted or replaced that moment (or its name ends in ` (deleted)`, which is not served); "
    "`list_files` shows what there is now.",
    errno.EAGAIN: "is changed or locked by another program just now; try again.",
    errno.EMFILE: "lies too deep, or too many files are open just now; try again, or use another path.",
    errno.ELOOP: "goes by a symbolic link that is not followed; use the path of what it points to.",
}


def leaves_root(path: str) -> ToolError:
    return ToolError(f"{shown(path)} leaves the root folder; use a path inside it, such as `notes/today.md`.")


def shown(path: str) -> str:
    return repr(path if len(path) <= 200 else f"{path[:100]}…{path[-100:]}")


@contextmanager
def explained(path: str) -> Generator[None]:
    """Turns OSError into ToolError. One that is not foreseen stays: that is our fault, and is logged."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise leaves_root(path) from None
        if error.errno in _SAID:
            raise ToolError(f"{shown(path)} {_SAID[error.errno]}") from None
        raise
