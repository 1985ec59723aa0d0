"""Files of ours that are only ever replaced whole: one writer at a time, and a reader sees what was before or what
is after."""

import fcntl
import glob
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


def stamp(path: Path) -> tuple[int, ...] | None:
    """What tells one state of a file from another without reading it; None for what is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def one_writer(folder: Path) -> Generator[None]:
    """One writer at a time, by a lock on the folder: it leaves no file behind. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def sweep(folder: Path, name: str) -> None:
    """Remove what a `put` that was killed left of this file; `*` is for every one. To be called as the one
    writer. Raises OSError."""
    for left in folder.glob(f".{name if name == '*' else glob.escape(name)}-{'[0-9a-f]' * 16}.tmp"):
        left.unlink(missing_ok=True)


def put(path: Path, data: bytes, mode: int = 0o644) -> None:
    """In place whole or not at all, with the permissions of the file before, and its owner where we may give
    files away; `mode` are those of a new one. Raises OSError."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}.tmp")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(file, "wb") as opened:
            with suppress(FileNotFoundError):
                _as_before(file, path.stat())
            opened.write(data)
            opened.flush()
            os.fsync(file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _as_before(file: int, before: os.stat_result) -> None:
    now = os.fstat(file)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        with suppress(PermissionError):
            os.fchown(file, before.st_uid, before.st_gid)
    os.fchmod(file, before.st_mode & 0o777)
