"""A root's own hidden folder, where changes are prepared and what they took away is kept.

`.toolward/` has a lock that every server of the root shares, and one folder for each journal, whose name only that
journal knows: what somebody else put there is never taken for ours.
"""

import fcntl
import os
import re
import stat
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from toolservers.files.paths.containment import FOLDER
from toolservers.files.paths.guards import STATE
from toolservers.files.paths.root import Root
from toolward.errors import ToolError, Unavailable

WAIT = 30.0
"""Seconds that a change waits at most for others of the same root."""

_LONGEST_PAUSE = 0.002
_OURS = re.compile(r"[0-9a-f]{32}")
_LOCK = "lock"
_IGNORE = ".gitignore"


class OwnFolder:
    """`name` is that of the journal's part. Nothing is made before the first change."""

    def __init__(self, root: Root, name: str) -> None:
        self._root, self._name = root, name
        self._turn = threading.Lock()
        self._looked = False
        self.is_new = False  # whether the journal's part was just made, so that nothing is in it any more

    @contextmanager
    def locked(self) -> Generator[int]:
        """The journal's part, opened, for whoever changes something in this root, in this process or another.
        Raises Unavailable where others keep it too long, ToolError where the folder is not ours, OSError."""
        end = time.monotonic() + WAIT
        if not self._turn.acquire(timeout=WAIT):
            raise self._busy()
        try:
            top = self._folder(self._root.descriptor, STATE)
            try:
                self._look(top)
                with self._file_lock(top, end):
                    own = self._folder(top, self._name)
                    try:
                        yield own
                    finally:
                        os.close(own)
            finally:
                os.close(top)
        finally:
            self._turn.release()

    def _folder(self, above: int, name: str) -> int:
        """Made for our eyes alone where there is none."""
        self.is_new = False
        try:
            os.mkdir(name, 0o700, dir_fd=above)
            self.is_new = True
            os.fsync(above)
        except FileExistsError:
            pass
        try:
            folder = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=above)
        except OSError:
            raise self._not_ours("it is a link or a file") from None
        status = os.fstat(folder)
        if status.st_uid != os.geteuid():
            wrong = f"it belongs to user {status.st_uid}"
        elif status.st_mode & 0o077:
            wrong = f"others may use it (mode {stat.S_IMODE(status.st_mode):o})"
        elif status.st_dev != os.fstat(self._root.descriptor).st_dev:
            wrong = "it is on another file system"
        else:
            return folder
        os.close(folder)
        raise self._not_ours(wrong)

    def _look(self, top: int) -> None:
        """Once: whether all in it is as we make it."""
        if self._looked:
            return
        for name in os.listdir(top):
            if name not in (_LOCK, _IGNORE) and not _OURS.fullmatch(name):
                raise self._not_ours("there is something else in it")
        with suppress(FileExistsError):
            file = os.open(_IGNORE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=top)
            os.write(file, b"*\n")
            os.close(file)
        self._looked = True

    @contextmanager
    def _file_lock(self, top: int, end: float) -> Generator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(_LOCK, flags, 0o600, dir_fd=top)
        except OSError:
            raise self._not_ours("its lock is no file") from None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise self._not_ours("its lock is no file")
            pause = 0.0005
            while not _try_lock(file):
                if time.monotonic() > end:
                    raise self._busy()
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            if not os.fstat(file).st_nlink:  # it was removed, and others may lock a new one
                raise self._busy()
            yield
        finally:
            os.close(file)

    def _busy(self) -> Unavailable:
        return Unavailable(
            f"Other changes of the root {self._root.name!r} are under way, for up to {WAIT:.0f} seconds.",
            hint="Nothing was changed; try again later.",
        )

    def _not_ours(self, wrong: str) -> ToolError:
        return ToolError(
            f"{STATE!r} in the root {self._root.name!r}, where changes are prepared and deleted things are "
            f"kept, is not this server's own: {wrong}. Nothing was changed; a person must look at it, and move "
            "or remove it."
        )


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
