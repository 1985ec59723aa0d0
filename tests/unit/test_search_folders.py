"""Where documents come from: the folders, what of them counts, and that a scan never leaves them."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from toolservers.documents.unreadable import Unreadable
from toolservers.search import sources_file
from toolservers.search.ingestion import scanning
from toolservers.search.ingestion.scanning import Folder, Scan, changed
from toolservers.search.sources import Source, identifier_of
from toolservers.search.sources_file import Sources, require_index_outside
from toolservers.search.storage.records import MAIN
from toolward.errors import ConfigurationError, ToolError, ToolwardError, Unavailable


def source(folder: Path, **more: Any) -> Source:
    return Source(more.pop("name", MAIN), folder, "fernhill", **more)


def scanned(folder: Path, paths: tuple[str, ...] = ("",), **more: Any) -> Scan:
    with Folder(source(folder, **more)) as opened:
        return opened.scan(paths)


def written(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"what {path} says")


@pytest.fixture
def maze(tmp_path: Path) -> Iterator[Path]:
    """Everything that can lie in a folder and must not be read, beside what must."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    written(outside, "secret.md", "below/secret.md")
    written(inside, "a.md", "deep/er/b.pdf", "drafts/old.md", "notes.bak", "deep/node_modules/x.md")
    written(inside, ".env", ".git/config.md", ".ssh/id_rsa", "deep/server.PEM", "deep/~$b.docx", "a.md~")
    (inside / "out.md").symlink_to(outside / "secret.md")
    (inside / "out").symlink_to(outside, target_is_directory=True)
    (inside / "round").symlink_to(inside, target_is_directory=True)
    (inside / "again.md").symlink_to("a.md")
    os.mkfifo(inside / "pipe.md")
    (inside / "line\nbreak.md").write_text("x")
    (inside / os.fsdecode(b"caf\xe9.md")).write_text("x")
    with ExitStack() as stack:
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        here = os.open(inside, os.O_RDONLY)
        stack.callback(os.close, here)
        unix.bind(f"/proc/self/fd/{here}/socket.md")  # its own path may be too long for a socket
        yield inside


def test_a_scan_finds_what_counts_and_tells_of_the_rest(maze: Path) -> None:
    scan = scanned(maze, include=("*.md", "*.pdf"), exclude=("drafts", "*.nothing"))
    assert set(scan.files) == {"a.md", "deep/er/b.pdf"}
    assert scan.files["a.md"] == ((maze / "a.md").stat().st_size, (maze / "a.md").stat().st_mtime_ns)
    assert scan.skipped == {"hidden or excluded": 8, "links": 4, "not files": 2, "not included": 1}
    assert [(problem.path, problem.why) for problem in scan.problems] == [
        ("caf\\xe9.md", "bad_name"),
        ("line\nbreak.md", "bad_name"),
    ]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        *(
            (path, "gone")
            for path in ("out.md", "again.md", "out/secret.md", "round/a.md", "pipe.md", "deep")
        ),
        *((path, "gone") for path in (".env", ".git/config.md", "nowhere.md", "a.md/b.md")),
        *((path, "denied") for path in ("../outside/secret.md", "/etc/passwd", "", ".")),
    ],
)
def test_nothing_else_can_be_read(maze: Path, path: str, why: str) -> None:
    with Folder(source(maze)) as folder, pytest.raises(Unreadable) as refused:
        folder.read(path, 1_000)
    assert refused.value.why in (why, "gone")


def test_reading_is_bounded_and_tells_what_was_read(maze: Path) -> None:
    with Folder(source(maze)) as folder:
        data, facts = folder.read("a.md", 1_000)
        assert (data, facts.size) == (b"what a.md says", 14)
        assert not changed(folder.scan(["a.md"]), {"a.md": facts})
        (maze / "a.md").write_text("something else")  # as long as before
        assert changed(folder.scan(["a.md"]), {"a.md": facts}) == ["a.md"]
        with pytest.raises(Unreadable, match="14 bytes; 13 are read"):
            folder.read("a.md", 13)


