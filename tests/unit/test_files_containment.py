"""No path leads out of the root: through the tools, and by both ways of opening."""

import ctypes
import errno
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.files_calls import SECRET, call, etag, pieces, refused
from toolservers.files.containment import Opener, best_opener, openat2, walk
from toolservers.files.root import Root, etag_of
from toolservers.files.tools import Settings, server
from toolward.errors import ToolError


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Path]:
    """The running server's root; beside it lies `outside`, with a secret."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    folder = tmp_path / "root"
    async with server.running(Settings(root=folder)):
        yield folder


# --- containment

OUT = [
    "..",
    "../outside/secret.txt",
    "./../outside/secret.txt",
    "folder/../../outside/secret.txt",
    "folder//..//..//outside/secret.txt",
    "../root-sibling/secret.txt",
    "../root/../outside/secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "/",
    "link-to-file",
    "link-to-folder/secret.txt",
    "folder/link-up/outside/secret.txt",
    "absolute-link",
    "link-to-link",
    "proc/self/root/etc/passwd",
    "{root}/../outside/secret.txt",
    "{root}-sibling/secret.txt",
    "{outside}/secret.txt",
]


@pytest.fixture
def tricks(root: Path) -> dict[str, Path]:
    return _maze(root.parent)


@pytest.mark.parametrize("path", OUT)
async def test_a_path_that_leads_out_is_refused_by_every_tool(tricks: dict[str, Path], path: str) -> None:
    path = path.format(**tricks)
    before = _everything(tricks["root"].parent)
    for tool, arguments in (
        ("read_file", {}),
        ("list_files", {}),
        ("write_file", {"content": "x"}),
        ("write_file", {"content": "x", "mode": "append"}),
        ("write_file", {"content": "x", "mode": "overwrite", "etag": "0" * 16}),
    ):
        said = await refused(tool, path=path, **arguments)
        assert SECRET not in said
        assert any(
            words in said for words in ("leaves the root", "symbolic link", "exists already", "folder")
        )
    assert "leaves the root" in await refused("read_file", path=path)
    assert _everything(tricks["root"].parent) == before


async def test_paths_that_stay_inside_are_fine(tricks: dict[str, Path]) -> None:
    root = tricks["root"]
    (root / "inner").symlink_to("folder")
    for path in (
        "folder/inside.txt",
        "./folder//inside.txt",
        "folder/../folder/inside.txt",
        "inner/inside.txt",
        f"{root}/folder/inside.txt",
    ):
        assert pieces(await call("read_file", path=path))[0] == "fine"
    written = await call("write_file", path=f"{root}/inner/new/a.txt", content="x")
    assert written.structured["path"] == "inner/new/a.txt"
    assert (root / "folder/new/a.txt").read_text() == "x"
    (root / "..hidden").write_text("dots")
    assert pieces(await call("read_file", path="..hidden"))[0] == "dots"


async def test_special_files_are_refused_and_never_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(root, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{here}/socket")  # the whole path may be too long for a socket
        finally:
            os.close(here)
    for name in ("pipe", "socket"):
        with anyio.fail_after(10):
            assert "special file" in await refused("read_file", path=name)
            assert "special file" in await refused("write_file", path=name, content="x", mode="append")


async def test_a_file_with_a_second_name_is_refused(root: Path) -> None:
    secret = root.parent / "outside/secret.txt"
    (root / "hard").hardlink_to(secret)
    assert "hard link" in await refused("read_file", path="hard")
    assert "hard link" in await refused("write_file", path="hard", content="x", mode="append")
    assert secret.read_text() == SECRET


async def test_a_link_is_never_written_through_or_replaced(root: Path) -> None:
    (root / "a").write_text("kept")
    (root / "link").symlink_to("a")
    for mode in ("append", "overwrite"):
        said = await refused("write_file", path="link", content="x", mode=mode, etag=await etag("a"))
        assert "symbolic link" in said
    assert (root / "a").read_text() == "kept"
    assert (root / "link").is_symlink()


@pytest.mark.parametrize(
    ("path", "wrong"),
    [("a\0b", "cannot be a path"), ("x" * 5000, "cannot be a path"), ("x" * 300, "too long a name")],
)
async def test_names_that_cannot_be_are_refused(root: Path, path: str, wrong: str) -> None:
    assert wrong in await refused("read_file", path=path)
    assert wrong in await refused("write_file", path=path, content="x")
    assert os.listdir(root) == []


# --- both ways of opening


@pytest.fixture(params=[openat2, walk], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    if request.param is openat2:
        with descriptor(tmp_path) as folder:
            if best_opener(folder) is not openat2:
                pytest.skip("this system has no openat2")
    return request.param


@contextmanager
def descriptor(folder: Path) -> Generator[int]:
    opened = os.open(folder, os.O_RDONLY)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def opened_root(folder: Path, opener: Opener) -> Generator[Root]:
    root = Root(folder, opener)
    try:
        yield root
    finally:
        root.close()


@pytest.mark.parametrize("path", OUT)
def test_no_way_of_opening_leads_out(tmp_path: Path, opener: Opener, path: str) -> None:
    place = _maze(tmp_path)
    with opened_root(tmp_path / "root", opener) as root:
        with pytest.raises(ToolError):
            root.read(path.format(**place))
        with pytest.raises(ToolError):
            root.write(path.format(**place), b"x", "append", None)
        assert root.read("folder/../folder/inside.txt").data == b"fine"
        assert root.write("new/er/a", b"x", "create", None) == (1, etag_of(b"x"), True)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_without_openat2_no_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def missing(folder: int, path: str, flags: int) -> int:
        raise OSError(number, "the kernel or a container's filter says so")

    monkeypatch.setattr("toolservers.files.containment.openat2", missing)
    with descriptor(tmp_path) as folder:
        assert best_opener(folder) is walk


def test_the_walk_goes_back_only_by_folders_that_it_came_through(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/file").write_text("here")
    (tmp_path / "link").symlink_to("a")
    with opened_root(tmp_path, walk) as root:
        assert root.read("a/b/../../a/./file").data == b"here"
        assert root.entries("a/b/..", 0, 9)[1] == 2
        with pytest.raises(ToolError, match="leaves the root"):
            root.read("a/b/../../../a")
        with pytest.raises(ToolError, match="symbolic link"):
            root.read("link/file")
        with pytest.raises(ToolError, match="goes through a file"):
            root.read("a/file/../file")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2(RENAME_EXCHANGE) is Linux's")
def test_swapping_a_folder_for_a_link_never_lets_a_read_out(tmp_path: Path, opener: Opener) -> None:
    """The attack that a check before opening loses: `work` is now a folder, now a link to outside."""
    place = _maze(tmp_path)
    work, other = place["root"] / "work", place["root"] / "other"
    work.mkdir()
    (work / "secret.txt").write_text("mine")
    other.symlink_to(place["outside"])
    done = threading.Event()

    def swap() -> None:
        exchange = ctypes.CDLL(None).renameat2
        while not done.is_set():
            assert exchange(-100, os.fsencode(work), -100, os.fsencode(other), 2) == 0

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen: set[bytes] = set()
    try:
        with opened_root(place["root"], opener) as root:
            for number in range(2000):
                with suppress(ToolError):
                    seen.add(root.read("work/secret.txt").data)
                with suppress(ToolError):
                    root.write(f"work/{number}", b"x", "create", None)
    finally:
        done.set()
        swapping.join()
    assert seen == {b"mine"}
    assert os.listdir(place["outside"]) == ["secret.txt"]


NAMES = ["folder", "inside.txt", "outside", "secret.txt", "root", "root-sibling", "new", "..."]
LINKS = ["link-to-file", "link-to-folder", "link-up", "absolute-link", "link-to-link", "proc", "self", "cwd"]
PARTS = st.sampled_from(["..", ".", "", *NAMES, *LINKS])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["folder", "link-up", "outside", "secret.txt"])
@given(st.lists(PARTS, min_size=1, max_size=7))
def test_no_path_reads_or_writes_outside(tmp_path: Path, opener: Opener, parts: list[str]) -> None:
    place = _maze(tmp_path)
    before = _everything(tmp_path, skip=place["root"])
    path = "/".join(parts)
    with opened_root(place["root"], opener) as root:
        with suppress(ToolError):
            assert SECRET.encode() not in root.read(path).data
        with suppress(ToolError):
            root.write(path, b"changed", "append", None)
        with suppress(ToolError):
            root.entries(path, 0, 100)
    assert _everything(tmp_path, skip=place["root"]) == before


def _maze(parent: Path) -> dict[str, Path]:
    """`root` with every kind of link out of it, and beside it `outside` and `root-sibling` with secrets."""
    root, outside, sibling = (parent / name for name in ("root", "outside", "root-sibling"))
    if (root / "folder").exists():
        return {"root": root, "outside": outside}
    for folder in (outside, sibling):
        folder.mkdir(exist_ok=True)
        (folder / "secret.txt").write_text(SECRET)
    (root / "folder").mkdir(parents=True)
    (root / "folder/inside.txt").write_text("fine")
    (root / "link-to-file").symlink_to("../outside/secret.txt")
    (root / "link-to-folder").symlink_to("../outside")
    (root / "folder/link-up").symlink_to("../..")
    (root / "absolute-link").symlink_to(outside / "secret.txt")
    (root / "link-to-link").symlink_to("link-to-file")
    (root / "proc").symlink_to("/proc")
    return {"root": root, "outside": outside}


def _everything(folder: Path, skip: Path | None = None) -> dict[str, str]:
    """All files below, without following links, and what they hold."""
    found: dict[str, str] = {}
    for here, folders, files in os.walk(folder):
        if skip is not None and Path(here) == skip:
            folders.clear()
            continue
        found[here] = ""
        found |= {f"{here}/{name}": Path(here, name).read_text() for name in files}
    return found
