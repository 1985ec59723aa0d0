"""`edit_file` on real files: what stays, what is answered, and calls that are repeated."""

import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.unit.files_calls import CALLER, call, pieces, refused
from toolservers.files.settings import Settings
from toolservers.files.text.encodings import MAX_FILE, etag_of
from toolservers.files.tools import server
from toolward.types import NO_CONTEXT, ToolCall, ToolResult


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Path]:
    async with server.running(Settings(tmp_path / "root", state=tmp_path / "state")):
        yield tmp_path / "root"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o664])
async def test_an_edit_and_its_inverse_keep_bytes_and_rights(root: Path, mode: int) -> None:
    data = b"\xef\xbb\xbfone\r\ntwo\r\nthree"
    (root / "a").write_bytes(data)
    (root / "a").chmod(mode)
    edits = [{"old": "one\ntwo", "new": "1\n2\n2b"}, {"old": "three", "new": "3"}]
    (told,) = pieces(await call("edit_file", path="a", edits=edits, etag=etag_of(data)))
    now = (root / "a").read_bytes()
    assert now == b"\xef\xbb\xbf1\r\n2\r\n2b\r\n3"
    assert re.fullmatch(
        rf"\[a: edited, now 14 bytes, etag {etag_of(now)}, change \S+; edit 1: line 1; edit 2: line 4\]", told
    )
    back = [{"old": edit["new"], "new": edit["old"]} for edit in edits]
    assert not (await call("edit_file", path="a", edits=back)).is_error
    assert (root / "a").read_bytes() == data
    assert stat.S_IMODE((root / "a").stat().st_mode) == mode


async def test_a_dry_run_changes_nothing_and_says_what_would_come(root: Path) -> None:
    (root / "a").write_bytes(b"x\r\ny\r\n")
    before, wanted = (root / "a").stat(), etag_of(b"x\r\nz\r\n")
    diff, facts = pieces(await call("edit_file", path="a", edits=[{"old": "y", "new": "z"}], dry_run=True))
    assert diff == "--- a\n+++ a\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n"
    assert facts == (
        f"[a: dry run, nothing was changed; it would have 6 bytes, etag {wanted}; edit 1: line 2]"
    )
    after = (root / "a").stat()
    assert (after.st_ino, after.st_mtime_ns, os.listdir(root)) == (before.st_ino, before.st_mtime_ns, ["a"])


@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_cannot_be_edited_is_refused_and_stays(root: Path, dry_run: bool) -> None:
    (root / "a").write_bytes(b"x\r\n")
    (root / ".bashrc").write_bytes(b"x\n")
    with (root / "large").open("wb") as file:
        file.truncate(MAX_FILE + 1)

    async def told(path: str, old: str, new: str, **more: object) -> str:
        return await refused(
            "edit_file", path=path, edits=[{"old": old, "new": new}], dry_run=dry_run, **more
        )

    assert "`old` is not there" in await told("a", "z", "y")
    assert "is not the version '0000'" in await told("a", "x", "y", etag="0000")
    assert "differ in ends of lines alone" in await told("a", "x\r\n", "x\n")
    assert "is protected here" in await told(".bashrc", "x", "y")
    assert "10,000,000" in await told("large", "x", "y")
    assert "does not exist" in await told("b", "x", "y")
    assert (root / "a").read_bytes() == b"x\r\n"


async def test_a_repeated_key_edits_once(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    wish = ToolCall("edit_file", b'{"path": "a", "edits": [{"old": "x", "new": "xx"}]}', idempotency_key="k")
    first = await server.call_tool(CALLER, wish, NO_CONTEXT)
    assert await server.call_tool(CALLER, wish, NO_CONTEXT) == first
    assert (root / "a").read_bytes() == b"xx"


async def test_concurrent_edits_lose_none(root: Path) -> None:
    (root / "a").write_text("".join(f"<{number}>\n" for number in range(20)))
    results: list[ToolResult] = []

    async def edit(number: int) -> None:
        edits = [{"old": f"<{number}>", "new": f"<{number}> done"}]
        results.append(await call("edit_file", path="a", edits=edits))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(edit, number)
    assert not any(result.is_error for result in results)
    assert (root / "a").read_text() == "".join(f"<{number}> done\n" for number in range(20))
