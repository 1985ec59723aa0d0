"""Which gateways of this home are there: each holds a lock on a file of its own for as long as it lives, and the
kernel lets go of it when it dies, however that happens."""

import fcntl
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class Presence:
    """`name` is this gateway's, among all that share the home."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder

    def gone(self, name: str) -> bool:
        """Whether that gateway has surely ended. One that was never here may run on another machine."""
        try:
            file = os.open(self._folder / name, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(file)
        return True


def any_present(folder: Path) -> bool:
    """Whether a gateway of this home is there."""
    found = Presence(folder, "")
    return folder.is_dir() and any(not found.gone(one.name) for one in folder.iterdir())


@asynccontextmanager
async def present(folder: Path) -> AsyncGenerator[Presence]:
    """While this is open, others see that this gateway is there. Raises OSError."""
    name = f"gateway_{os.getpid()}_{secrets.token_hex(6)}"
    file = _lock(folder, name)
    try:
        yield Presence(folder, name)
    finally:
        os.close(file)


def _lock(folder: Path, name: str) -> int:
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    _sweep(folder, Presence(folder, name))
    return file


def _sweep(folder: Path, own: Presence) -> None:
    """Files of gateways that ended long ago: whoever needs to know of them has looked by then. One that is there
    keeps its file, however old. Others sweep at the same time."""
    found: list[tuple[float, Path]] = []
    for one in folder.iterdir():
        with suppress(FileNotFoundError):
            found.append((one.stat().st_mtime, one))
    for _, old in sorted(found)[:-_KEPT]:
        if old.name != own.name and own.gone(old.name):
            old.unlink(missing_ok=True)


_KEPT = 50
"""Files that are left, those of the newest."""
