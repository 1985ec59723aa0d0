"""`write_file` on a real folder."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.unit.files_calls import call, etag, refused
from toolservers.files.tools import Settings, server
from toolward.types import ToolResult


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Path]:
    """The running server's root; beside it lies `outside`, empty."""
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "root"
    async with server.running(Settings(root=folder, state=tmp_path / "state")):
        yield folder


def visible(root: Path) -> list[str]:
    return sorted(set(os.listdir(root)) - {".toolward"})


async def test_a_new_file_is_written_with_its_folders(root: Path) -> None:
    written = (
        await call("write_file", path="notes/2026/ORD-1007.md", content="Gutschrift: 12,72 €\n")
    ).structured
    assert (root / "notes/2026/ORD-1007.md").read_text() == "Gutschrift: 12,72 €\n"
    assert written == {
        "path": "notes/2026/ORD-1007.md",
        "bytes": 22,
        "etag": await etag("notes/2026/ORD-1007.md"),
        "created": True,
        "change": written["change"],
    }
    assert os.listdir(root / "notes/2026") == ["ORD-1007.md"]  # no temporary file is left


async def test_create_replaces_nothing(root: Path) -> None:
    (root / "a.txt").write_text("old")
    (root / "folder").mkdir()
    (root / "link").symlink_to("../outside/new.txt")
    assert "'a.txt' exists already; to replace it" in await refused("write_file", path="a.txt", content="new")
    assert "exists already" in await refused("write_file", path="folder", content="new")
    assert "exists already" in await refused("write_file", path="link", content="new")
    assert (root / "a.txt").read_text() == "old"
    assert os.listdir(root.parent / "outside") == []
    assert visible(root) == ["a.txt", "folder", "link"]


async def test_overwriting_needs_the_present_etag(root: Path) -> None:
    first = (await call("write_file", path="a.txt", content="one")).structured["etag"]
    (root / "a.txt").chmod(0o640)
    assert "etag is needed" in await refused("write_file", path="a.txt", content="two", mode="overwrite")
    second = (await call("write_file", path="a.txt", content="two", mode="overwrite", etag=first)).structured
    assert (second["bytes"], second["created"]) == (3, False)
    stale = await refused("write_file", path="a.txt", content="three", mode="overwrite", etag=first)
    assert "not the version" in stale
    assert "`read_file` it again" in stale
    assert (root / "a.txt").read_text() == "two"
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o640


async def test_overwriting_what_is_not_there_makes_nothing(root: Path) -> None:
    said = await refused("write_file", path="a.txt", content="x", mode="overwrite", etag="0" * 16)
    assert "does not exist; give mode `create`" in said
    await refused("write_file", path="new/a.txt", content="x", mode="overwrite", etag="0" * 16)
    assert visible(root) == []


async def test_appending_adds_at_the_end_and_makes_what_is_missing(root: Path) -> None:
    assert (await call("write_file", path="log/a", content="1\n", mode="append")).structured["created"]
    again = (await call("write_file", path="log/a", content="2\n", mode="append")).structured
    assert (again["created"], again["bytes"]) == (False, 4)
    assert (root / "log/a").read_text() == "1\n2\n"
    (root / "image").write_bytes(b"GIF89a\x00")
    assert "is not text" in await refused("write_file", path="image", content="x", mode="append")
    assert (root / "image").read_bytes() == b"GIF89a\x00"


async def test_an_etag_makes_no_sense_for_a_new_file(root: Path) -> None:
    assert "leave it out" in await refused("write_file", path="a", content="", etag="0" * 16)
    said = await refused("write_file", path="a", content="", mode="append", etag="0" * 16)
    assert "not the version" in said
    assert visible(root) == []


async def test_a_read_only_file_is_not_replaced(root: Path) -> None:
    (root / "a").write_text("kept")
    (root / "a").chmod(0o444)
    said = await refused("write_file", path="a", content="x", mode="overwrite", etag=await etag("a"))
    assert "denies access" in said
    assert (root / "a").read_text() == "kept"


async def test_what_is_written_must_be_a_file(root: Path) -> None:
    (root / "folder").mkdir()
    for path in (".", "", "folder/.."):
        assert "is a folder" in await refused("write_file", path=path, content="x")
    assert "is a folder" in await refused("write_file", path="folder", content="x", mode="append")
    (root / "file").touch()
    assert "goes through a file" in await refused("write_file", path="file/a", content="x")


async def test_concurrent_appends_lose_nothing(root: Path) -> None:
    async def append(number: int) -> None:
        assert not (await call("write_file", path="log", content=f"{number}\n", mode="append")).is_error

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(append, number)
    assert sorted(map(int, (root / "log").read_text().split())) == list(range(30))


async def test_of_concurrent_overwrites_with_one_etag_one_wins(root: Path) -> None:
    (root / "a").write_text("start")
    known = await etag("a")
    results: list[ToolResult] = []

    async def overwrite(number: int) -> None:
        results.append(
            await call("write_file", path="a", content=f"version {number}", mode="overwrite", etag=known)
        )

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(overwrite, number)
    (won,) = [result for result in results if not result.is_error]
    assert won.structured["etag"] == await etag("a")
