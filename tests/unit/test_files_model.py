"""Any changes and undos in any order against a model of the folder in memory; many at once, that lose nothing."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.files_changes import Folder, Tree, quick_folder
from toolservers.files.changes import Changed, renames
from toolservers.files.text.encodings import etag_of
from toolward.errors import ToolError

EXAMPLES = int(os.environ.get("TOOLWARD_MODEL_EXAMPLES", "15"))
PATHS = st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a"])
BYTES = st.binary(max_size=20)


class Made(NamedTuple):
    """A change, and what it and its undo make of the folder's parts."""

    change: str
    before: Tree
    after: Tree


class Model(RuleBasedStateMachine):
    """What is told to have been done has been done, byte for byte; what is refused has changed nothing."""

    @initialize(links=st.booleans())
    def begin(self, links: bool) -> None:
        self._stack = ExitStack()
        if links:
            patch = self._stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(renames, "_libc", object())
        self._folder = self._stack.enter_context(quick_folder())
        self._tree: Tree = {}
        self._made: list[Made] = []
        self._disturbed = False  # by a refusal that left folders, since the last change

    def teardown(self) -> None:
        self._stack.close()

    @invariant()
    def is_as_the_model(self) -> None:
        assert self._folder.tree() == self._tree

    @rule(path=PATHS, data=BYTES)
    def create(self, path: str, data: bytes) -> None:
        allowed = path not in self._tree and self._can_hold(path)
        self._try(allowed, path, {path: data}, lambda f: f.changes.create(f(path), data))

    @rule(path=PATHS, data=BYTES)
    def replace(self, path: str, data: bytes) -> None:
        allowed = self._tree.get(path) is not None
        self._try(allowed, path, {path: data}, lambda f: f.changes.replace(f(path), lambda _old: data))

    @rule(path=PATHS, data=BYTES)
    def append(self, path: str, data: bytes) -> None:
        old = self._tree.get(path)
        allowed = old is not None or (path not in self._tree and self._can_hold(path))
        new: Tree = {path: (old or b"") + data}
        self._try(allowed, path, new, lambda f: f.changes.append(f(path), lambda _old: data))

    @rule(start=PATHS, end=PATHS)
    def copy(self, start: str, end: str) -> None:
        new = self._under(start, end)
        self._try(self._can_go(start, end), end, new, lambda f: f.changes.copy(f(start), f(end)))

    @rule(start=PATHS, end=PATHS)
    def move(self, start: str, end: str) -> None:
        new, gone = self._under(start, end), self._under(start, start)
        self._try(self._can_go(start, end), end, new, lambda f: f.changes.move(f(start), f(end)), gone)

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        gone = self._under(path, path)
        self._try(path in self._tree, path, {}, lambda f: f.changes.delete(f(path)), gone)

    @rule(number=st.integers(0, 30))
    def undo(self, number: int) -> None:
        """One of the last changes: refused, or all that it touched is as it was."""
        if not self._made:
            return
        made = self._made[-1 - number % len(self._made)]
        before = dict(self._tree)
        try:
            undone = self._folder.changes.undo(made.change)
        except ToolError:
            assert made is not self._made[-1] or self._disturbed, "the last change can be undone"
            return
        self._disturbed = False
        self._made.remove(made)
        for name in made.after:
            self._tree.pop(name, None)
        self._tree |= made.before
        self._with_folders(made.before)
        self._made.append(Made(undone.change, _part(before, made), _part(self._tree, made)))

    def _try(
        self,
        allowed: bool,
        path: str,
        new: Tree,
        change: Callable[[Folder], Changed],
        gone: Tree | None = None,
    ) -> None:
        before = dict(self._tree)
        try:
            changed = change(self._folder)
        except ToolError:
            assert not allowed
            self._made_folders(path)
            return
        assert allowed
        self._disturbed = False
        for name in gone or {}:
            del self._tree[name]
        self._tree |= new
        self._with_folders(new)
        touched = {*new, *(gone or {})}
        self._made.append(
            Made(
                changed.change,
                {name: before[name] for name in touched if name in before},
                {name: self._tree[name] for name in touched if name in self._tree},
            )
        )

    def _under(self, path: str, to: str) -> Tree:
        """What is at a path, as it would be at another."""
        return {
            to + name[len(path) :]: data
            for name, data in self._tree.items()
            if name == path or name.startswith(f"{path}/")
        }

    def _can_hold(self, path: str) -> bool:
        return all(self._tree.get(above) is None for above in _above(path))

    def _can_go(self, source: str, target: str) -> bool:
        return (
            source in self._tree
            and target not in self._tree
            and self._can_hold(target)
            and not f"{target}/".startswith(f"{source}/")
        )

    def _with_folders(self, names: Tree) -> None:
        for name in names:
            for above in _above(name):
                self._tree.setdefault(above, None)

    def _made_folders(self, path: str) -> None:
        """A refusal may come after the folders above were made."""
        there = self._folder.tree()
        for above in _above(path):
            if above in there and above not in self._tree:
                assert there[above] is None
                self._tree[above] = None
                self._disturbed = True


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _part(tree: Tree, made: Made) -> Tree:
    return {name: tree[name] for name in {*made.before, *made.after} if name in tree}


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=EXAMPLES, stateful_step_count=20, deadline=None)


# --- many at once


def count_up(folder: Folder, times: int) -> None:
    """One more in a file, so often, by the etag of what was read."""
    for _ in range(times):
        while True:
            data = (folder.path / "count").read_bytes()
            etag = etag_of(data)
            try:
                folder.changes.replace(folder("count"), lambda old: b"%d" % (int(old) + 1), etag)
            except ToolError:
                continue
            break


def test_many_threads_and_processes_with_etags_lose_no_change() -> None:
    with quick_folder() as folder:
        (folder.path / "count").write_bytes(b"0")
        program = (
            "import sys; from pathlib import Path; from tests.unit import test_files_model as model;"
            "folder = model.Folder(Path(sys.argv[1])); model.count_up(folder, 10)"
        )
        others = [subprocess.Popen([sys.executable, "-c", program, str(folder.base)]) for _ in range(2)]
        threads = [threading.Thread(target=count_up, args=(folder, 10)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [other.wait(60) for other in others] == [0, 0]
        assert (folder.path / "count").read_bytes() == b"50"
        assert folder.kept() == folder.known()
