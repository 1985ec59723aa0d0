"""One folder and everything that tools do in it, by descriptors that were opened beneath it."""

import errno
import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from toolservers.files.atomic import Staged, is_temporary, replace_file, unstage
from toolservers.files.containment import FOLDER, Opener, best_opener
from toolservers.files.refusals import explained, leaves_root, shown
from toolward.errors import ConfigurationError, OutcomeUnknown, ToolError

MAX_FILE = 10_000_000
"""Bytes in the largest file that is read or written."""

_MAX_PATH = 4096
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # opening a pipe must not wait for a writer

WriteMode = Literal["create", "overwrite", "append"]
Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True)
class Entry:
    name: str
    kind: Kind
    bytes: int | None = None  # of files


@dataclass(frozen=True)
class Contents:
    """A regular file as it was read at once."""

    data: bytes
    status: os.stat_result

    @property
    def etag(self) -> str:
        return etag_of(self.data)


def etag_of(data: bytes) -> str:
    """Names a version of a file's bytes: 16 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:16]


class Version(NamedTuple):
    """What writing makes of a file."""

    bytes: int
    etag: str
    created: bool


OnStaged = Callable[[Staged, Version], None]


def _not_told(_staged: Staged, _version: Version) -> None:
    pass


class Root:
    """Blocking: call it from a worker thread. All methods raise ToolError for what a caller can mend."""

    def __init__(self, path: Path, opener: Opener | None = None) -> None:
        """Makes the folder where it is missing. Raises ConfigurationError where that or opening it fails."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.path = PurePosixPath(path.resolve(strict=True))
            self._folder = os.open(self.path, FOLDER)
        except OSError as error:
            raise ConfigurationError(
                f"The root folder {path} cannot be used: {error.strerror}.",
                hint="Set --root or TOOLWARD_FILES_ROOT to a folder that this user may read and write.",
            ) from None
        self._open = best_opener(self._folder) if opener is None else opener
        self._writing = threading.Lock()  # between comparing an etag and replacing the file

    def close(self) -> None:
        os.close(self._folder)

    def relative(self, path: str) -> str:
        """`path` from the root, without empty parts: `.` for the root itself. `..` stays, since what it
        means depends on links; the opener judges it."""
        if "\0" in path or len(path) > _MAX_PATH or not _is_encodable(path):
            raise ToolError(
                f"{shown(path)} cannot be a path: it is too long, or has characters that no name can have; "
                "use one such as `notes/today.md`."
            )
        parts = PurePosixPath(path)
        if parts.is_absolute():
            if not parts.is_relative_to(self.path):
                raise leaves_root(path)
            parts = parts.relative_to(self.path)
        return str(parts)

    def entries(self, path: str, first: int, count: int) -> tuple[list[Entry], int]:
        """At most `count` entries from the one numbered `first`, by name, and how many there are in all."""
        with explained(path), self._opened(self.relative(path), FOLDER) as folder:
            names = sorted(name for name in os.listdir(folder) if not is_temporary(name))
            found = [_entry(folder, name) for name in names[first : first + count]]
            return [entry for entry in found if entry is not None], len(names)

    def read(self, path: str) -> Contents:
        with explained(path), self._opened(self.relative(path), _READ) as file:
            return _contents(file, path)

    def write(
        self, path: str, data: bytes, mode: WriteMode, etag: str | None, on_staged: OnStaged = _not_told
    ) -> Version:
        """`create` fails where there is something already; `overwrite` needs the etag of what it replaces;
        `append` makes the file where there is none, and checks the etag where one is given.

        `on_staged` is told, just before the file comes into place, by what `came_into_place` finds it again.
        """
        with explained(path), self._writing, self._parent(path, make=mode != "overwrite") as (folder, name):
            present = None if mode == "create" else _present(folder, name, path)
            _check_etag(path, mode, etag, present)
            if present is not None and not present.status.st_mode & 0o222:  # a rename would not mind
                raise PermissionError(errno.EACCES, "is read-only", path)
            if mode == "append" and present is not None:
                decoded(present.data, path)  # bytes in another encoding would become a mixture
                data = present.data + data
            if len(data) > MAX_FILE:
                raise _too_large(path, len(data))
            version = Version(len(data), etag_of(data), present is None)
            try:
                replace_file(
                    folder,
                    name,
                    data,
                    like=present.status if present else None,
                    on_staged=lambda staged: on_staged(staged, version),
                )
            except FileExistsError:
                raise ToolError(
                    f"{shown(path)} exists already; to replace it, `read_file` it and give mode `overwrite` "
                    "and its etag; to add at its end, give mode `append`."
                ) from None
            return version

    def came_into_place(self, path: str, staged: Staged, etag: str) -> bool:
        """Whether what was staged for `path` stands there; if not, it cannot come there any more.

        Raises OutcomeUnknown where neither can be told: the file was changed or replaced since.
        """
        with suppress(OSError, ToolError), self._parent(path, make=False) as (folder, name):
            if _stands(folder, name, path, staged, etag):
                return True
            if unstage(folder, staged):
                return False
            if _stands(folder, name, path, staged, etag):  # it came between the two looks
                return True
        raise OutcomeUnknown(
            f"An earlier call with this idempotency key was writing {shown(path)}, and what stands there now does "
            "not tell whether it did.",
            hint="`read_file` it and decide on what it is now; a new key makes a new call.",
        )

    @contextmanager
    def _opened(self, path: str, flags: int) -> Generator[int]:
        descriptor = self._open(self._folder, path, flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _parent(self, path: str, *, make: bool) -> Generator[tuple[int, str]]:
        """The folder that holds `path`, opened, and the last name; missing folders are made."""
        *folders, name = self.relative(path).split("/")
        if name in (".", ".."):
            raise ToolError(f"{shown(path)} is a folder; give the path of a file in it.")
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(self._opened("/".join(folders) or ".", FOLDER))
            except FileNotFoundError:
                if not make or ".." in folders:
                    raise
                folder = self._made(folders, stack)
            yield folder, name

    def _made(self, folders: list[str], stack: ExitStack) -> int:
        """Each folder is made in the one before it, by descriptor, and then opened without following links."""
        above = self._folder
        for count, name in enumerate(folders, start=1):
            try:
                below = self._open(self._folder, "/".join(folders[:count]), FOLDER)
            except FileNotFoundError:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=above)
                below = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=above)
            stack.callback(os.close, below)
            above = below
        return above


