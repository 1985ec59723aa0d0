"""Files of ours that are only ever replaced whole: one writer at a time, and a reader sees what was before or what
is after."""

import fcntl
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


def put(path: Path, data: bytes, mode: int = 0o644) -> None:
    """In place whole or not at all, with the permissions of the file before; `mode` are those of a new one. Raises
    OSError."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}.tmp")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(file, "wb") as opened:
            with suppress(FileNotFoundError):
                os.fchmod(file, path.stat().st_mode & 0o777)
            opened.write(data)
            opened.flush()
            os.fsync(file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
