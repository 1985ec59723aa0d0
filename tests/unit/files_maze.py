"""A root with every kind of way out of it, and what lies outside."""

import os
import stat
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from toolservers.files.paths.containment import Opener
from toolservers.files.paths.root import Root
from toolservers.files.paths.roots import Roots
from toolservers.files.settings import RootSpec

SECRET = "not for you"


def maze(parent: Path) -> Path:
    """Makes `root` below `parent`, and beside it `outside` and `root-evil`, with secrets. Gives `root`."""
    root, outside, sibling = (parent / name for name in ("root", "outside", "root-evil"))
    for folder in (outside, sibling):
        folder.mkdir(parents=True)
        (folder / "secret.txt").write_text(SECRET)
    (root / "folder/deep").mkdir(parents=True)
    (root / "folder/inside.txt").write_text("fine")
    (root / "café.txt").write_text("fine")
    for link, target in {
        "to-file": "../outside/secret.txt",
        "to-folder": "../outside",
        "to-sibling": "../root-evil",
        "folder/up": "../..",
        "folder/deep/up-up-up": "../../..",
        "up": "..",
        "to-link": "to-file",
        "to-link-to-folder": "folder/deep/../up",
        "absolute": str(outside / "secret.txt"),
        "absolute-inside": str(root / "folder/inside.txt"),
        "in": "folder",
        "in-and-out": "in/up/outside",
        "round": "round",
        "dangling": "../outside/new.txt",
        "proc": "/proc",
        "self-root": "/proc/self/root",
        "cwd": "/proc/self/cwd",
        "stdin": "/dev/stdin",
        "descriptors": "/proc/self/fd",
    }.items():
        (root / link).symlink_to(target)
    (root / "hard").hardlink_to(outside / "secret.txt")
    os.mkfifo(root / "pipe")
    os.mknod(root / "socket", 0o600 | stat.S_IFSOCK)
    with suppress(PermissionError):  # only root may
        os.mknod(root / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    return root


def everything(folder: Path, skip: Path | None = None) -> dict[str, tuple[int, bytes]]:
    """All files below, without following links: their inodes, and what they hold."""
    found: dict[str, tuple[int, bytes]] = {}
    for here, folders, files in os.walk(folder):
        if skip is not None and Path(here) == skip:
            folders.clear()
            continue
        for name in files:
            status = os.lstat(f"{here}/{name}")
            found[f"{here}/{name}"] = (status.st_ino, Path(here, name).read_bytes())
    return found


@contextmanager
def served(folder: Path, opener: Opener | None = None, spec: RootSpec | None = None) -> Generator[Roots]:
    """One root, writable unless `spec` says otherwise."""
    roots = Roots({"root": Root("root", spec or RootSpec(str(folder), writable=True), opener)})
    try:
        yield roots
    finally:
        roots.close()


def read(roots: Roots, path: str) -> bytes:
    """Raises ToolError."""
    root, below = roots.place(path)
    with root.file(below) as opened:
        return os.read(opened.descriptor, 1000)


WAYS: tuple[Callable[[Root, str], AbstractContextManager[Any]], ...] = (Root.file, Root.folder, Root.anything)


def opens(roots: Roots, path: str, way: Callable[[Root, str], AbstractContextManager[Any]]) -> None:
    """Raises ToolError."""
    place = roots.place(path)
    with way(place.root, place.path):
        pytest.fail(f"opened {path!r}")
