"""The file tools on a real folder: what they read, list and write."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.files_calls import call, refused
from toolservers.files.tools import MAX_ENTRIES, Settings, server
from toolward.errors import InvalidArguments


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
