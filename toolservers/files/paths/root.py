"""One root folder: what is in it is opened beneath it, by descriptors all the way, and only where its rules let."""

import errno
import os
import stat
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from toolservers.files.paths.containment import FOLDER, Opener, best_opener, lost_its_name, real_path
from toolservers.files.paths.guards import Guards
from toolservers.files.paths.refusals import explained, shown
from toolservers.files.settings import RootSpec, amount
from toolward.errors import ConfigurationError, ToolError

READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Opening a pipe must not wait for a writer."""

_LONG_AGO = 5.0
"""Seconds: a file whose status has not changed since has not just lost a name. (Looking costs a millisecond in a
large folder.)"""

_TRIES = 10
"""A name that is replaced the very moment it is opened is opened again."""


class Opened(NamedTuple):
    """`path` is where it lies, from the root, after all links."""

    descriptor: int
    path: str
    status: os.stat_result

    def path_of(self, name: str) -> str:
        """Of something in this folder."""
        return name if self.path == "." else f"{self.path}/{name}"


class Parent(NamedTuple):
    """The folder in which something has, or shall have, the name `name`; `path` is that something's."""

    descriptor: int
    name: str
    path: str


class Root:
    """Blocking: call it from a worker thread. Methods take paths from the root, as `Roots.place` gives them, and
    raise ToolError for what a caller can mend."""

    def __init__(self, name: str, spec: RootSpec, opener: Opener | None = None, *, prefix: str = "") -> None:
        """Makes the folder where it is missing and may be written. `prefix` stands before its paths where a caller
        reads them. Raises ConfigurationError where making or opening it fails, or nothing keeps paths inside it."""
        self._prefix = prefix
        self.name, self.writable, self.trusted = name, spec.writable, spec.trusted
        self.guards = Guards.of(spec.hidden, spec.protected)
        self.keep_bytes = amount(spec.keep_bytes, "keep_bytes")
        self.max_bytes = None if spec.max_bytes == "" else amount(spec.max_bytes, "max_bytes")
        path = Path(spec.path)
        try:
            if self.writable:
                path.mkdir(parents=True, exist_ok=True)
            self.path = PurePosixPath(path.resolve(strict=True))
            if self.path == PurePosixPath("/"):
                raise OSError(errno.EINVAL, "it is the whole computer, with all keys and processes in it")
            self.descriptor = os.open(self.path, FOLDER)
        except OSError as error:
            raise ConfigurationError(
                f"The root folder {path} cannot be used: {error.strerror}.",
                hint="Set --root or TOOLWARD_FILES_ROOT to a folder that this user may read and write.",
            ) from None
        try:
            self._open = best_opener(self.descriptor) if opener is None else opener
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self.descriptor)

    def shown(self, path: str) -> str:
        """A path from the root, as a caller writes it."""
        return (self._prefix + path if path != "." else self._prefix.rstrip("/")) or path

    @contextmanager
    def folder(self, path: str) -> Generator[Opened]:
        """For listing."""
        with explained(self.shown(path)), self._opened(path, FOLDER) as opened:
            yield opened

    @contextmanager
    def file(self, path: str) -> Generator[Opened]:
        """For reading: a regular file that has one name alone."""
        with explained(self.shown(path)), self._opened(path, READ) as opened:
            require_plain(opened.status, self.shown(path))
            yield opened

    @contextmanager
    def anything(self, path: str) -> Generator[Opened]:
        """A plain file or a folder, for reading."""
        with explained(self.shown(path)), self._opened(path, READ) as opened:
            if not stat.S_ISDIR(opened.status.st_mode):
                require_plain(opened.status, self.shown(path))
            yield opened

    @contextmanager
    def entry(self, folder: int, path: str, flags: int) -> Generator[Opened]:
        """What has this path, opened by its name in its opened folder, and is no link. Raises OSError, ToolError
        where it is hidden by now; whether it is a plain file is the caller's to ask (`require_plain`)."""
        descriptor = self._open(folder, path.rpartition("/")[2], flags | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            real = real_path(self.descriptor, descriptor, path)
            if real != path:  # moved meanwhile
                self._require_visible(real)
            self._require_settled(descriptor, status, real)
            yield Opened(descriptor, real, status)
            _require_kept(descriptor, status, path)
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self, path: str, *, make: bool = False) -> Generator[Parent]:
        """For changing what has this path; `make` makes missing folders above it. Refused where the root may not be
        written, or the path is hidden or protected."""
        *above, name = path.split("/")
        if name in (".", ".."):
            raise ToolError(f"{shown(self.shown(path))} is a folder; give the path of something in it.")
        with explained(self.shown(path)), ExitStack() as stack:
            self._require_mine(path)
            try:
                folder = stack.enter_context(self._opened("/".join(above) or ".", FOLDER))
            except FileNotFoundError:
                if not make or ".." in above:
                    raise
                folder = stack.enter_context(self._made(above))
            real = folder.path_of(name)
            self._require_mine(real)
            yield Parent(folder.descriptor, name, real)

    def sees(self, path: str) -> bool:
        """Whether a path after all links is shown at all."""
        return not self.guards.hides(path)

    def require_changeable(self, path: str) -> None:
        if not self.writable:
            raise ToolError(
                f"{shown(self.shown(path))} cannot be changed: the root {self.name!r} is for reading alone."
            )
        if self.guards.protects(path):
            raise ToolError(
                f"{shown(self.shown(path))} is protected here and is never changed by a tool; ask a person to do "
                "it, or use another path."
            )

    def _require_visible(self, path: str) -> None:
        if not self.sees(path):  # judged by the name alone: it does not tell whether there is one
            raise ToolError(
                f"{shown(self.shown(path))} is hidden here, as files are that hold keys; use another path."
            )

    def _require_mine(self, path: str) -> None:
        self._require_visible(path)
        self.require_changeable(path)

    @contextmanager
    def _opened(self, path: str, flags: int) -> Generator[Opened]:
        self._require_visible(path)
        for tries_left in reversed(range(_TRIES)):
            if (opened := self._open_once(path, flags, last=not tries_left)) is not None:
                break
        else:
            raise AssertionError("the last try gives or raises")
        try:
            yield opened
            _require_kept(opened.descriptor, opened.status, path)
        finally:
            os.close(opened.descriptor)

    def _open_once(self, path: str, flags: int, *, last: bool) -> Opened | None:
        """None where another try may find what it should: a change puts what was there among the earlier versions,
        which are hidden, or it is deleted."""
        descriptor = self._open(self.descriptor, path, flags)
        try:
            status = os.fstat(descriptor)
            real = real_path(self.descriptor, descriptor, path)
            self._require_visible(real)
            self._require_settled(descriptor, status, real)
            return Opened(descriptor, real, status)
        except (OSError, ToolError) as error:
            os.close(descriptor)
            if last or (isinstance(error, OSError) and error.errno != errno.ESTALE):
                raise
            return None

    def _require_settled(self, descriptor: int, status: os.stat_result, real: str) -> None:
        """A name that is being removed is counted no more a moment before the system says that it is gone, all
        under the lock of its folder. Reading the folder waits for that lock; the name must be there still. Raises
        OSError."""
        if not stat.S_ISREG(status.st_mode) or 0 < status.st_ctime < time.time() - _LONG_AGO:
            return
        above = real.rpartition("/")[0] or "."
        try:
            folder = self._open(self.descriptor, above, FOLDER)
        except PermissionError:  # nobody may list it
            return
        try:
            with os.scandir(folder) as names:
                next(names, None)
            there = real_path(self.descriptor, folder, above)
        finally:
            os.close(folder)
        if (there, real_path(self.descriptor, descriptor, real)) != (above, real):
            raise OSError(errno.ESTALE, "it was moved that moment", real)

    @contextmanager
    def _made(self, folders: list[str]) -> Generator[Opened]:
        """Each folder is made in the one before it, by descriptor, and then opened without following links."""
        with ExitStack() as stack:
            above, so_far = self.descriptor, "."
            for count, name in enumerate(folders, start=1):
                path = "/".join(folders[:count])
                try:
                    below = self._open(self.descriptor, path, FOLDER)
                except FileNotFoundError:
                    self._require_mine(name if so_far == "." else f"{so_far}/{name}")
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=above)
                    below = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=above)
                stack.callback(os.close, below)
                above, so_far = below, real_path(self.descriptor, below, path)
            yield Opened(above, so_far, os.fstat(above))


def _require_kept(descriptor: int, status: os.stat_result, path: str) -> None:
    """What was read had no second name: see `lost_its_name`. Raises OSError."""
    if stat.S_ISREG(status.st_mode) and lost_its_name(descriptor):
        raise OSError(errno.ESTALE, "it had a second name", path)


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
