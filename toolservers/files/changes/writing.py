"""Changing the bytes of a file: a new one, another version of one, more at its end."""

import errno
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

from toolservers.files.changes.committing import Committer, new_id
from toolservers.files.changes.copies import copy_data, make_alike
from toolservers.files.changes.journal import Change, Operation
from toolservers.files.changes.outcome import Changed, Told, with_etag
from toolservers.files.changes.renames import At
from toolservers.files.changes.staging import Staged, inherit_group, staged_file, write_all
from toolservers.files.changes.trees import READ, file_mark, large_mark, size_on_disk, survey
from toolservers.files.paths.refusals import shown
from toolservers.files.paths.root import Parent, require_plain
from toolservers.files.text.encodings import HEAD, MAX_FILE, etag_of, read_whole, weak_etag
from toolward.errors import ToolError


class Writing(NamedTuple):
    """One change of one file: `own` is the folder where it is prepared, `parent` where the file is or shall be."""

    committer: Committer
    own: int
    parent: Parent
    told: Told

    @property
    def target(self) -> At:
        return At(self.parent.descriptor, self.parent.name)

    @property
    def path(self) -> str:
        """As a caller writes it."""
        return self.committer.shown(self.parent.path)

    def create(self, data: bytes) -> Changed:
        _require_small(self.path, len(data))
        if self.target.status() is not None:
            raise _is_there(self.path)
        self.committer.require_room(len(data), self.own)
        change_id, etag = new_id(), etag_of(data)
        changed = Changed(self.path, change_id, etag, len(data), created=True)
        with staged_file(At(self.own, change_id), 0o666) as staged:
            inherit_group(staged.descriptor, self.parent.descriptor)
            write_all(staged.descriptor, data)
            os.fsync(staged.descriptor)
            change = self._change(staged, "created", "put", file_mark(etag), adds=len(data))
            self.committer.commit(change, self.own, staged.at, self.target, lambda: self.told(changed))
        return changed

    def replace(
        self, transform: Callable[[bytes], bytes], etag: str | None, action: str, *, require: bool
    ) -> Changed:
        if require and self.target.status() is None:
            raise ToolError(f"{shown(self.path)} does not exist; give mode `create` to make it.")
        with self._present() as (old, data):
            if data is None:
                raise _too_large(self.path, os.fstat(old).st_size)
            require_etag(self.path, etag, etag_of(data), needed=require)
            return self._swap(old, data, transform(data), action)

    def append(self, tail: Callable[[bytes], bytes], etag: str | None) -> Changed:
        if self.target.status() is None:
            require_etag(self.path, etag, None)
            return self.create(tail(b""))
        with self._present() as (old, data):
            before = os.fstat(old)
            require_etag(self.path, etag, weak_etag(before) if data is None else etag_of(data))
            more = tail(os.pread(old, HEAD, 0) if data is None else data)
            if data is None or len(data) + len(more) > MAX_FILE:
                mark = large_mark(before) if data is None else file_mark(etag_of(data))
                return self._grow(old, before, mark, more)
            return self._swap(old, data, data + more, "appended to")

    @contextmanager
    def _present(self) -> Generator[tuple[int, bytes | None]]:
        """The file as it is: its descriptor, and its bytes unless it is a large one. Raises OSError, ToolError."""
        with self.committer.root.entry(self.parent.descriptor, self.parent.path, READ) as opened:
            require_plain(opened.status, self.path)
            if not opened.status.st_mode & 0o222:  # a rename would not mind
                raise PermissionError(errno.EACCES, "is read-only", self.path)
            data = read_whole(opened.descriptor)
            old = os.dup(opened.descriptor)
        try:  # beyond the checks of what was read: our own change takes the file's name away
            yield old, data
        finally:
            os.close(old)

    def _swap(self, old: int, before: bytes, data: bytes, action: str) -> Changed:
        _require_small(self.path, len(data))
        self.committer.require_room(len(data), self.own)
        change_id, etag = new_id(), etag_of(data)
        changed = Changed(self.path, change_id, etag, len(data))
        with staged_file(At(self.own, change_id)) as staged:
            write_all(staged.descriptor, data)
            make_alike(staged.descriptor, old, owner=True)
            os.fsync(staged.descriptor)
            change = self._change(
                staged, action, "swap", file_mark(etag), kept_bytes=len(before), adds=len(data)
            )
            mark = file_mark(etag_of(before))
            self.committer.commit(
                change, self.own, staged.at, self.target, lambda: self.told(changed), _still(mark)
            )
        return changed

    def _grow(self, old: int, before: os.stat_result, mark: str, more: bytes) -> Changed:
        """A large file, by a copy of it: whole or not at all, like a small one. `mark` is of what it was."""
        change_id = new_id()
        size = before.st_size + len(more)
        self.committer.require_room(size_on_disk(before) + len(more), self.own)
        changed = Changed(self.path, change_id, None, size)
        with staged_file(At(self.own, change_id)) as staged:
            copy_data(old, staged.descriptor)
            os.lseek(staged.descriptor, 0, os.SEEK_END)
            write_all(staged.descriptor, more)
            make_alike(staged.descriptor, old, owner=True)
            os.fsync(staged.descriptor)
            new_mark, _, adds = survey(staged.at)
            change = self._change(
                staged, "appended to", "swap", new_mark, kept_bytes=size_on_disk(before), adds=adds
            )
            self.committer.commit(
                change, self.own, staged.at, self.target, lambda: self.told(changed), _still(mark)
            )
        return with_etag(changed, new_mark, self.target)

    def _change(
        self,
        staged: Staged,
        action: str,
        operation: Operation,
        mark: str,
        *,
        kept_bytes: int = 0,
        adds: int = 0,
    ) -> Change:
        name = staged.at.name
        change = Change(name, action, operation, self.parent.path, kept=name, inode=staged.inode, mark=mark)
        return change._replace(kept_bytes=kept_bytes, adds=adds)


def _still(mark: str) -> Callable[[At, At], bool]:
    """What was swapped out is what was read: nobody changed or replaced it meanwhile."""
    return lambda source, _target: survey(source).mark == mark


def require_etag(path: str, etag: str | None, present: str | None, *, needed: bool = False) -> None:
    """That the caller has seen what stands there. Raises ToolError."""
    if etag is None and needed:
        raise ToolError(
            f"The etag is needed to overwrite {shown(path)}: `read_file` it first, so that nothing is replaced "
            "unseen."
        )
    if etag is not None and etag != present:
        now = "there is no such file" if present is None else f"its etag is {present} now"
        raise ToolError(
            f"{shown(path)} is not the version {etag[:40]!r}: {now}. `read_file` it again, decide on what it is "
            "now, and give that etag."
        )


def _require_small(path: str, size: int) -> None:
    if size > MAX_FILE:
        raise _too_large(path, size)


def _too_large(path: str, size: int) -> ToolError:
    return ToolError(
        f"{shown(path)} has, or would have, {size:,} bytes; files of at most {MAX_FILE:,} are written. Larger ones "
        "can be read in parts, appended to, copied, moved and deleted."
    )


def _is_there(path: str) -> ToolError:
    return ToolError(
        f"{shown(path)} exists already; to replace it, `read_file` it and give mode `overwrite` and its etag; "
        "to add at its end, give mode `append`."
    )
