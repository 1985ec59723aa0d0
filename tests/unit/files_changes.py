"""A folder that is changed, and all that is in it."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from toolservers.files.changes import Changes
from toolservers.files.roots import Place, Roots
from toolservers.files.settings import Settings

_QUICK = Path("/dev/shm")  # noqa: S108 -- memory, where syncing costs nothing

Tree = dict[str, bytes | None]
"""Bytes of files by path; None for folders, `->` and the target for links."""


class Folder:
    """One root in `base`, its changes, and what it looks like."""

    def __init__(self, base: Path, *, max_bytes: str = "") -> None:
        self.base, self.path = base, base / "root"
        settings = Settings(self.path)
        if max_bytes:
            (base / "roots.toml").write_text(
                f'[root]\npath = "root"\nwritable = true\nmax_bytes = "{max_bytes}"\n'
            )
            settings = Settings(roots=base / "roots.toml")
        self.roots = Roots.open(settings)
        self.changes = Changes(self.roots, base / "state")

    def close(self) -> None:
        self.changes.close()
        self.roots.close()

    def __call__(self, path: str) -> Place:
        return self.roots.place(path)

    def tree(self) -> Tree:
        found: Tree = {}
        for path in sorted(self.path.rglob("*")):
            name = path.relative_to(self.path).as_posix()
            if name.split("/")[0] != ".toolward":
                link = path.is_symlink()
                found[name] = b"->" + os.fsencode(os.readlink(path)) if link else _content(path)
        return found

    def kept(self) -> list[str]:
        """What waits, or is kept, in the root's own folder."""
        return sorted(
            name
            for part in (self.path / ".toolward").glob("*/")
            if part.is_dir()
            for name in os.listdir(part)
        )

    def known(self) -> list[str]:
        """What should be kept there."""
        (committer,) = self.changes._committers.values()  # noqa: SLF001 -- its own test
        with committer.changing():
            return sorted(committer.journal.kept_names())


def _content(path: Path) -> bytes | None:
    return None if path.is_dir() else path.read_bytes()


@contextmanager
def quick_folder(**settings: str) -> Generator[Folder]:
    """In memory where the system has such a place, else on the disk."""
    base = Path(tempfile.mkdtemp(dir=_QUICK if os.access(_QUICK, os.W_OK) else None))
    try:
        folder = Folder(base, **settings)
        try:
            yield folder
        finally:
            folder.close()
    finally:
        shutil.rmtree(base)
