"""Copying, moving and deleting whatever is there: one rename each, at the end."""

import os
import stat
from contextlib import ExitStack

from toolservers.files.changes.committing import Committer, exists_already, new_id
from toolservers.files.changes.copies import copy_data, copy_folder, make_alike, require_copyable
from toolservers.files.changes.guarding import check_again, every, invisible, untouchable
from toolservers.files.changes.journal import Change
from toolservers.files.changes.outcome import Changed, Told, etag_of_mark, with_etag
from toolservers.files.changes.renames import At, inode_of
from toolservers.files.changes.staging import Staged, inherit_group, staged_file, staged_folder
from toolservers.files.changes.trees import Entry, size_on_disk, survey
from toolservers.files.paths.refusals import shown
from toolservers.files.paths.root import Opened
from toolward.errors import ToolError


def delete(committer: Committer, path: str, told: Told) -> Changed:
    root = committer.root
    with committer.changing() as own, root.parent(path) as parent:
        target = At(parent.descriptor, parent.name)
        inode, found = inode_of(target.status()), survey(target, untouchable(root, parent.path))
        name = new_id()
        change = Change(name, "deleted", "take", parent.path, kept=name, inode=inode, kept_bytes=found.bytes)
        changed = Changed(committer.shown(parent.path), name, None, found.size)
        committer.commit(
            change,
            own,
            At(own, name),
            target,
            lambda: told(changed),
            lambda kept, _target: inode_of(kept.status()) == inode,
        )
    return changed


def move(committer: Committer, other: Committer, path: str, to: str, told: Told) -> Changed:
    if committer is not other:
        raise ToolError(
            f"{shown(committer.shown(path))} and {shown(other.shown(to))} lie in two roots, between which "
            "nothing is moved at once; `copy_path` it and then `delete_path` the first: each can be undone."
        )
    root = committer.root
    _require_apart(committer, path, to, "moved")
    with committer.changing() as own, root.parent(path) as start:
        source = At(start.descriptor, start.name)
        inode = inode_of(source.status())
        found = survey(source, every(untouchable(root, start.path), untouchable(root, to)))
        with root.parent(to, make=True) as end:
            _require_apart(committer, start.path, end.path, "moved")
            check_again(source, root, end.path, to)
            target = At(end.descriptor, end.name)
            if target.status() is not None:
                raise exists_already(committer.shown(end.path))
            change = Change(new_id(), "moved", "move", end.path, start.path, inode=inode, mark=found.mark)
            changed = Changed(committer.shown(end.path), change.id, etag_of_mark(found.mark), found.size)
            committer.commit(
                change,
                own,
                source,
                target,
                lambda: told(changed),
                lambda _source, moved: inode_of(moved.status()) == inode,
            )
            return with_etag(changed, found.mark, target)


def copy(committer: Committer, other: Committer, path: str, to: str, told: Told) -> Changed:
    """Into the root of `other`. The copy is made while others go on changing things; only its end is a change."""
    with ExitStack() as stack:
        opened = stack.enter_context(committer.root.anything(path))
        check = every(invisible(committer.root, opened.path), untouchable(other.root, to), _copyable)
        if committer is other:
            _require_apart(committer, opened.path, to, "copied")
        source = At(opened.descriptor, ".")
        is_folder = stat.S_ISDIR(opened.status.st_mode)
        size = survey(source, check).bytes if is_folder else size_on_disk(opened.status)
        staged = _begun(other, to, size, opened, stack, is_same=committer is other)
        if is_folder:
            copy_folder(source, staged.descriptor, check)
        else:
            copy_data(opened.descriptor, staged.descriptor)
            make_alike(staged.descriptor, opened.descriptor, owner=False)
            os.fsync(staged.descriptor)
        return _put(other, to, staged, told)


def _begun(
    committer: Committer, to: str, size: int, source: Opened, stack: ExitStack, *, is_same: bool
) -> Staged:
    """Something empty, where there is a place and room for it. Nobody is kept waiting for what follows."""
    with committer.changing() as own, committer.root.parent(to, make=True) as parent:
        if is_same:
            _require_apart(committer, source.path, parent.path, "copied")
        if At(parent.descriptor, parent.name).status() is not None:
            raise exists_already(committer.shown(parent.path))
        committer.require_room(size, own)
        folder = os.dup(own)
        stack.callback(os.close, folder)
        make = staged_folder if stat.S_ISDIR(source.status.st_mode) else staged_file
        staged = stack.enter_context(make(At(folder, new_id())))
        inherit_group(staged.descriptor, parent.descriptor)
        return staged


def _put(committer: Committer, to: str, staged: Staged, told: Told) -> Changed:
    found = survey(staged.at)
    with committer.changing() as own, committer.root.parent(to, make=True) as parent:
        if stat.S_ISDIR(os.fstat(staged.descriptor).st_mode):
            check_again(staged.at, committer.root, parent.path, to)
        committer.require_room(found.bytes, own)
        name, target = staged.at.name, At(parent.descriptor, parent.name)
        change = Change(name, "copied", "put", parent.path, kept=name, inode=staged.inode, mark=found.mark)
        etag = etag_of_mark(found.mark)
        changed = Changed(committer.shown(parent.path), name, etag, found.size, created=True)
        committer.commit(change._replace(adds=found.bytes), own, At(own, name), target, lambda: told(changed))
        return with_etag(changed, found.mark, target)


def _copyable(entry: Entry) -> None:
    require_copyable(entry.path, entry.status)


def _require_apart(committer: Committer, path: str, to: str, done: str) -> None:
    if f"{to}/".startswith(f"{path}/"):
        names = shown(committer.shown(path)), shown(committer.shown(to))
        inside = "onto itself" if path == to else "into itself"
        raise ToolError(f"{names[0]} cannot be {done} {inside} ({names[1]}); choose another target.")