def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    """While another thread exchanges a folder and a link to outside, no scan and no reading gets there."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    written(inside, "sub/doc.md")
    written(outside, "doc.md", "secret.md")
    (inside / ".link").symlink_to(outside, target_is_directory=True)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            os.rename(inside / "sub", inside / ".kept")
            os.rename(inside / ".link", inside / "sub")
            os.rename(inside / "sub", inside / ".link")
            os.rename(inside / ".kept", inside / "sub")

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        with Folder(source(inside)) as folder:
            for _ in range(300):
                assert set(folder.scan().files) <= {"sub/doc.md"}
                with suppress(Unreadable):
                    assert folder.read("sub/doc.md", 100)[0] == b"what sub/doc.md says"
    finally:
        done.set()
        swapping.join()
    with Folder(source(inside)) as folder:  # it is the folder again
        assert folder.read("sub/doc.md", 100)[0] == b"what sub/doc.md says"


def test_what_cannot_be_looked_into_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "a.md", "deep/er/b.md", "full/1.md", "full/2.md")
    known = ["a.md", "deep/er/b.md", "deep/er/c.md", "full/3.md", "went.md"]
    assert scanned(tmp_path).gone(known) == ["deep/er/c.md", "full/3.md", "went.md"]
    monkeypatch.setattr(scanning, "MAX_DEPTH", 2)
    monkeypatch.setattr(scanning, "MAX_NAMES", 3)
    scan = scanned(tmp_path)
    assert scan.gone(known) == ["full/3.md", "went.md"]
    assert [(problem.path, problem.why) for problem in scan.problems] == [("deep/er/", "too_deep")]
    monkeypatch.setattr(scanning, "MAX_FILES", 1)
    scan = scanned(tmp_path)
    assert len(scan.files) == 1
    assert scan.gone(known) == []
    (tmp_path / "more.md").touch()
    monkeypatch.setattr(scanning, "MAX_FILES", 100)
    assert [problem.why for problem in scanned(tmp_path).problems if problem.path == "/"] == ["too_many"]
    with pytest.raises(Unavailable, match="cannot be read: No such file"):
        Folder(source(tmp_path / "unmounted"))


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_what_may_not_be_looked_into_is_not_gone(tmp_path: Path, mode: int) -> None:
    written(tmp_path, "a.md", "closed/b.md")
    tmp_path.chmod(0o755)
    closed, before = tmp_path / "closed", os.geteuid()
    closed.chmod(mode)
    with Folder(source(tmp_path)) as folder:
        if before == 0:  # who may do everything
            os.chown(closed, 65534, -1)
            os.seteuid(65534)
        try:
            whole, part = folder.scan(), folder.scan(["closed/b.md"])
        finally:
            os.seteuid(before)
            closed.chmod(0o700)
    assert set(whole.files) == {"a.md"}
    assert [(problem.path, problem.why) for problem in whole.problems] == [("closed/", "denied")]
    assert whole.gone(["closed/b.md", "c.md"]) == ["c.md"]
    assert part.gone(["closed/b.md"]) == []


_PATHS = st.lists(st.sampled_from(("a", "b", ".c", "d.md")), min_size=1, max_size=3).map("/".join)


@settings(max_examples=examples(25), deadline=None)
@given(st.sets(_PATHS), st.sets(_PATHS | st.just("")), st.sets(_PATHS))
def test_a_scan_of_parts_is_part_of_a_whole_scan(
    tmp_path_factory: pytest.TempPathFactory, made: set[str], parts: set[str], known: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for path in sorted(made):
        try:
            written(folder, path)
        except OSError:  # one name for a file and a folder
            continue
    whole, part = scanned(folder), scanned(folder, tuple(parts))
    assert part.files == {path: seen for path, seen in whole.files.items() if part.covers(path)}
    assert set(part.gone(known)) == {path for path in whole.gone(known) if part.covers(path)}


@settings(max_examples=examples(100))
@given(st.text(min_size=1), st.sampled_from((MAIN, "handbook")))
def test_an_address_leads_to_its_document(path: str, name: str) -> None:
    path = path.encode(errors="ignore").decode() or "x"
    of = Source(name, Path("docs"), "fernhill")
    assert identifier_of(of.address(path), "fernhill") == of.identifier(path)
    assert of.address(path).isascii()


@pytest.mark.parametrize(
    ("glob", "takes", "leaves"),
    [
        ("*.pdf", ("a.pdf", "b/c/A.PDF", "x.pdf/y"), ("a.pdfx", "pdf", "a.md")),
        ("drafts", ("drafts/a", "b/drafts/c/d"), ("drafts2/a", "b/mydrafts/c")),
        ("/drafts", ("drafts/a",), ("b/drafts/c",)),
        ("a/*.md", ("a/b.md",), ("a/b/c.md", "x/a/b.md")),
        ("a/**/*.md", ("a/b.md", "a/b/c/d.md"), ("b/a/c.md",)),
        ("a/**", ("a/b", "a/b/c"), ("b/a/c",)),
        ("v?.[1]+", ("v2.[1]+",), ("v2.1", "v22.[1]+")),
        ("", (), ("a", "a/b")),
    ],
)
def test_globs(glob: str, takes: tuple[str, ...], leaves: tuple[str, ...]) -> None:
    of = Source(MAIN, Path("x"), "fernhill", include=(glob,))
    assert all(map(of.takes, takes))
    assert not any(map(of.takes, leaves))
    of = Source(MAIN, Path("x"), "fernhill", exclude=(glob,))
    assert all(map(of.takes, leaves))
    assert not any(map(of.takes, takes))


def test_ids_and_addresses() -> None:
    main, other = Source(MAIN, Path("x"), "fernhill"), Source("handbook", Path("y"), "fernhill")
    assert (main.identifier("returns-policy.md"), main.address("returns-policy.md")) == (
        "returns-policy",
        "kb://fernhill/returns-policy",
    )
    assert (other.identifier("a b/c.pdf"), other.address("a b/c.pdf")) == (
        "handbook:a b/c.pdf",
        "kb://handbook/a%20b/c.pdf",
    )
    assert identifier_of(" KB://Fernhill/returns-policy", "fernhill") == "returns-policy"


# --- the operator's file ----------------------------------------------------------------------------------


def given_by(tmp_path: Path, toml: str) -> Sources:
    file = tmp_path / "sources.toml"
    file.write_text(toml)
    return sources_file.given(tmp_path / "main", "fernhill", file)


def test_sources_of_a_file(tmp_path: Path) -> None:
    found = given_by(
        tmp_path, 'watch_roots = ["roots"]\n[sources.handbook]\nfolder = "books"\nexclude = ["drafts/*"]'
    )
    assert {name: of.folder for name, of in found.items()} == {
        MAIN: tmp_path / "main",
        "handbook": tmp_path / "books",
    }
    assert found["handbook"].takes("a/drafts.md")
    assert not found["handbook"].takes("drafts/a.md")
    assert found.roots == (tmp_path / "roots",)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("watch_roots = 1", "Expected `array`"),
        ("[sources.a]", "missing required field `folder`"),
        ('[sources.a]\nfolder = "x"\nfilter = 1', "unknown field `filter`"),
        ('[sources."A b"]\nfolder = "x"', "small letters"),
        ('[sources.added]\nfolder = "x"', "taken by documents that came by a tool"),
        ('[sources.fernhill]\nfolder = "x"', "the name of another source"),
        ('[sources.a]\nfolder = "main/below"', "one lies in the other"),
        ('[sources.a]\nfolder = "/"', "the whole computer"),
        ('watch_roots = ["/"]', "the whole computer"),
        ('watch_roots = ["roots", "."]', "gives themselves rights"),
        ("[sources", "not TOML"),
        ("x" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_in_it_is_said(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        given_by(tmp_path, toml)
    assert said in refused.value.text


def test_an_index_is_no_document(tmp_path: Path) -> None:
    of = [source(tmp_path / "docs")]
    require_index_outside(tmp_path / "index.db", of)
    require_index_outside(tmp_path / "docs/.index/index.db", of)
    with pytest.raises(ConfigurationError, match="lies in the folder"):
        require_index_outside(tmp_path / "docs/deep/index.db", of)


def test_a_tool_watches_only_what_the_operator_lets_it(tmp_path: Path) -> None:
    written(tmp_path, "roots/team/a.md", "roots/.private/b.md", "main/c.md", "elsewhere/d.md")
    (tmp_path / "roots/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "roots/way").symlink_to(tmp_path / "roots/team", target_is_directory=True)
    sources = given_by(tmp_path, 'watch_roots = ["roots", "missing"]')
    team = sources.watched("team", str(tmp_path / "roots/way"), {})
    assert team.folder == tmp_path / "roots/team"
    with Folder(team) as folder:
        assert set(folder.scan().files) == {"a.md"}
    for refused in (
        "elsewhere",
        "roots/link",
        "roots/../elsewhere",
        "roots/.private",
        "roots/gone",
        "roots/team/a.md",
    ):
        with pytest.raises(ToolError, match=r"no folder .* that may be watched"):
            sources.watched("other", str(tmp_path / refused), {})
    for refused in ("roots/team", "~", "\0", "", str(tmp_path / "roots" / ("x" * 5_000))):
        with pytest.raises(ToolError, match=r"no folder .* that may be watched"):
            sources.watched("other", refused, {})
    with pytest.raises(ToolError, match="lies in the other"):
        sources.watched("other", str(tmp_path / "roots"), {"team": team})
    assert sources.watched("team", str(tmp_path / "roots/team"), {"team": team}) == team
    for name, said in (("added", "taken"), ("fernhill", "operator's"), ("A b", "small letters")):
        with pytest.raises(ToolError, match=said):
            sources.watched(name, str(tmp_path / "roots/team"), {})
    with pytest.raises(ToolError, match="the operator has given no"):
        sources_file.given(tmp_path / "main", "fernhill").watched("x", str(tmp_path / "roots"), {})


def test_a_watched_folder_may_come_back(tmp_path: Path) -> None:
    sources = given_by(tmp_path, 'watch_roots = ["roots"]')
    found, refused = sources.again(
        {"team": str(tmp_path / "roots/team"), "bad": str(tmp_path / "main"), "A": str(tmp_path / "roots/a")}
    )
    assert set(found) == {"team"}
    assert set(refused) == {"bad", "A"}
    with pytest.raises(Unavailable, match="cannot be read"):
        Folder(found["team"])
    written(tmp_path, "roots/team/a.md")
    with Folder(found["team"]) as folder:
        assert set(folder.scan().files) == {"a.md"}


def test_a_watched_folder_that_becomes_a_link_is_left(tmp_path: Path) -> None:
    written(tmp_path, "roots/team/a.md", "elsewhere/secret.md")
    team = given_by(tmp_path, 'watch_roots = ["roots"]').watched("team", str(tmp_path / "roots/team"), {})
    (tmp_path / "roots/team").rename(tmp_path / "roots/before")
    (tmp_path / "roots/team").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(ToolwardError, match="cannot be read"):
        Folder(team)
