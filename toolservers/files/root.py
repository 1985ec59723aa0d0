"""One root folder: what is in it is opened beneath it, by descriptors all the way, and only where its rules let."""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from toolservers.files.containment import FOLDER, Opener, best_opener, real_path
from toolservers.files.refusals import explained, shown
from toolservers.files.settings import RootSpec, amount
from toolward.errors import ConfigurationError, ToolError

READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Opening a pipe must not wait for a writer."""


class Opened(NamedTuple):
    """`path` is where it lies, from the root, after all links."""

    descriptor: int
    path: str
    status: os.stat_result


class Parent(NamedTuple):
    """The folder in which something has, or shall have, the name `name`; `path` is that something's."""

    descriptor: int
    name: str
    path: str


class Root:
    """Blocking: call it from a worker thread. Methods take paths from the root, as `Roots.place` gives them, and
    raise ToolError for what a caller can mend."""

    def __init__(self, name: str, spec: RootSpec, opener: Opener | None = None) -> None:
        """Makes the folder where it is missing. Raises ConfigurationError where that or opening it fails, or where
        nothing keeps paths inside it."""
        self.name, self.writable, self.trusted, self.guards = name, spec.writable, spec.trusted, spec.guards
        self.max_bytes = amount(spec.max_bytes, "max_bytes")
        path = Path(spec.path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.path = PurePosixPath(path.resolve(strict=True))
            self.descriptor = os.open(self.path, FOLDER)
        except OSError as error:
            raise ConfigurationError(
                f"The root folder {path} cannot be used: {error.strerror}.",
                hint="Set --root or TOOLWARD_FILES_ROOT to a folder that this user may read and write.",
            ) from None
        self._open = best_opener(self.descriptor) if opener is None else opener

    def close(self) -> None:
        os.close(self.descriptor)

    @contextmanager
    def folder(self, path: str) -> Generator[Opened]:
        """For listing."""
        with explained(path), self._opened(path, FOLDER) as opened:
            yield opened

    @contextmanager
    def file(self, path: str) -> Generator[Opened]:
        """For reading: a regular file that has one name alone."""
        with explained(path), self._opened(path, READ) as opened:
            require_plain(opened.status, path)
            yield opened

    @contextmanager
    def anything(self, path: str) -> Generator[Opened]:
        """A plain file or a folder, for reading."""
        with explained(path), self._opened(path, READ) as opened:
            if not stat.S_ISDIR(opened.status.st_mode):
                require_plain(opened.status, path)
            yield opened

    @contextmanager
    def entry(self, folder: Opened, name: str, flags: int) -> Generator[Opened]:
        """What has this name in an opened folder, and is no link. Raises OSError, ToolError where it is hidden by
        now; whether it is a plain file is the caller's to ask (`require_plain`)."""
        path = name if folder.path == "." else f"{folder.path}/{name}"
        descriptor = self._open(folder.descriptor, name, flags | os.O_NOFOLLOW)
        try:
            real = real_path(self.descriptor, descriptor, path)
            if real != path:  # moved meanwhile
                self._require_visible(real)
            yield Opened(descriptor, real, os.fstat(descriptor))
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self, path: str, *, make: bool = False) -> Generator[Parent]:
        """For changing what has this path; `make` makes missing folders above it. Refused where the root may not be
        written, or the path is hidden or protected."""
        *above, name = path.split("/")
        if name in (".", ".."):
            raise ToolError(f"{shown(path)} is a folder; give the path of something in it.")
        with explained(path), ExitStack() as stack:
            self._require_visible(path)
            self.require_changeable(path)
            try:
                folder = stack.enter_context(self._opened("/".join(above) or ".", FOLDER))
            except FileNotFoundError:
                if not make or ".." in above:
                    raise
                folder = stack.enter_context(self._made(above))
            real = name if folder.path == "." else f"{folder.path}/{name}"
            self._require_visible(real)
            self.require_changeable(real)
            yield Parent(folder.descriptor, name, real)

    def sees(self, path: str) -> bool:
        """Whether a path after all links is shown at all."""
        return not self.guards.hides(path)

    def require_changeable(self, path: str) -> None:
        if not self.writable:
            raise ToolError(f"{shown(path)} cannot be changed: the root {self.name!r} is for reading alone.")
        if self.guards.protects(path):
            raise ToolError(
                f"{shown(path)} is protected here and is never changed by a tool; ask a person to do it, or use "
                "another path."
            )

    def _require_visible(self, path: str) -> None:
        if not self.sees(path):  # judged by the name alone: it does not tell whether there is one
            raise ToolError(f"{shown(path)} is hidden here, as files are that hold keys; use another path.")

    @contextmanager
    def _opened(self, path: str, flags: int) -> Generator[Opened]:
        self._require_visible(path)
        descriptor = self._open(self.descriptor, path, flags)
        try:
            real = real_path(self.descriptor, descriptor, path)
            self._require_visible(real)
            yield Opened(descriptor, real, os.fstat(descriptor))
        finally:
            os.close(descriptor)

    @contextmanager
    def _made(self, folders: list[str]) -> Generator[Opened]:
        """Each folder is made in the one before it, by descriptor, and then opened without following links."""
        with ExitStack() as stack:
            above = self.descriptor
            for count, name in enumerate(folders, start=1):
                path = "/".join(folders[:count])
                try:
                    below = self._open(self.descriptor, path, FOLDER)
                except FileNotFoundError:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=above)
                    below = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=above)
                stack.callback(os.close, below)
                above = below
            yield Opened(above, real_path(self.descriptor, above, "/".join(folders)), os.fstat(above))


def require_plain(status: os.stat_result, path: str) -> None:
    """Raises OSError for what is no regular file (`explained` tells it), ToolError for one with a second name."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ENXIO, "is a special file", path)
    if status.st_nlink > 1:
        raise ToolError(
            f"{shown(path)} has a second name (a hard link), which may lie outside the root; copy the file to "
            "use it here."
        )
