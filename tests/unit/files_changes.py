"""A folder that is changed, and all that is in it."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from toolservers.files.changes import Changes
from toolservers.files.changes.committing import Committer
from toolservers.files.paths.roots import Place, Roots
from toolservers.files.settings import Settings

_QUICK = Path("/dev/shm")  # memory, where syncing costs nothing

Tree = dict[str, bytes | None]
"""Bytes of files by path; None for folders, `->` and the target for links."""


class Folder:
    """One root in `base`, its changes, and what it looks like."""

    def __init__(self, base: Path, *, root: Path | None = None, roots: Path | str = "") -> None:
        self.base, self.path = base, root or base / "root"
        self.roots = Roots.open(Settings(self.path, roots))
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

    @property
    def committer(self) -> Committer:
        """Of the one root."""
        (committer,) = self.changes._committers.values()  # pyright: ignore[reportPrivateUsage]
        return committer

    def known(self) -> list[str]:
        """What should be kept there."""
        with self.committer.changing():
            return sorted(self.committer.journal.kept_names())


def _content(path: Path) -> bytes | None:
    return None if path.is_dir() else path.read_bytes()


@contextmanager
def quick_folder(**bounds: str) -> Generator[Folder]:
    """In memory where the system has such a place, else on the disk."""
    base = Path(tempfile.mkdtemp(dir=_QUICK if os.access(_QUICK, os.W_OK) else None))
    try:
        roots = base / "roots.toml" if bounds else ""
        if roots:
            lines = [
                'path = "root"',
                "writable = true",
                *(f'{name} = "{most}"' for name, most in bounds.items()),
            ]
            roots.write_text("\n".join(["[root]", *lines]))
        folder = Folder(base, roots=roots)
        try:
            yield folder
        finally:
            folder.close()
    finally:
        shutil.rmtree(base)
