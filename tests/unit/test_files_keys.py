"""Changing files under an idempotency key: once, whenever the server is killed. Every step at which it can be
is tried in test_files_kills.py; here the keys come in."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.files_calls import CALLER, call
from toolservers.files.text.encodings import etag_of
from toolservers.files.tools import Settings, server
from toolward.errors import Conflict, OutcomeUnknown, Unavailable
from toolward.types import NO_CONTEXT, ToolCall, ToolResult

OLD, NEW = b"old\n", b"new\n"
CALLS: dict[str, tuple[str, dict[str, str], dict[str, bytes]]] = {
    "create": ("write_file", {"path": "deep/a", "content": "new\n"}, {"old": OLD, "deep/a": NEW}),
    "overwrite": (
        "write_file",
        {"path": "old", "content": "new\n", "mode": "overwrite", "etag": etag_of(OLD)},
        {"old": NEW},
    ),
    "append": ("write_file", {"path": "old", "content": "new\n", "mode": "append"}, {"old": OLD + NEW}),
    "copy": ("copy_path", {"source": "old", "target": "b"}, {"old": OLD, "b": OLD}),
    "move": ("move_path", {"source": "old", "target": "deep/b"}, {"deep/b": OLD}),
    "delete": ("delete_path", {"path": "old"}, {}),
}
POINTS = {"noted": ("append",), "prepared": ("delete",), "made": ("append", "move"), "answered": ("create",)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "old").write_bytes(OLD)
    return tmp_path


@asynccontextmanager
async def running(folder: Path, root: str = "root") -> AsyncGenerator[None, None]:
    async with server.running(Settings(folder / root, state=folder / "state")):
        yield


async def change(tool: str, arguments: dict[str, str], key: str = "k") -> ToolResult:
    wish = ToolCall(tool, json.dumps(arguments).encode(), idempotency_key=key)
    return await server.call_tool(CALLER, wish, NO_CONTEXT)


async def killed(folder: Path, point: str, tool: str, arguments: dict[str, str]) -> None:
    words = (point, str(folder / "root"), str(folder / "state"), tool, json.dumps(arguments))
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.servers.dying_files", *words)
    assert await asyncio.wait_for(child.wait(), 60) == -signal.SIGKILL


def files(folder: Path) -> dict[str, bytes]:
    root = folder / "root"
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".toolward/")}


@pytest.mark.parametrize("kind", CALLS)
async def test_a_repeat_gets_the_first_result(folder: Path, kind: str) -> None:
    tool, arguments, wanted = CALLS[kind]
    async with running(folder):
        first = await change(tool, arguments)
        assert not first.is_error, first.text
    async with running(folder):
        assert await change(tool, arguments) == first
        with pytest.raises(Conflict):
            await change(tool, {**arguments, "path" if "path" in arguments else "source": "other"})
        assert files(folder) == wanted
        undo = {"change": first.structured["change"]}
        undone = await change("undo_change", undo)
        assert await change("undo_change", undo) == undone
    assert files(folder) == {"old": OLD}


@pytest.mark.parametrize(("point", "kind"), [(point, kind) for point in POINTS for kind in POINTS[point]])
async def test_a_call_that_was_killed_is_finished_by_its_repeat(folder: Path, point: str, kind: str) -> None:
    tool, arguments, wanted = CALLS[kind]
    await killed(folder, point, tool, arguments)
    assert files(folder) == (wanted if point in ("made", "answered") else {"old": OLD})
    async with running(folder):
        first = await change(tool, arguments)
        assert await change(tool, arguments) == first
        assert files(folder) == wanted
        assert not (await change("undo_change", {"change": first.structured["change"]})).is_error
    assert files(folder) == {"old": OLD}


@pytest.mark.parametrize("meanwhile", ["edited", "removed", "own folder removed"])
async def test_the_record_tells_what_was_done_whatever_others_do_meanwhile(
    folder: Path, meanwhile: str
) -> None:
    tool, arguments, _ = CALLS["move"]
    await killed(folder, "made", tool, arguments)
    moved = folder / "root/deep/b"
    if meanwhile == "edited":
        moved.write_bytes(b"theirs")
    elif meanwhile == "removed":
        moved.unlink()
    else:
        shutil.rmtree(folder / "root/.toolward")
    before = files(folder)
    async with running(folder):
        for _ in range(2):
            if meanwhile == "removed":  # neither where it was nor where it came: nothing tells
                with pytest.raises(OutcomeUnknown, match="'deep/b'"):
                    await change(tool, arguments)
            else:
                assert (await change(tool, arguments)).structured["path"] == "deep/b"
    assert files(folder) == before


async def test_a_refused_change_leaves_its_key_free(folder: Path) -> None:
    async with running(folder):
        assert (await change("write_file", {"path": "old", "content": "x"})).is_error
        (folder / "root" / "old").unlink()
        assert (await change("write_file", {"path": "old", "content": "x"})).structured["created"]


async def test_without_a_key_the_change_is_recorded_all_the_same(folder: Path) -> None:
    async with running(folder):
        made = await call("write_file", path="a", content="x")
        assert not [name for name in os.listdir(folder / "state") if name.startswith("keys")]
    async with running(folder):
        assert not (await call("undo_change", change=made.structured["change"])).is_error
    assert files(folder) == {"old": OLD}


async def test_each_root_has_keys_of_its_own(folder: Path) -> None:
    for name in ("one", "two"):
        async with running(folder, name):
            await change("write_file", {"path": "a", "content": "x"})
    assert [(folder / name / "a").read_text() for name in ("one", "two")] == ["x", "x"]
    modes = {path.stat().st_mode & 0o777 for path in (folder / "state").iterdir()}
    assert modes == {0o600}


async def test_keys_and_changes_that_cannot_be_recorded_stop_the_change(folder: Path) -> None:
    (folder / "state").write_text("in the way")
    async with running(folder):
        with pytest.raises(Unavailable, match="cannot be opened"):
            await change("write_file", {"path": "a", "content": "x"})
        with pytest.raises(Unavailable, match="cannot be opened"):
            await call("write_file", path="a", content="x")
    assert files(folder) == {"old": OLD}


@pytest.mark.parametrize(
    ("encoding", "end"), [("utf-8", "\r\n"), ("utf-16", "\n"), ("latin-1", "\r\n"), ("utf-8-sig", "\n")]
)
async def test_what_is_written_has_the_files_encoding_and_ends(folder: Path, encoding: str, end: str) -> None:
    path = folder / "root/a"
    path.write_bytes(f"é{end}".encode(encoding))
    async with running(folder):
        await call("write_file", path="a", content="ö\n", mode="append")
        assert path.read_bytes() == f"é{end}ö{end}".encode(encoding)
        etag = etag_of(path.read_bytes())
        await call("write_file", path="a", content="ü\nß\n", mode="overwrite", etag=etag)
        assert path.read_bytes() == f"ü{end}ß{end}".encode(encoding)
        refused = await call("write_file", path="b", content="x", etag=etag)
        assert "leave it out" in refused.text