def decoded(data: bytes, path: str) -> str:
    """Raises ToolError where the file is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ToolError(
            f"{shown(path)} is not UTF-8 text (byte {data[error.start]:#04x} at {error.start:,}); "
            "only text files can be used here."
        ) from None


def _is_encodable(path: str) -> bool:
    return not re.search("[\ud800-\udfff]", path)


def _entry(folder: int, name: str) -> Entry | None:
    """None where it has gone meanwhile."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not _is_encodable(name):  # bytes that are no UTF-8: shown, but not to be used
        return Entry(os.fsencode(name).decode(errors="replace"), "other")
    if stat.S_ISREG(status.st_mode):
        return Entry(name, "file", status.st_size)
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, "folder")
    return Entry(name, "link" if stat.S_ISLNK(status.st_mode) else "other")


def _contents(file: int, path: str) -> Contents:
    status = os.fstat(file)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ENXIO, "is a special file", path)
    if status.st_nlink > 1:
        raise ToolError(
            f"{shown(path)} has a second name (a hard link), which may lie outside the root; copy the file to "
            "use it here."
        )
    if status.st_size > MAX_FILE:
        raise _too_large(path, status.st_size)
    data = bytearray()
    while chunk := os.read(file, MAX_FILE + 1 - len(data)):
        data += chunk
        if len(data) > MAX_FILE:  # it grows while it is read
            raise _too_large(path, len(data))
    return Contents(bytes(data), status)


def _present(folder: int, name: str, path: str) -> Contents | None:
    try:
        file = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        return _contents(file, path)
    finally:
        os.close(file)


def _stands(folder: int, name: str, path: str, staged: Staged, etag: str) -> bool:
    try:
        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino != staged.inode:
            return False
    except FileNotFoundError:
        return False
    unstage(folder, staged)  # a link, where renaming is not to be had, leaves both names for a moment
    present = _present(folder, name, path)
    return present is not None and present.etag == etag


def _check_etag(path: str, mode: WriteMode, etag: str | None, present: Contents | None) -> None:
    if mode == "create":
        if etag is not None:
            raise ToolError("An etag goes with `overwrite` or `append`; leave it out to create a file.")
    elif mode == "overwrite" and present is None:
        raise ToolError(f"{shown(path)} does not exist; give mode `create` to make it.")
    elif mode == "overwrite" and etag is None:
        raise ToolError(
            f"To overwrite {shown(path)}, its present etag is needed; `read_file` says it after the text."
        )
    elif etag is not None and etag != (present.etag if present else None):
        raise ToolError(
            f"{shown(path)} is not the version with the etag {etag[:32]!r} any more; `read_file` it again and "
            "decide on what it is now."
        )


def _too_large(path: str, size: int) -> ToolError:
    return ToolError(
        f"{shown(path)} has or would have {size:,} bytes, and at most {MAX_FILE:,} are taken; "
        "use smaller files."
    )
