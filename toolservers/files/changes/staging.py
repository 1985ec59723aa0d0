"""What waits in a root's own folder to be put in place."""

import errno
import fcntl
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from toolservers.files.changes.renames import At, inode_of
from toolservers.files.changes.trees import remove
from toolservers.files.paths.containment import FOLDER

NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Staged(NamedTuple):
    """Opened, and locked as long as it is: what no process has locked was left by one that was killed."""

    at: At
    descriptor: int

    @property
    def inode(self) -> str:
        return inode_of(os.fstat(self.descriptor))


@contextmanager
def staged_file(at: At, mode: int = 0o600) -> Generator[Staged]:
    """An empty file. Removed when this raises and it is still there as it was made."""
    with _staged(at, os.open(at.name, NEW, mode, dir_fd=at.folder)) as staged:
        yield staged


@contextmanager
def staged_folder(at: At) -> Generator[Staged]:
    os.mkdir(at.name, 0o700, dir_fd=at.folder)
    with _staged(at, os.open(at.name, FOLDER | os.O_NOFOLLOW, dir_fd=at.folder)) as staged:
        yield staged


@contextmanager
def _staged(at: At, descriptor: int) -> Generator[Staged]:
    staged = Staged(at, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield staged
    except BaseException:
        with suppress(OSError):
            if inode_of(at.status()) == staged.inode:
                remove(at)
        raise
    finally:
        os.close(descriptor)


def inherit_group(file: int, folder: int) -> None:
    """As files get it that are made in a folder with the set-group-id bit."""
    status = os.fstat(folder)
    if status.st_mode & stat.S_ISGID:
        with suppress(PermissionError):
            os.fchown(file, -1, status.st_gid)


def write_all(file: int, data: bytes) -> None:
    """Raises OSError: ENOSPC where the disk takes no more, in the middle or at the end."""
    rest = memoryview(data)
    while rest:
        count = os.write(file, rest)
        if not count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[count:]
