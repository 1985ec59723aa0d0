"""A home whose whole content is exchanged for another that lies ready in it. However that is interrupted, the next
who makes the home goes on with it: a home is as it was, or as the other, and nothing of either is lost.

All lies in the home itself, since it may be a mount point, or the one folder that we may write to.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.config.whole_files import one_writer

_STAGED = ".restoring"
_OUT, _IN = ".restored-", ".placing-"
"""The other while the content goes aside, and while it comes itself: what is behind the dash names `ASIDE`."""

ASIDE = "before-"
"""Where the content went that was there before."""

_SYSTEM = "lost+found"


def staged(home: Path) -> Path:
    """Where the other is to be made."""
    return home / _STAGED


def passing(name: str) -> bool:
    """Whether something of this name in a home is of an exchange."""
    return name == _STAGED or name.startswith((_OUT, _IN, ASIDE))


def content(home: Path) -> Iterator[Path]:
    return (one for one in sorted(home.iterdir()) if not passing(one.name) and one.name != _SYSTEM)


def exchange(home: Path, at: str) -> Path | None:
    """Put in place what is staged -> where the content is now that was there, if there was any; `at` names that,
    with a number where there is such a one. To be called as the one writer. Raises OSError."""
    said, number = at, 1
    while (home / f"{ASIDE}{at}").exists():
        number += 1
        at = f"{said}-{number}"
    staged(home).rename(home / f"{_OUT}{at}")  # from here on it is gone on with
    _go_on(home)
    aside = home / f"{ASIDE}{at}"
    return aside if aside.is_dir() else None


def is_begun(home: Path) -> bool:
    """Whether one is to be gone on with."""
    return home.is_dir() and any(one.name.startswith((_OUT, _IN)) for one in home.iterdir())


def finish(home: Path) -> None:
    """What was interrupted, after waiting for whoever is at it. Raises OSError."""
    if home.is_dir() and any(one.name.startswith((_STAGED, _OUT, _IN)) for one in home.iterdir()):
        with one_writer(home):
            settle(home)


def settle(home: Path) -> None:
    """`finish` for who is the one writer."""
    _go_on(home)
    shutil.rmtree(staged(home), ignore_errors=True)


def _go_on(home: Path) -> None:
    for ready in sorted(home.glob(f"{_OUT}*")):
        at = ready.name.removeprefix(_OUT)
        aside = home / f"{ASIDE}{at}"
        for one in content(home):
            aside.mkdir(mode=0o700, exist_ok=True)
            one.replace(aside / one.name)
        ready.rename(home / f"{_IN}{at}")
    for ready in sorted(home.glob(f"{_IN}*")):
        for one in sorted(ready.iterdir()):
            one.replace(home / one.name)
        ready.rmdir()
