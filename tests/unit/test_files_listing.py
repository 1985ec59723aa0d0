"""Listing folders: a thin tree, whole over its pages, that tells nothing of what is hidden or outside."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.files_calls import SECRET
from toolservers.files.finding import listing, walking
from toolservers.files.finding.listing import MAX_ENTRIES, listed
from toolservers.files.finding.walking import MAX_DEPTH, Patience, Walk
from toolservers.files.paths.root import Opened
from toolservers.files.paths.roots import Roots
from toolservers.files.settings import Settings
from toolward.errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Beside it lies `outside`, with a secret."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def roots(root: Path) -> Iterator[Roots]:
    opened = Roots.open(Settings(root=root))
    yield opened
    opened.close()


def paths(lines: list[str]) -> list[str]:
    """Of a tree's lines, those of folders with `/`."""
    above: list[str] = []
    found: list[str] = []
    for line in lines:
        level = (len(line) - len(line.lstrip())) // 2
        name = line.strip().split("  ")[0]
        above[level:] = [name]
        found.append("".join(above))
    return found


def test_a_tree_has_kinds_and_sizes_and_nothing_of_what_is_hidden_or_outside(
    root: Path, roots: Roots
) -> None:
    (root / "b.txt").write_text("hello")
    (root / "a" / "deep" / "er").mkdir(parents=True)
    (root / "a" / "x.md").touch()
    (root / "c").symlink_to("../outside")
    (root / "loop").symlink_to(".")
    os.mkfifo(root / "d")
    (root / "two\nlines").touch()
    (root / os.fsdecode(b"caf\xe9")).touch()
    for hidden in (".ssh", ".git", "a/.toolward"):
        (root / hidden).mkdir()
        (root / hidden / "x.md").touch()
    (root / ".env").touch()
    (root / os.fsdecode(b"\xe9.pem")).touch()
    assert listed(roots, "./", depth=2).splitlines() == [
        ".git/",
        "a/",
        "  deep/",
        "  x.md  0",
        "b.txt  5",
        "c  link",
        '"caf\\xe9"  0  (the name is not UTF-8; no tool can take it)',
        "d  special",
        "loop  link",
        '"two\\nlines"  0',
        "[.: 10 entries; not looked into: 1 version control's own folder (.git)]",
    ]
    assert listed(roots, "a//deep", depth=1) == "er/\n[a/deep: 1 entries]"
    assert listed(roots, ".", depth=9, pattern="*.md").splitlines()[:2] == ["a/", "  x.md  0"]
    assert listed(roots, "a", depth=9, pattern="deep/*") == "deep/\n  er/\n[a: 1 entries that match 'deep/*']"
    assert listed(roots, "loop/a", depth=1).endswith("[a: 2 entries]")
    for refused, said in ((".ssh", "is hidden"), ("b.txt", "is not a folder"), ("c", "leaves the root")):
        with pytest.raises(ToolError, match=said):
            listed(roots, refused, depth=1)


@pytest.mark.parametrize("pattern", [None, "*1*"])
def test_pages_put_together_give_the_whole_in_order(root: Path, roots: Roots, pattern: str | None) -> None:
    for folder in ("a", "a/b", "c", "c/d e/f"):
        (root / folder).mkdir(parents=True)
        for name in range(120):
            (root / folder / str(name)).touch()
    whole: list[str] = []
    offset: int | None = 0
    while offset is not None:
        *lines, facts = listed(roots, ".", depth=5, pattern=pattern, offset=offset).splitlines()
        page = paths(lines)
        assert len(page) <= MAX_ENTRIES + 3  # the folders that a page begins in
        whole += [path for path in page if path not in whole]
        more = re.search(r"next offset=(\d+)", facts)
        offset = int(more[1]) if more else None
    folders = ["a/", "a/b/", "c/", "c/d e/", "c/d e/f/"]
    names = [str(name) for name in range(120) if pattern is None or "1" in str(name)]
    wanted = [f"{folder}{name}" for folder in folders if folder != "c/d e/" for name in names] + folders
    assert whole == sorted(wanted, key=lambda path: path.rstrip("/").split("/"))


def test_what_bounds_cut_off_is_told(root: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = root.joinpath(*["d"] * (MAX_DEPTH + 1))
    deep.mkdir(parents=True)
    said = listed(roots, ".", depth=MAX_DEPTH + 9).splitlines()[-1]
    assert said.startswith(f"[.: {MAX_DEPTH} entries; not looked into: 1 too deep (d/d/")
    for name in range(5):
        (root / f"f{name}").touch()
    monkeypatch.setattr(walking, "MAX_NAMES", 4)
    assert "4 entries; not looked into: 1 with more than 4 names, not all seen (.)" in listed(
        roots, ".", depth=1
    )
    monkeypatch.setattr(listing, "LISTING_SECONDS", -1)
    assert "at least 0 entries; time was up before all was seen" in listed(roots, ".", depth=1)


def test_what_is_swapped_while_a_walk_goes_on_does_not_lead_it_out(root: Path, roots: Roots) -> None:
    for name in "abcd":
        (root / name).mkdir()
        (root / name / "in.txt").touch()
    (root / ".ssh").mkdir()
    (root / ".ssh" / "secret.txt").write_text(SECRET)
    (place,) = roots.values()
    walk = Walk(place, Patience(10))
    with place.folder(".") as folder:
        seen: list[str] = []
        for entry in walk.entries(Opened(*folder)):
            seen.append(entry.path)
            if entry.path == "a":  # becomes a link that leads out
                (root / "a").rename(root / "e")
                (root / "a").symlink_to("../outside")
            elif entry.path == "b":  # becomes what is hidden
                (root / "b").rename(root / "f")
                (root / ".ssh").rename(root / "b")
                (root / "b").rename(root / ".ssh")
            elif entry.path == "c/in.txt":  # its folder is moved out while it is walked
                (root / "c").rename(root.parent / "outside" / "c")
                inside = entry.folder.path_of("in.txt")
                with pytest.raises(OSError), place.entry(entry.folder.descriptor, inside, os.O_RDONLY):  # noqa: PT011
                    pass
    assert seen == ["a", "b", "c", "c/in.txt", "d", "d/in.txt"]
    assert str(walk.skipped) == "2 changed meanwhile (a, b)"
