"""The file tools on a real folder: what they read, list and write."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.unit.files_calls import call, etag, pieces, refused
from toolservers.files.tools import MAX_ENTRIES, Settings, server
from toolward.errors import InvalidArguments
from toolward.types import ToolResult


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Path]:
    """The running server's root; beside it lies `outside`, empty."""
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "root"
    async with server.running(Settings(root=folder)):
        yield folder


# --- listing


async def test_a_listing_has_names_kinds_and_sizes_in_order(root: Path) -> None:
    (root / "b.txt").write_text("hello")
    (root / "a").mkdir()
    (root / "c").symlink_to("b.txt")
    os.mkfifo(root / "d")
    listed = (await call("list_files")).structured
    assert listed == {
        "path": ".",
        "entries": [
            {"name": "a", "kind": "folder", "bytes": None},
            {"name": "b.txt", "kind": "file", "bytes": 5},
            {"name": "c", "kind": "link", "bytes": None},
            {"name": "d", "kind": "other", "bytes": None},
        ],
        "total": 4,
        "next_offset": None,
    }
    assert (await call("list_files", path="./a//")).structured["path"] == "a"


async def test_a_long_listing_goes_on_from_its_next_offset(root: Path) -> None:
    wanted = [f"{number:04}.txt" for number in range(MAX_ENTRIES + 5)]
    for name in wanted:
        (root / name).touch()
    first = (await call("list_files")).structured
    rest = (await call("list_files", offset=first["next_offset"])).structured
    assert [entry["name"] for entry in first["entries"] + rest["entries"]] == wanted
    assert (first["total"], rest["next_offset"]) == (len(wanted), None)


async def test_a_name_that_is_not_utf8_is_listed_all_the_same(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9.txt")).touch()
    listed = (await call("list_files")).structured["entries"]
    assert listed == [{"name": "caf\ufffd.txt", "kind": "other", "bytes": None}]


async def test_listing_what_is_not_a_folder_says_what_to_do(root: Path) -> None:
    (root / "a.txt").touch()
    assert "'a.txt' is not a folder" in await refused("list_files", path="a.txt")
    assert "'b' does not exist; `list_files` shows" in await refused("list_files", path="b")


# --- arguments


async def test_arguments_are_checked(root: Path) -> None:
    with pytest.raises(InvalidArguments, match="did you mean 'path'"):
        await call("read_file", pathh="a")
    with pytest.raises(InvalidArguments, match="/column"):
        await call("read_file", path="a", column=0)
    with pytest.raises(InvalidArguments, match="/mode"):
        await call("write_file", path="a", content="", mode="replace")


# --- writing


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
    assert sorted(os.listdir(root)) == ["a.txt", "folder", "link"]


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
    assert os.listdir(root) == []


async def test_appending_adds_at_the_end_and_makes_what_is_missing(root: Path) -> None:
    assert (await call("write_file", path="log/a", content="1\n", mode="append")).structured["created"]
    again = (await call("write_file", path="log/a", content="2\n", mode="append")).structured
    assert (again["created"], again["bytes"]) == (False, 4)
    assert (root / "log/a").read_text() == "1\n2\n"
    (root / "latin").write_bytes(b"caf\xe9")
    assert "not UTF-8" in await refused("write_file", path="latin", content="é", mode="append")
    assert (root / "latin").read_bytes() == b"caf\xe9"


async def test_an_etag_makes_no_sense_for_a_new_file(root: Path) -> None:
    assert "leave it out" in await refused("write_file", path="a", content="", etag="0" * 16)
    said = await refused("write_file", path="a", content="", mode="append", etag="0" * 16)
    assert "not the version" in said
    assert os.listdir(root) == []


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


async def test_without_renameat2_create_still_replaces_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolservers.files.atomic._libc", object())
    assert not (await call("write_file", path="a", content="one")).is_error
    assert "exists already" in await refused("write_file", path="a", content="two")
    assert pieces(await call("read_file", path="a"))[0] == "one"
    assert os.listdir(root) == ["a"]
