"""One-time links by which the person at this computer signs in to the console: who can write to the home directory
is that person. A link is a file there, named by the digest of its code; using it removes the file, which of two
only one can do."""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from toolward.errors import Unauthenticated

GOOD_FOR = 10 * 60
"""Seconds that a link can be used."""

_CODE = re.compile(r"[A-Za-z0-9_-]{43}")


def make_link(home: Path, clock: Callable[[], float] = time.time) -> str:
    """A code that `use_link` takes once."""
    folder = _folder(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.iterdir():
        with suppress(FileNotFoundError):  # it was used just now
            if old.stat().st_mtime < clock() - GOOD_FOR:
                old.unlink()
    code = secrets.token_urlsafe(32)
    (folder / _name(code)).touch(mode=0o600)
    return code


def use_link(home: Path, code: str, clock: Callable[[], float] = time.time) -> None:
    """Raises Unauthenticated for one that was not given out, is too old, or was used."""
    if _CODE.fullmatch(code):
        file = _folder(home) / _name(code)
        with suppress(FileNotFoundError):
            made = file.stat().st_mtime
            file.unlink()
            if made >= clock() - GOOD_FOR:
                return
    raise Unauthenticated(
        "This link was used already, or is too old.", hint="`toolward console` gives another one."
    )


def _folder(home: Path) -> Path:
    return home / "sign-in"


def _name(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
