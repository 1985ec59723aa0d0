"""One root's changes, made one at a time: noted, renamed, compared with what was expected, made durable.

A change that a kill cut off is settled before the next one: what is in the root's own folder tells whether its
rename took place, since nobody else takes anything from there.
"""

import errno
import fcntl
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolservers.files.changes.journal import Change, Journal, Operation
from toolservers.files.changes.own_folder import OwnFolder
from toolservers.files.changes.quota import Quota
from toolservers.files.changes.renames import OLD, At, inode_of, rename, rename_new, swap
from toolservers.files.changes.trees import remove
from toolservers.files.paths.containment import real_path
from toolservers.files.paths.refusals import explained, shown
from toolservers.files.paths.root import Root
from toolward.errors import OutcomeUnknown, ToolError, ToolwardError, Unavailable

log = logging.getLogger(__name__)

Expected = Callable[[At, At], bool]
"""(source, target) after the rename -> whether what was renamed is what was looked at before."""


def new_id() -> str:
    return secrets.token_hex(5)


class Committer:
    """Blocking. `file` is the journal's; nothing is opened or made before it is needed."""

    def __init__(self, root: Root, file: Path) -> None:
        self.root, self.shown, self._file = root, root.shown, file
        self._opening = threading.Lock()
        self._open: tuple[Journal, OwnFolder, Quota] | None = None
        self._cleaned = False

    def close(self) -> None:
        if self._open is not None:
            self._open[0].close()

    def has_journal(self) -> bool:
        return self._file.exists()

    @property
    def journal(self) -> Journal:
        return self._opened()[0]

    def _opened(self) -> tuple[Journal, OwnFolder, Quota]:
        with self._opening:
            if self._open is None:
                journal = Journal(self._file)
                self._open = journal, OwnFolder(self.root, journal.folder), Quota(self.root, journal)
            return self._open

    @contextmanager
    def changing(self) -> Generator[int]:
        """The folder in which changes are prepared, while nobody else changes anything. Raises ToolError,
        Unavailable; then nothing was changed."""
        journal, folder, _ = self._opened()
        with explained(".toolward"), folder.locked() as own:
            for change in journal.prepared():
                self._settle(change, own, is_new=folder.is_new)
            if not self._cleaned:
                self._clean(own)
                self._cleaned = True
            yield own

    def require_room(self, adds: int, own: int) -> None:
        self._opened()[2].require(adds, own)

    def commit(
        self,
        change: Change,
        own: int,
        source: At,
        target: At,
        told: Callable[[], None],
        expected: Expected = lambda _source, _target: True,
    ) -> None:
        """Between `source` (what is kept or prepared in `own`; for a move where it comes from) and `target`,
        when there is room. `told` is called just before. Raises ToolError where another process was faster,
        OSError; then nothing was changed. OutcomeUnknown where only the last word to the disk fails."""
        journal, _, quota = self._opened()
        quota.require_keeping(change.kept_bytes, own)
        told()
        journal.prepare(change)
        try:
            _rename(change.operation, source, target, self.shown(change.path))
            if not (self._is_beneath(change, source, target) and _is_as(expected, source, target)):
                _take_back(change, source, target)
                raise ToolError(
                    f"{shown(self.shown(change.path))} was changed by another process at this very moment, and is "
                    "as that one left it; look at it again."
                )
        except BaseException:
            with suppress(ToolwardError):
                self._settle(change, own, is_new=False)
            raise
        self._last_word(change, source, target)
        try:
            journal.finish(change)
        except Unavailable as error:  # it is made; what stands where will tell
            log.error("a change could not be noted as done: %s", error.text)
        self._forget_old(own)

    def _is_beneath(self, change: Change, source: At, target: At) -> bool:
        """Whether the folders that were opened and judged still stand there: one that somebody moves meanwhile, out
        of the root or to where nothing may be changed, takes along what is renamed into it."""
        ends = [(target, change.path)] + [(source, change.source)] * (change.operation == "move")
        folders = [(at.folder, path.rpartition("/")[0] or ".") for at, path in ends]
        try:
            return all(real_path(self.root.descriptor, at, folder) == folder for at, folder in folders)
        except OSError:
            return False

    def _last_word(self, change: Change, source: At, target: At) -> None:
        try:
            os.fsync(target.folder)
            if change.operation != "put":
                os.fsync(source.folder)
        except OSError as error:
            raise OutcomeUnknown(
                f"The change of {shown(self.shown(change.path))} is made, but the disk does not confirm that it "
                f"stays: {error.strerror}.",
                hint="Look at it again later.",
            ) from None

    def _forget_old(self, own: int) -> None:
        journal, _, quota = self._opened()
        for old in journal.expired(time.time()):
            if old.kept:
                quota.drop(old, own)
            journal.forget(old)

    def is_done(self, change_id: str) -> bool:
        """If not, it never will be. Raises OutcomeUnknown where nothing tells."""
        with self.changing():
            change = self.journal.find(change_id)
        if change is not None and change.state == "unknown":
            raise OutcomeUnknown(
                f"An earlier call with this idempotency key was changing {shown(self.shown(change.path))}, and "
                "what stands there now does not tell whether it did.",
                hint="Look at it and decide on what it is now; a new key makes a new call.",
            )
        return change is not None

    # --- after a kill

    def _settle(self, change: Change, own: int, *, is_new: bool) -> None:
        done = self._was_moved(change) if change.operation == "move" else self._was_kept(change, own, is_new)
        if done is None:
            self.journal.give_up(change)
        elif done:
            self.journal.finish(change)
        else:
            self.journal.forget(change)
            if not change.undoes:  # what an undo works with belongs to the change that it undoes
                remove(At(own, change.kept))

    def _was_kept(self, change: Change, own: int, is_new: bool) -> bool | None:
        """Whether the rename from or to the root's own folder took place; None where that folder was removed."""
        kept = At(own, change.kept)
        status = kept.status()
        if is_new:
            stands = self._inode_at(change.path) == change.inode
            return (change.operation != "take") if stands else None
        match change.operation:
            case "take":
                return status is not None
            case "put":
                if status is None:
                    return True
                if stat.S_ISDIR(status.st_mode) or self._inode_at(change.path) != change.inode:
                    return False
                os.unlink(kept.name, dir_fd=own)  # it had both names
                return True
            case _:
                return _was_swapped(change, kept, inode_of(status))

    def _was_moved(self, change: Change) -> bool | None:
        if self._inode_at(change.source) == change.inode:
            if self._inode_at(change.path) != change.inode:
                return False
            with self.root.parent(change.source) as source:  # it had both names
                os.unlink(source.name, dir_fd=source.descriptor)
            return True
        return True if self._inode_at(change.path) == change.inode else None

    def _inode_at(self, path: str) -> str:
        with suppress(ToolError), self.root.parent(path) as parent:
            return inode_of(At(parent.descriptor, parent.name).status())
        return ""

    def _clean(self, own: int) -> None:
        """What an earlier process prepared and never used."""
        keep = self.journal.kept_names()
        for name in os.listdir(own):
            if name not in keep and not _is_in_use(At(own, name)):
                with suppress(OSError):
                    remove(At(own, name))


