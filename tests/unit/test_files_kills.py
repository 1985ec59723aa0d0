"""A change that is killed (-9) after each of its steps: it is whole or not there at all, a repeat finds out which,
and it can be undone.

Steps are what renames, and what the journal notes; with TOOLWARD_EVERY_STEP also each file that is opened and each
statement of the journal (`make chaos-kit`).
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.unit.files_changes import Folder, quick_folder
from toolservers.files.changes import Changed, Told, renames
from toolservers.files.changes.journal import Journal

EVERY_STEP = bool(os.environ.get("TOOLWARD_EVERY_STEP"))

Change = Callable[[Folder, Told], Changed]


def _ignore(_changed: Changed) -> None:
    pass


def _undoing(change: Change) -> Callable[[Folder], Change]:
    def prepared(folder: Folder) -> Change:
        made = change(folder, _ignore).change
        return lambda folder, told: folder.changes.undo(made, told)

    return prepared


def _plain(change: Change) -> Callable[[Folder], Change]:
    return lambda _folder: change


CHANGES: dict[str, Change] = {
    "create": lambda f, told: f.changes.create(f("new"), b"new", told),
    "replace": lambda f, told: f.changes.replace(f("old"), lambda data: data + b"er", None, told),
    "append": lambda f, told: f.changes.append(f("old"), lambda _data: b"!", None, told),
    "copy file": lambda f, told: f.changes.copy(f("old"), f("folder/copy"), told),
    "copy folder": lambda f, told: f.changes.copy(f("folder"), f("copy"), told),
    "move file": lambda f, told: f.changes.move(f("old"), f("folder/moved"), told),
    "move folder": lambda f, told: f.changes.move(f("folder"), f("moved"), told),
    "delete file": lambda f, told: f.changes.delete(f("old"), told),
    "delete folder": lambda f, told: f.changes.delete(f("folder"), told),
}
PREPARED = {name: _plain(change) for name, change in CHANGES.items()} | {
    f"undo {name}": _undoing(change) for name, change in CHANGES.items()
}


FEW = (
    *("create", "replace", "append", "copy folder", "move file", "delete folder"),
    *("undo create", "undo replace", "undo move folder", "undo delete file"),
)
WITH_LINKS = ("create", "replace", "move file", "undo replace", "undo delete file")
"""Changes whose renames differ where there is no renameat2."""


@pytest.mark.parametrize("kind", PREPARED if EVERY_STEP else FEW)
def test_a_change_that_is_killed_at_any_step_is_whole_or_not_there(kind: str) -> None:
    assert _all_kills(kind)


@pytest.mark.parametrize("kind", PREPARED if EVERY_STEP else WITH_LINKS)
def test_so_it_is_without_renameat2(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "_libc", object())
    assert _all_kills(kind)


def _all_kills(kind: str) -> bool:
    killed = 0
    while _killed_at(killed + 1, PREPARED[kind]):
        killed += 1
    return 3 < killed < 200


def _killed_at(step: int, prepared: Callable[[Folder], Change]) -> bool:
    """False where the change has fewer steps."""
    with quick_folder() as folder:
        (folder.path / "old").write_bytes(b"old")
        (folder.path / "folder/deep").mkdir(parents=True)
        (folder.path / "folder/deep/a").write_bytes(b"a")
        folder.changes.create(folder("first"), b"1")  # so that the journal is there
        change = prepared(folder)
        before = folder.tree()
        folder.close()
        told = _killed(folder, change, step)

        folder.__init__(folder.base)
        recovered = folder.changes.recover(told) if told else None
        if recovered is None:
            assert folder.tree() == before
            recovered = change(folder, _ignore)
        assert told is None or recovered.path == told.path
        after = folder.tree()
        assert after != before
        assert all(path.lstat().st_nlink == 1 for path in folder.path.rglob("*") if path.is_file())
        assert folder.kept() == folder.known()

        redo = folder.changes.undo(recovered.change)
        assert folder.tree() == before
        folder.changes.undo(redo.change)
        assert folder.tree() == after
        return _Killer.died


def _killed(folder: Folder, change: Change, step: int) -> Changed | None:
    """What the change told, in a process that was killed at that step."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            own = Folder(folder.base)
            killer = _Killer(step)
            killer.arm()
            change(own, lambda changed: _tell(writing, changed, killer))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    _Killer.died = status != 0
    return msgspec.json.decode(told, type=Changed) if told else None


def _tell(pipe: int, changed: Changed, killer: "_Killer") -> None:
    os.write(pipe, msgspec.json.encode(changed))
    killer.step()


class _Killer:
    """Counts what changes anything: system calls, and statements of the journal."""

    died = False

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        for owner, name in self._steps():
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _steps(self) -> Iterator[tuple[Any, str]]:
        for name in ("rename", "link", "unlink"):
            yield os, name
        yield renames, "_renameat2"
        for name in ("prepare", "finish", "forget", "drop"):
            yield Journal, name
        if EVERY_STEP:
            for name in ("mkdir", "symlink", "open", "write", "fsync"):
                yield os, name
            yield Journal, "_run"

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            found = function(*arguments, **named)
            self.step()
            return found

        return counted
