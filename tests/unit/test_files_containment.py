"""No path leads out of a root, by both ways of opening; what must not be opened is not waited for."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.files_maze import SECRET, WAYS, everything, maze, opens, read, served
from toolservers.files.paths.containment import FOLDER, Opener, best_opener, openat2, require_contained, walk
from toolservers.files.paths.root import Root
from toolservers.files.paths.roots import Roots
from toolservers.files.settings import RootSpec
from toolward.errors import ConfigurationError, ToolError


@pytest.fixture(params=[openat2, walk], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    if request.param is openat2:
        folder = os.open(tmp_path, FOLDER)
        try:
            if best_opener(folder) is not openat2:
                pytest.skip("this system has no openat2")
        finally:
            os.close(folder)
    return request.param


OUT = [
    *("..", "../", "./..", "../.", "../..", "folder/../..", "folder/deep/../../.."),
    *("../outside", "../outside/secret.txt", "./../outside/secret.txt", "folder/../../outside/secret.txt"),
    *("folder//..//..//outside/secret.txt", "../root-evil/secret.txt", "../root/../outside/secret.txt"),
    *("../root/folder/inside.txt", "...//../outside/secret.txt", "in/../../outside/secret.txt"),
    *("/", "//", "/etc/passwd", "//etc/passwd", "///etc/passwd", "/./etc/passwd", "/../etc/passwd"),
    *("{root}/../outside/secret.txt", "{root}-evil/secret.txt", "{root}//..//outside/secret.txt"),
    *("/{root}/folder/inside.txt", "{root}/..", "{outside}/secret.txt"),
    *(
        "/proc/self/root",
        "/proc/self/cwd",
        "/proc/self/fd/0",
        "/proc/thread-self/root",
        "/dev/stdin",
        "/dev/fd/0",
    ),
    *(
        "to-file",
        "to-folder/secret.txt",
        "to-folder",
        "to-sibling/secret.txt",
        "folder/up/outside/secret.txt",
    ),
    *(
        "folder/deep/up-up-up/outside/secret.txt",
        "up/outside/secret.txt",
        "to-link",
        "to-link-to-folder/outside",
    ),
    *("absolute", "in/up/outside/secret.txt", "in-and-out/secret.txt", "round", "round/x", "dangling/x"),
    *("proc/self/environ", "self-root/etc/passwd", "cwd/pyproject.toml", "stdin", "descriptors/0", "up"),
    *("hard", "pipe", "socket", "pipe/x", "hard/x"),
]
INSIDE = [
    *("folder/inside.txt", "./folder//inside.txt", "folder/./inside.txt", "folder/../folder/inside.txt"),
    *(
        "folder/deep/../inside.txt",
        "folder/deep/../../folder/inside.txt",
        "{root}/folder/inside.txt",
        "café.txt",
    ),
]
BY_LINKS = ["in/inside.txt", "in/deep/../inside.txt", "{root}/in/inside.txt"]
NOT_THERE = [
    *(
        "folder/inside.txt ",
        "folder/inside.txt.",
        "folder /inside.txt",
        "FOLDER/INSIDE.TXT",
        "cafe\u0301.txt",
    ),
    *(
        "%2e%2e/outside/secret.txt",
        "..%2foutside/secret.txt",
        "..\\outside\\secret.txt",
        "～/x",
        "~/x",
        "~root/x",
    ),
    *(
        "．．/outside/secret.txt",
        "..\u200b/outside/secret.txt",
        "\u2024\u2024/outside",
        "file:///etc/passwd",
        "C:/x",
    ),
    *(".../outside/secret.txt", ".. /outside/secret.txt", "..;/outside/secret.txt", "$HOME/x", "|cat", "-"),
]
IMPOSSIBLE = [
    "a\0b",
    "\0",
    "folder/inside.txt\0.png",
    "../\0",
    "x" * 5000,
    "a/" * 3000,
    "\ud800",
    "caf\udce9",
]


@pytest.mark.parametrize("path", OUT)
def test_a_path_that_leads_out_opens_nothing(tmp_path: Path, opener: Opener, path: str) -> None:
    root = maze(tmp_path)
    asked = path.format(root=root, outside=tmp_path / "outside")
    before = everything(tmp_path / "outside"), everything(tmp_path / "root-evil")
    with served(root, opener) as roots:
        for way in WAYS:
            with pytest.raises(ToolError) as caught:
                opens(roots, asked, way)
            assert SECRET not in str(caught.value)
        with suppress(ToolError):  # a name in the root may be made, whatever it is now
            place = roots.place(asked)
            with place.root.parent(place.path, make=True) as parent:
                assert os.path.samestat(
                    os.fstat(parent.descriptor), os.stat((root / parent.path).parent, follow_symlinks=False)
                )
    assert (everything(tmp_path / "outside"), everything(tmp_path / "root-evil")) == before


def test_paths_that_stay_inside_are_opened(tmp_path: Path, opener: Opener) -> None:
    root = maze(tmp_path)
    with served(root, opener) as roots:
        for path in INSIDE:
            assert read(roots, path.format(root=root)) == b"fine"
        for path in BY_LINKS:
            if opener is openat2:
                assert read(roots, path.format(root=root)) == b"fine"
            else:
                with pytest.raises(ToolError, match="symbolic link"):
                    read(roots, path.format(root=root))
        (root / "..dots").write_text("fine")
        assert read(roots, "..dots") == b"fine"


@pytest.mark.parametrize("path", NOT_THERE)
def test_nothing_is_decoded_trimmed_or_taken_for_another_name(
    tmp_path: Path, opener: Opener, path: str
) -> None:
    with (
        served(maze(tmp_path), opener) as roots,
        pytest.raises(ToolError, match=r"does not exist|leaves the root"),
    ):
        read(roots, path)


@pytest.mark.parametrize("path", IMPOSSIBLE)
def test_what_no_name_can_be_is_refused_before_the_system_sees_it(
    tmp_path: Path, opener: Opener, path: str
) -> None:
    with served(maze(tmp_path), opener) as roots, pytest.raises(ToolError, match="cannot be a path"):
        roots.place(path)
    if "\0" in path:
        folder = os.open(tmp_path, FOLDER)
        try:
            with pytest.raises(OSError, match="NUL"):
                opener(folder, path, os.O_RDONLY)
        finally:
            os.close(folder)


def test_a_name_or_a_tree_that_is_too_long_is_refused_with_a_reason(tmp_path: Path, opener: Opener) -> None:
    with served(maze(tmp_path), opener) as roots:
        with pytest.raises(ToolError, match="too long a name"):
            read(roots, "x" * 300)
        with pytest.raises(ToolError, match=r"too long a name|does not exist"):
            read(roots, "/".join(["ä" * 100] * 30))


@pytest.mark.parametrize("name", ["pipe", "socket", "null"])
def test_special_files_are_refused_and_never_waited_for(tmp_path: Path, opener: Opener, name: str) -> None:
    root = maze(tmp_path)
    if not os.path.lexists(root / name):
        pytest.skip("only root makes devices")
    with served(root, opener) as roots:
        for way in (Root.file, Root.anything):
            with pytest.raises(ToolError, match="special file"), way(roots["root"], name):
                pass


@pytest.mark.parametrize("unlinked", [False, True])
def test_a_file_with_a_second_name_is_refused_also_when_the_one_inside_goes_meanwhile(
    tmp_path: Path, opener: Opener, unlinked: bool
) -> None:
    """After the unlinking it has one name alone: the one outside."""
    root = maze(tmp_path)

    def meanwhile(folder: int, path: str, flags: int) -> int:
        descriptor = opener(folder, path, flags)
        if unlinked and path == "hard":
            (root / "hard").unlink()
        return descriptor

    said = "does not exist" if unlinked else "hard link"
    with served(root, meanwhile) as roots, pytest.raises(ToolError, match=said):
        read(roots, "hard")


def test_a_file_whose_one_name_inside_goes_while_it_is_read_is_not_given(
    tmp_path: Path, opener: Opener
) -> None:
    root = maze(tmp_path)

    def read_it(roots: Roots) -> bytes:
        with roots["root"].file("folder/inside.txt") as opened:
            data = os.read(opened.descriptor, 9)
            (tmp_path / "outside/second").hardlink_to(root / "folder/inside.txt")
            (root / "folder/inside.txt").unlink()
        return data

    with served(root, opener) as roots, pytest.raises(ToolError, match="replaced that moment"):
        read_it(roots)


def test_a_file_that_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path, opener: Opener) -> None:
    root = maze(tmp_path)
    (root / "new").write_text("new")
    with served(root, opener) as roots, roots["root"].file("folder/inside.txt") as opened:
        (root / "new").rename(root / "folder/inside.txt")
        assert os.read(opened.descriptor, 9) == b"fine"


def test_what_is_replaced_the_moment_it_is_opened_is_opened_again(tmp_path: Path, opener: Opener) -> None:
    root = maze(tmp_path)
    (root / "new").write_text("new")

    def meanwhile(folder: int, path: str, flags: int) -> int:
        descriptor = opener(folder, path, flags)
        with suppress(FileNotFoundError):
            (root / "new").rename(root / "folder/inside.txt")
        return descriptor

    with served(root, meanwhile) as roots:
        assert read(roots, "folder/inside.txt") == b"new"


def test_a_folder_that_is_moved_out_when_it_is_open_is_refused(tmp_path: Path) -> None:
    root = maze(tmp_path)

    def meanwhile(folder: int, path: str, flags: int) -> int:
        descriptor = openat2(folder, path, flags)
        (root / "folder").rename(tmp_path / "outside/folder")
        return descriptor

    with (
        served(root, meanwhile) as roots,
        pytest.raises(ToolError, match="leaves the root"),
        roots["root"].parent("folder/x"),
    ):
        pass


def test_the_walk_goes_back_only_by_folders_that_it_came_through(tmp_path: Path) -> None:
    root = maze(tmp_path)
    with served(root, walk) as roots:
        assert read(roots, "folder/deep/../../folder/./inside.txt") == b"fine"
        with pytest.raises(ToolError, match="leaves the root"):
            read(roots, "folder/deep/../../../root/folder")
        with pytest.raises(ToolError, match="goes through a file"):
            read(roots, "folder/inside.txt/../inside.txt")
        with roots["root"].folder("folder/deep/..") as opened:
            assert opened.path == "folder"


NAMES = ["folder", "deep", "inside.txt", "outside", "secret.txt", "root", "root-evil", "new", "..."]
LINKS = [
    "to-file",
    "to-folder",
    "up",
    "up-up-up",
    "absolute",
    "to-link",
    "in",
    "in-and-out",
    "proc",
    "self",
    "cwd",
]
PARTS = st.sampled_from(["..", ".", "", *NAMES, *LINKS])


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["folder", "up", "outside", "secret.txt"])
@given(st.lists(PARTS, min_size=1, max_size=7))
def test_no_path_reads_or_makes_anything_outside(tmp_path: Path, opener: Opener, parts: list[str]) -> None:
    root = tmp_path / "root"
    if not root.exists():
        maze(tmp_path)
    before = everything(tmp_path, skip=root)
    with served(root, opener) as roots:
        with suppress(ToolError):
            assert read(roots, "/".join(parts)) != SECRET.encode()
        with suppress(ToolError):
            place = roots.place("/".join(parts))
            with place.root.parent(place.path, make=True) as parent, suppress(OSError):
                os.close(os.open(parent.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=parent.descriptor))
    assert everything(tmp_path, skip=root) == before


# --- where it cannot be proven


def plain(folder: int, path: str, flags: int) -> int:
    """What a server without containment does."""
    return os.open(path, flags, dir_fd=folder)


def without_links_only(folder: int, path: str, flags: int) -> int:
    """Checks the text, as `realpath` and a comparison do, and follows links at the end."""
    if path.startswith("/") or ".." in path.split("/"):
        raise OSError(errno.EXDEV, "leads out")
    return os.open(path, flags, dir_fd=folder)


@pytest.mark.parametrize("escaping", [plain, without_links_only])
def test_an_opener_that_leads_out_is_not_used(tmp_path: Path, escaping: Opener) -> None:
    folder = os.open(tmp_path, FOLDER)
    try:
        for good in (best_opener(folder), walk):
            require_contained(good, folder)
        with pytest.raises(ConfigurationError, match="does not keep paths inside"):
            require_contained(escaping, folder)
    finally:
        os.close(folder)


def test_no_root_is_served_where_the_system_does_not_keep_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolservers.files.paths.containment.openat2", plain)
    monkeypatch.setattr("toolservers.files.paths.containment.sys.platform", "linux")
    with pytest.raises(ConfigurationError, match="does not keep paths inside"):
        Root("root", RootSpec(str(tmp_path)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="openat2 is Linux's")
@pytest.mark.parametrize("lacks", ["the call", "leave", "/proc"])
def test_without_openat2_or_proc_no_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    def missing(folder: int, path: str, flags: int) -> int:
        raise OSError(errno.ENOSYS if lacks == "the call" else errno.EPERM, "a filter of a container")

    def nothing(path: str) -> str:
        raise FileNotFoundError(path)

    root = maze(tmp_path)
    (root / ".env").write_text("TOKEN=x")
    (root / "link").symlink_to(".env")
    if lacks == "/proc":  # what it is called by then is not told, and a link would hide it
        monkeypatch.setattr("toolservers.files.paths.containment.os.readlink", nothing)
    else:
        monkeypatch.setattr("toolservers.files.paths.containment.openat2", missing)
    with served(root) as roots:
        with pytest.raises(ToolError, match="symbolic link"):
            read(roots, "link")
        assert read(roots, "folder/inside.txt") == b"fine"
