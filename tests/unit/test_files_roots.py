"""Named roots and their rights, what is hidden or protected in them, and what may be set."""

import os
import unicodedata
from pathlib import Path

import pytest

from tests.unit.files_maze import WAYS, maze, opens, read, served
from toolservers.files.paths.containment import Opener, openat2, walk
from toolservers.files.paths.guards import HIDDEN, PROTECTED, Guards
from toolservers.files.paths.roots import Roots, lies_in
from toolservers.files.settings import RootSpec, Settings, amount
from toolservers.files.tools import server
from toolward.errors import ConfigurationError, ToolError

# --- roots


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A roots file of two roots: `notes` may be written, `docs` not."""
    for name in ("notes", "docs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(name)
    file = tmp_path / "roots.toml"
    file.write_text('[notes]\npath = "notes"\nwritable = true\nmax_bytes = "5 MB"\n[docs]\npath = "docs"\n')
    return file


def test_the_first_part_of_a_path_names_one_of_several_roots(two: Path) -> None:
    roots = Roots.open(Settings(roots=two))
    try:
        for path, root, below in (
            ("notes/a.md", "notes", "a.md"),
            ("./docs//x/../a.md", "docs", "x/../a.md"),
            ("docs", "docs", "."),
            (f"{two.parent}/docs/a.md", "docs", "a.md"),
        ):
            assert roots.place(path) == (roots[root], below)
        assert roots.shown(roots["docs"], ".") == "docs"
        assert roots.shown(roots["docs"], "x/a.md") == "docs/x/a.md"
        assert [roots.is_top(path) for path in (".", "", "./", "docs", "..")] == [
            True,
            True,
            True,
            False,
            False,
        ]
        for path in ("a.md", "..", ".", "Notes/a.md", "../docs/a.md"):
            with pytest.raises(ToolError, match=r"begins with no root; the roots are 'notes', 'docs'"):
                roots.place(path)
        for path in ("notes/../docs/a.md", "notes/../../etc/passwd"):
            with pytest.raises(ToolError, match="leaves the root"):
                read(roots, path)
        assert read(roots, "docs/a.md") == b"docs"
        with pytest.raises(ToolError, match=r"'docs/b\.md' cannot be changed: the root 'docs'"):
            _change(roots, "docs/b.md")
        with pytest.raises(ToolError, match=r"'docs/b\.md' does not exist"):
            read(roots, "docs/b.md")
        assert (roots["notes"].max_bytes, roots["docs"].max_bytes) == (5 * 10**6, None)
    finally:
        roots.close()


def test_a_link_from_one_root_to_another_leaves_it(two: Path) -> None:
    (two.parent / "notes/link").symlink_to("../docs")
    roots = Roots.open(Settings(roots=two))
    try:
        with pytest.raises(ToolError, match="leaves the root"):
            read(roots, "notes/link/a.md")
    finally:
        roots.close()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "names no root"),
        ("[notes", "is not TOML"),
        ('[notes]\npath = "notes"\npaht = 1', "unknown field `paht`"),
        ("[notes]\nwritable = true", "missing required field `path`"),
        ('notes = "x"', "'notes' .* cannot be used"),
        ('[notes]\npath = "notes"\nwritable = "yes"', "Expected `bool`"),
        ('[notes]\npath = "notes"\nmax_bytes = "much"', "no amount of bytes"),
        ('[notes]\npath = "notes"\nhidden = ["["]\nprotected = ["[z-a]"]', "no glob"),
        ('["no/tes"]\npath = "notes"', "needs another name"),
        ('["."]\npath = "notes"', "needs another name"),
        ('[".."]\npath = "notes"', "needs another name"),
        ('[notes]\npath = "missing"', "cannot be used"),
        ('[notes]\npath = "roots.toml"', "cannot be used"),
        ('[notes]\npath = "/"', "whole computer"),
        ('[a]\npath = "notes"\n[b]\npath = "notes/x"\nwritable = true', "'b' lies in the root 'a'"),
        ('[a]\npath = "notes"\n[b]\npath = "docs/../notes"', "lies in the root"),
        ('[a]\npath = "notes"\n[b]\npath = "link"', "lies in the root"),
        ('[a]\npath = "."\nwritable = true', "would give themselves rights"),
    ],
)
def test_a_roots_file_that_cannot_be_meant_stops_the_start_with_a_reason(
    two: Path, text: str, wrong: str
) -> None:
    (two.parent / "link").symlink_to("notes")
    two.write_text(text)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ConfigurationError, match=wrong):
        Roots.open(Settings(roots=two)).close()
    assert len(os.listdir("/dev/fd")) == before


def test_a_roots_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Roots.open(Settings(roots=tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("text", "number"), [("10 GB", 10**10), ("500kB", 500_000), (" 7 B ", 7), ("12", 12), (12, 12)]
)
def test_amounts_are_decimal(text: str | int, number: int) -> None:
    assert amount(text, "here") == number


async def test_a_missing_root_is_made_and_an_impossible_one_stops_the_start(tmp_path: Path) -> None:
    async with server.running(Settings(root=tmp_path / "new/deep")):
        assert (tmp_path / "new/deep").is_dir()
    (tmp_path / "file").touch()
    for settings in (Settings(root=tmp_path / "file"), Settings(root=tmp_path / "typo", read_only=True)):
        with pytest.raises(ConfigurationError, match=r"cannot be used: .*") as caught:
            async with server.running(settings):
                pass
        assert "TOOLWARD_FILES_ROOT" in caught.value.hint
    assert not (tmp_path / "typo").exists()


def test_a_folder_lies_in_a_root_also_before_it_is_made_and_by_another_name(tmp_path: Path) -> None:
    root_path = maze(tmp_path)
    (tmp_path / "other-name").symlink_to(root_path)
    with served(root_path) as roots:
        for path, inside in (
            (root_path, True),
            (root_path / "state/new", True),
            (tmp_path / "other-name/state", True),
            (tmp_path / "root-evil", False),
            (tmp_path / "state", False),
        ):
            assert lies_in(path, roots["root"]) is inside


def test_a_root_for_reading_is_never_changed(tmp_path: Path) -> None:
    root = maze(tmp_path)
    with served(root, spec=RootSpec(str(root))) as roots:
        for path in ("new", "new/er", "folder/inside.txt", ".env"):
            with pytest.raises(ToolError, match=r"for reading alone|is hidden here"):
                _change(roots, path)
        assert not (root / "new").exists()
        assert read(roots, "folder/inside.txt") == b"fine"


# --- guards


@pytest.fixture(params=[openat2, walk], ids=["openat2", "walk"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Opener]:
    for path in (
        *(
            ".ssh/config",
            "project/.env",
            "project/tls/server.key",
            ".git/hooks/pre-commit",
            "project/.git/config",
        ),
        *(".bashrc", "project/.mcp.json", "project/notes.md", ".toolward/kept"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("kept")
    for link, target in {
        "keys": ".ssh",
        "innocent.txt": "project/.env",
        "project/up": "..",
        "hooks": ".git/hooks",
        "rc": ".bashrc",
        "trash": ".toolward",
    }.items():
        (tmp_path / link).symlink_to(target)
    return tmp_path, request.param


def _change(roots: Roots, path: str) -> str:
    root, below = roots.place(path)
    with root.parent(below, make=True) as parent:
        return parent.path


HIDDEN_PATHS = [
    *(".ssh", ".ssh/config", "keys/config", "keys", "project/.env", "innocent.txt", "project/up/.ssh/config"),
    *("project/tls/server.key", "project/../.ssh/config", ".toolward/kept", "trash/kept", ".SSH/config"),
    *(
        "project/.ENV",
        "project/.env.",
        "project/.env ",
        "project/.\u200cenv",
        ".\u017f\u017fh",
        ".\u017fsh/config",
    ),
    *("project/up/project/up/keys/config", ".toolward/new", ".TOOLWARD"),
]
PROTECTED_PATHS = [
    *(".git", ".git/hooks/pre-commit", ".git/hooks/new", "hooks/new", ".GIT/config", "project/.git/config"),
    *(
        ".bashrc",
        "project/new/.bashrc",
        "project/up/.git/HEAD",
        ".Git\u200b/config",
        ".git./config",
        "GIT~1/config",
    ),
    *("project/.mcp.json", "hooks/made/new", ".git/new/folder/x", ".Bash\u00adrc", "bare.git/hooks/update"),
]


@pytest.mark.parametrize("path", HIDDEN_PATHS)
def test_what_is_hidden_is_neither_opened_nor_changed_by_any_name(
    guarded: tuple[Path, Opener], path: str
) -> None:
    folder, opener = guarded
    before = sorted(folder.rglob("*"))
    with served(folder, opener) as roots:
        for way in WAYS:
            with pytest.raises(
                ToolError, match=r"is hidden here|symbolic link|does not exist|is not a folder"
            ):
                opens(roots, path, way)
        if not (folder / path).is_symlink():
            with pytest.raises(ToolError, match=r"is hidden here|symbolic link|goes through a file"):
                _change(roots, path)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("path", PROTECTED_PATHS)
def test_what_is_protected_is_not_changed_by_any_name_and_no_folder_is_made_in_it(
    guarded: tuple[Path, Opener], path: str
) -> None:
    folder, opener = guarded
    before = sorted(folder.rglob("*"))
    with served(folder, opener) as roots:
        with pytest.raises(ToolError, match=r"is protected here|symbolic link|goes through a file"):
            _change(roots, path)
        assert sorted(folder.rglob("*")) == before
        assert read(roots, ".git/hooks/pre-commit") == b"kept"
        assert _change(roots, "project/notes.md") == "project/notes.md"


def test_a_link_itself_may_be_moved_or_deleted_what_it_leads_to_not(guarded: tuple[Path, Opener]) -> None:
    with served(*guarded) as roots:
        assert _change(roots, "rc") == "rc"


def test_a_name_of_which_nothing_is_there_tells_no_more_than_one_that_is(
    guarded: tuple[Path, Opener],
) -> None:
    folder, opener = guarded
    with served(folder, opener) as roots:
        for path in (".ssh/id_rsa", ".ssh/config", ".aws/credentials", "project/.env.local"):
            with pytest.raises(ToolError, match="is hidden here"):
                read(roots, path)


def test_globs_of_the_roots_file_are_added(tmp_path: Path) -> None:
    root = maze(tmp_path)
    (root / os.fsdecode(b"caf\xe9.Secret")).write_text("x")
    spec = RootSpec(str(root), writable=True, hidden=("*.secret",), protected=("folder/**", "Café.txt"))
    with served(root, spec=spec) as roots:
        assert not roots["root"].sees(os.fsdecode(b"caf\xe9.Secret"))
        assert not roots["root"].sees(".env")
        for path in ("folder/inside.txt", "café.txt", unicodedata.normalize("NFD", "CAFÉ.txt")):
            with pytest.raises(ToolError, match="is protected here"):
                _change(roots, path)
        assert _change(roots, "folder") == "folder"  # `folder/**` is of what is in it


def test_the_shipped_globs_hide_keys_and_protect_what_runs_by_itself() -> None:
    guards = Guards.of()
    for path in ("home/.ssh/id_ed25519", "a/b/tls.PEM", ".config/gcloud/x.json", "web/.env.production"):
        assert guards.hides(path), path
    for path in (
        ".git/hooks/x",
        "a/.husky/pre-push",
        "x/.vscode/tasks.json",
        ".config/fish/config.fish",
        "toolward.yaml",
    ):
        assert guards.protects(path), path
        assert not guards.hides(path), path
    for path in (
        "notes/a.md",
        "environment.md",
        ".gitignore",
        ".github/workflows/ci.yml",
        "keys.md",
        "a.git.md",
    ):
        assert not guards.hides(path), path
        assert not guards.protects(path), path
    assert len(set(HIDDEN)) == len(HIDDEN)
    assert len(set(PROTECTED)) == len(PROTECTED)