def _rename(operation: Operation, source: At, target: At, path: str) -> None:
    try:
        match operation:
            case "swap":
                swap(source, target)
            case "take":
                rename(target, source)
            case _:
                rename_new(source, target)
    except FileExistsError:
        raise exists_already(path) from None
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EBUSY):
            raise ToolError(
                f"{shown(path)} is on another file system than its root, or in a lower layer of a container's, "
                "where no change is atomic; ask a person to serve that folder as a root of its own."
            ) from None
        raise


def _is_as(expected: Expected, source: At, target: At) -> bool:
    try:
        return expected(source, target)
    except (OSError, ToolError):  # it has gone, or is of another kind
        return False


def exists_already(path: str) -> ToolError:
    return ToolError(
        f"{shown(path)} exists already, and is never replaced; choose another path, or delete it."
    )


def _take_back(change: Change, source: At, target: At) -> None:
    """After a rename of something that was not expected. Where yet another process was there, the newest stays and
    what we took is kept."""
    match change.operation:
        case "swap":
            swap(source, target)
            if inode_of(source.status()) != change.inode:
                swap(source, target)
        case "take":
            with suppress(FileExistsError):
                rename_new(source, target)
        case _:
            with suppress(FileExistsError):
                rename_new(target, source)


def _was_swapped(change: Change, kept: At, inode: str) -> bool:
    old = At(kept.folder, kept.name + OLD)
    if old.status() is None:
        return inode != change.inode
    if inode:  # cut off before the second step of three
        os.unlink(old.name, dir_fd=old.folder)
        return False
    rename(old, kept)
    return True


def _is_in_use(at: At) -> bool:
    """Whether another process is copying into it."""
    try:
        file = os.open(at.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at.folder)
    except OSError as error:
        return isinstance(error, PermissionError)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
