"""Undoing a change by its id: the rename the other way round, where what it left is still what stands there."""

from collections.abc import Sequence
from typing import NamedTuple

from toolservers.files.changes.committing import Committer, Expected, exists_already, new_id
from toolservers.files.changes.guarding import untouchable
from toolservers.files.changes.journal import Change, Operation
from toolservers.files.changes.outcome import Changed, Told, etag_of_mark, with_etag
from toolservers.files.changes.renames import At, inode_of
from toolservers.files.changes.trees import Survey, survey
from toolservers.files.paths.refusals import shown
from toolservers.files.paths.root import Parent
from toolward.errors import ToolError

_NAMED = 5
"""Changes that a refusal names."""


def undo(committers: Sequence[Committer], change_id: str, told: Told) -> Changed:
    for committer in committers:
        if committer.root.writable and committer.has_journal():
            with committer.changing() as own:
                change = committer.journal.find(change_id)
                if change is not None:
                    _require_undoable(committer, change)
                    return _Undoing(committer, own, change, told).undo()
    raise _unknown(committers, change_id)


class _Undoing(NamedTuple):
    committer: Committer
    own: int
    change: Change
    told: Told

    def undo(self) -> Changed:
        change, root = self.change, self.committer.root
        with root.parent(change.path, make=change.operation == "take") as parent:
            target = At(parent.descriptor, parent.name)
            if change.operation == "take":
                return self._put_back(parent, target)
            if target.status() is None:
                raise self._changed_since()
            found = survey(target, untouchable(root, parent.path))
            if found.mark != change.mark:
                raise self._changed_since()
            match change.operation:
                case "put":
                    return self._take_away(target, found)
                case "swap":
                    return self._swap_back(target, found)
                case _:
                    return self._move_back(target, found)

    def _put_back(self, parent: Parent, target: At) -> Changed:
        if target.status() is not None:
            raise exists_already(self.committer.shown(self.change.path))
        kept, inode = self._kept()
        found = survey(kept, untouchable(self.committer.root, parent.path))
        return self._commit(
            self._new("put", self.change.path)._replace(kept=kept.name, inode=inode, mark=found.mark),
            kept,
            target,
            found.size,
        )

    def _take_away(self, target: At, found: Survey) -> Changed:
        inode = inode_of(target.status())
        new = self._new("take", self.change.path)
        return self._commit(
            new._replace(kept=new.id, inode=inode, kept_bytes=found.bytes),
            At(self.own, new.id),
            target,
            found.size,
            lambda kept, _target: inode_of(kept.status()) == inode,
        )

    def _swap_back(self, target: At, found: Survey) -> Changed:
        kept, inode = self._kept()
        earlier = survey(kept)
        new = self._new("swap", self.change.path)._replace(
            kept=kept.name, inode=inode, mark=earlier.mark, kept_bytes=found.bytes
        )
        mark = self.change.mark
        return self._commit(
            new, kept, target, earlier.size, lambda source, _target: survey(source).mark == mark
        )

    def _move_back(self, at: At, found: Survey) -> Changed:
        change, inode = self.change, inode_of(at.status())
        with self.committer.root.parent(change.source, make=True) as parent:
            target = At(parent.descriptor, parent.name)
            if target.status() is not None:
                raise exists_already(self.committer.shown(change.source))
            new = self._new("move", change.source)._replace(source=change.path, inode=inode, mark=change.mark)
            return self._commit(
                new, at, target, found.size, lambda _source, moved: inode_of(moved.status()) == inode
            )

    def _new(self, operation: Operation, path: str) -> Change:
        return Change(new_id(), f"undid {self.change.id}:", operation, path, undoes=self.change.id)

    def _kept(self) -> tuple[At, str]:
        kept = At(self.own, self.change.kept)
        status = kept.status()
        if status is None:
            raise ToolError(
                f"The change {self.change.id} cannot be undone: what it kept was removed by somebody else."
            )
        return kept, inode_of(status)

    def _commit(
        self, new: Change, source: At, target: At, size: int, expected: Expected = lambda _s, _t: True
    ) -> Changed:
        path = self.committer.shown(new.path)
        created = new.operation == "put"
        changed = Changed(path, new.id, etag_of_mark(new.mark), size, created)
        self.committer.commit(new, self.own, source, target, lambda: self.told(changed), expected)
        return with_etag(changed, new.mark, target)

    def _changed_since(self) -> ToolError:
        change, committer = self.change, self.committer
        later = committer.journal.latest_of(change.path, change.seq)
        by = f" by the change {described(committer, later)}; undo that first" if later else ""
        return ToolError(
            f"{shown(committer.shown(change.path))} has changed since the change {change.id}{by}; nothing was "
            "undone."
        )


def described(committer: Committer, change: Change) -> str:
    """Such as `1f2e3d4c5b (deleted 'notes/a.md')`."""
    path = repr(committer.shown(change.path))
    if change.source:
        path = f"{committer.shown(change.source)!r} to {path}"
    return f"{change.id} ({change.action} {path})"


def _require_undoable(committer: Committer, change: Change) -> None:
    if change.undone_by:
        raise ToolError(
            f"The change {change.id} was undone already, by the change {change.undone_by}; to do it again, undo "
            "that."
        )
    if change.state == "unknown":
        raise ToolError(
            f"Nobody knows whether the change {described(committer, change)} took place: the server was killed, "
            "and its own folder removed. Look at the file, and change it anew."
        )
    if change.operation in ("swap", "take") and not change.kept:
        raise ToolError(
            f"The change {described(committer, change)} is too old to be undone: what it kept was removed to make "
            "room for newer things."
        )


def _unknown(committers: Sequence[Committer], change_id: str) -> ToolError:
    found: list[tuple[float, str]] = []
    for committer in committers:
        if committer.root.writable and committer.has_journal():
            with committer.changing():
                latest = committer.journal.latest(_NAMED)
            found += [(change.at, described(committer, change)) for change in latest]
    names = [text for _, text in sorted(found, reverse=True)[:_NAMED]]
    known = f"the last ones were {'; '.join(names)}" if names else "there were none yet"
    return ToolError(f"There is no change {shown(change_id)}: {known}.")
