"""Writing a file under an idempotency key: once, whenever the server is killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.files_calls import CALLER, call
from toolservers.files.root import etag_of
from toolservers.files.tools import Settings, server
from toolward.errors import Conflict, OutcomeUnknown, Unavailable
from toolward.types import NO_CONTEXT, ToolCall, ToolResult

OLD, NEW = b"old\n", b"new\n"
CALLS: dict[str, tuple[dict[str, str], bytes]] = {
    "create": ({"path": "deep/in/a", "content": "new\n"}, NEW),
    "overwrite": ({"path": "old", "content": "new\n", "mode": "overwrite", "etag": etag_of(OLD)}, NEW),
    "append": ({"path": "old", "content": "new\n", "mode": "append"}, OLD + NEW),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "old").write_bytes(OLD)
    return tmp_path


@asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[None, None]:
    async with server.running(Settings(folder / "root", str(folder / "keys"))):
        yield


async def write(arguments: dict[str, str], key: str = "k") -> ToolResult:
    wish = ToolCall("write_file", json.dumps(arguments).encode(), idempotency_key=key)
    return await server.call_tool(CALLER, wish, NO_CONTEXT)


async def killed(folder: Path, point: str, arguments: dict[str, str]) -> None:
    words = (point, str(folder / "root"), str(folder / "keys"), json.dumps(arguments))
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.servers.dying_files", *words)
    assert await asyncio.wait_for(child.wait(), 60) == -signal.SIGKILL


def visible(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith(".toolward-"))


@pytest.mark.parametrize("mode", CALLS)
async def test_a_repeat_gets_the_first_result(folder: Path, mode: str) -> None:
    arguments, wanted = CALLS[mode]
    async with running(folder):
        first = await write(arguments)
    async with running(folder):
        assert await write(arguments) == first
        assert first.structured["etag"] == etag_of(wanted)
        with pytest.raises(Conflict):
            await write({**arguments, "content": "other"})
    assert (folder / "root" / arguments["path"]).read_bytes() == wanted


@pytest.mark.parametrize("point", ["staged", "noted", "in place"])
@pytest.mark.parametrize("mode", CALLS)
async def test_a_call_that_was_killed_is_finished_by_its_repeat(folder: Path, mode: str, point: str) -> None:
    arguments, wanted = CALLS[mode]
    await killed(folder, point, arguments)
    file = folder / "root" / arguments["path"]
    assert (file.read_bytes() if file.exists() else b"") == (
        wanted if point == "in place" else b"" if mode == "create" else OLD
    )
    async with running(folder):
        for _ in range(2):
            result = await write(arguments)
            assert result.structured == {
                "path": arguments["path"],
                "bytes": len(wanted),
                "etag": etag_of(wanted),
                "created": mode == "create",
            }
    assert file.read_bytes() == wanted
    assert file.stat().st_nlink == 1


async def test_a_call_killed_between_its_two_names_is_finished_too(folder: Path) -> None:
    arguments, wanted = CALLS["create"]
    await killed(folder, "linked", arguments)
    file = folder / "root" / arguments["path"]
    assert file.stat().st_nlink == 2
    async with running(folder):
        assert (await write(arguments)).structured["created"]
    assert (file.read_bytes(), file.stat().st_nlink) == (wanted, 1)


@pytest.mark.parametrize("meanwhile", ["edited", "replaced", "removed", "folder removed"])
async def test_what_others_did_meanwhile_makes_the_outcome_unknown(folder: Path, meanwhile: str) -> None:
    arguments, wanted = CALLS["create"]
    await killed(folder, "in place", arguments)
    file = folder / "root" / arguments["path"]
    if meanwhile == "edited":
        with file.open("ab") as opened:
            opened.write(b"more")
    elif meanwhile == "replaced":
        copy = file.with_name("copy")
        copy.write_bytes(wanted)
        copy.rename(file)
    else:
        file.unlink()
        if meanwhile == "folder removed":
            file.parent.rmdir()
    before = file.read_bytes() if file.exists() else None
    async with running(folder):
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="'deep/in/a'") as caught:
                await write(arguments)
            assert "`read_file` it" in caught.value.hint
    assert (file.read_bytes() if file.exists() else None) == before


async def test_a_refused_write_leaves_its_key_free(folder: Path) -> None:
    async with running(folder):
        assert (await write({"path": "old", "content": "x"})).is_error
        (folder / "root" / "old").unlink()
        assert (await write({"path": "old", "content": "x"})).structured["created"]


async def test_without_a_key_nothing_is_kept(folder: Path) -> None:
    async with running(folder):
        assert not (await call("write_file", path="a", content="x")).is_error
    assert not (folder / "keys").exists()


async def test_each_root_has_keys_of_its_own(folder: Path) -> None:
    for name in ("one", "two"):
        async with server.running(Settings(folder / name, str(folder / "keys"))):
            await write({"path": "a", "content": "x"})
    assert [(folder / name / "a").read_text() for name in ("one", "two")] == ["x", "x"]
    modes: set[Any] = {
        (folder / "keys" / name).stat().st_mode & 0o777 for name in os.listdir(folder / "keys")
    }
    assert modes == {0o600}


async def test_keys_that_cannot_be_kept_stop_the_write(folder: Path) -> None:
    (folder / "keys").write_text("in the way")
    async with running(folder):
        with pytest.raises(Unavailable, match="cannot be opened"):
            await write({"path": "a", "content": "x"})
    assert visible(folder / "root") == ["old"]
