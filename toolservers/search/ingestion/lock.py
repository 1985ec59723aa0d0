"""Which of several processes on one index keeps it up to date: it scans, watches and embeds, the others serve.

The lock is the operating system's, on `INDEX.lock` beside the index: it ends with its process, however that ends.
"""

import fcntl
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import anyio
import msgspec

from toolward.errors import Unavailable

_AGAIN = 0.5  # seconds between two tries


class Holder(msgspec.Struct, frozen=True):
    """Who has the lock, as it said itself: for people, since a process may have written anything."""

    pid: int = 0
    doing: str = ""
    since: str = ""
    """ISO 8601."""


class IndexLock:
    """Not for several threads at once. `doing` tells others what it is held for: `serving`, `indexing`."""

    def __init__(self, index: Path, doing: str) -> None:
        self.path = _lock_of(index)
        self._doing = doing
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def try_hold(self) -> bool:
        """Whether it is held now. Raises Unavailable where the file system has no locks, or lets none be made."""
        if self._descriptor is None:
            try:
                self._descriptor = self._taken()
            except OSError as error:
                raise Unavailable(
                    f"The lock {self.path} of the index cannot be taken: {error.strerror}.",
                    hint="Put the index on a local disk, in a folder that this user may write to.",
                ) from None
        return self.held

    async def hold(self) -> None:
        """Waits until it is held: till its holder lets go or ends, and a moment. Raises Unavailable."""
        while True:
            if self.try_hold():
                return
            await anyio.sleep(_AGAIN)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # the file stays: taking it away would let two hold locks of one name
            self._descriptor = None

    def __enter__(self) -> "IndexLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _taken(self) -> int | None:
        """Raises OSError."""
        # O_CLOEXEC: a child that outlives this process must not go on holding it.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if _locks(descriptor, fcntl.LOCK_EX) and _is_named(descriptor, self.path):
                os.ftruncate(descriptor, 0)
                now = datetime.now(UTC).isoformat(timespec="seconds")
                os.pwrite(descriptor, msgspec.json.encode(Holder(os.getpid(), self._doing, now)), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def holder_of(index: Path) -> Holder | None:
    """Who keeps the index up to date; None where nobody does, or the lock cannot be read."""
    try:
        descriptor = os.open(_lock_of(index), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if _locks(descriptor, fcntl.LOCK_SH):  # for this moment; whoever wants it tries again
            return None
        return msgspec.json.decode(os.read(descriptor, 1_000), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return Holder()
    finally:
        os.close(descriptor)


def _lock_of(index: Path) -> Path:
    return index.with_name(index.name + ".lock")


def _locks(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_named(descriptor: int, path: Path) -> bool:
    """Not so where somebody took the file away: others lock a new one then."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    return False
