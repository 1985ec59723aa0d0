"""A backend written into `toolward.yaml`, and taken out of it: the rest stays byte for byte."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.backends_file import add_backend, remove_backend, with_backend, without_backend
from gateway.config.builtin import builtin_settings
from gateway.config.parse import read_settings
from gateway.config.source import parse_yaml
from gateway.config.starting_file import starting_file
from gateway.core.spec import HttpSpec, StdioSpec
from tests.examples import examples
from toolward.errors import ConfigurationError, Conflict, NotFound

ENTRY = {"command": ["/bin/notes", 'it\'s "quoted" # no comment: ü'], "env": {"A": "b: c"}}

NEIGHBOURS = (
    "  crm: {url: 'http://127.0.0.1:1/mcp'}  # ours\n",
    "  # of the books\n  books:\n    command: [\n      a,\n      b ]   # two lines\n\n    timeout: 3\n",
    "  text:\n    command: [cat]\n    env:\n      SAID: |\n        backends:\n          fake: {command: [no]}\n",
    "\n  # alone\n\n  'quoted': {grpc: '127.0.0.1:5'}\n",
)
ENDINGS = ("", "\n# the end\n", "principals:\n  - {id: local}\n", "\n\nhttp: 127.0.0.1:9000 # a door\n")


@given(
    st.lists(st.sampled_from(NEIGHBOURS), unique=True),
    st.sampled_from(ENDINGS),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=examples(60), deadline=None)
def test_what_is_added_and_taken_out_again_leaves_no_trace(
    neighbours: list[str], ending: str, windows: bool, marked: bool
) -> None:
    head = "backends:  # servers\n" if neighbours else "backends: {}\n"
    text = f"# my file\nversion: 1\n{head}{''.join(neighbours)}{ending}"
    text = ("\ufeff" if marked else "") + (text.replace("\n", "\r\n") if windows else text)
    added = with_backend(text, "toolward.yaml", "notes", ENTRY)
    before, after = (parse_yaml(one.removeprefix("\ufeff"), "t").data for one in (text, added))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert after == {**before, "backends": {**before["backends"], "notes": ENTRY}}  # pyright: ignore[reportGeneralTypeIssues, reportUnknownMemberType, reportCallIssue]
    assert without_backend(added, "toolward.yaml", "notes") == text


@pytest.mark.parametrize("text", ["", "version: 1", "version: 1\n"])
def test_where_there_is_no_section_one_is_made_at_the_end(text: str) -> None:
    added = with_backend(text, "t", "notes", ENTRY)
    assert added.startswith(text)
    assert parse_yaml(added, "t").data == ({"version": 1} if text else {}) | {"backends": {"notes": ENTRY}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "toolward.yaml"
    path.write_text("version: 1\nbackends:\n  a: {command: [a]}\n  'b': {command: [b]}\n")
    path.chmod(0o640)
    return path


def test_a_file_is_changed_whole_with_its_mode_and_read_again(file: Path) -> None:
    link = file.parent / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(file)
    after = add_backend(link, "hr", {"url": "https://hr.example/mcp"})
    assert [type(one) for one in after.backends] == [StdioSpec, StdioSpec, HttpSpec]
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o640)
    assert [one.name for one in remove_backend(file, "a").backends] == ["b", "hr"]
    assert sorted(one.name for one in file.parent.iterdir()) == ["elsewhere", "toolward.yaml"]


@pytest.mark.parametrize(
    ("name", "entry", "error", "said"),
    [
        ("a", {"command": ["x"]}, Conflict, "There is a backend a already"),
        ("c", {"url": "nonsense"}, ConfigurationError, "toolward.yaml:6: backends.c.url"),
        (
            "c",
            {"url": "http://x.example/mcp", "token": "${env:TOOLWARD_NOT_SET}"},
            ConfigurationError,
            "not set",
        ),
    ],
)
def test_what_is_refused_leaves_the_file_as_it_was(
    file: Path, name: str, entry: dict[str, str], error: type[Exception], said: str
) -> None:
    before = file.read_bytes()
    with pytest.raises(error, match=said):
        add_backend(file, name, entry)
    with pytest.raises(NotFound):
        remove_backend(file, "aa")
    with pytest.raises(ConfigurationError, match="not written in lines of its own"):
        remove_backend(file, "b")
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == ["toolward.yaml"]


def test_what_stands_in_braces_is_left_and_the_line_to_write_is_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_backend("version: 1\nbackends: {a: {command: [a]}}\n", "t", "notes", {"command": ["n"]})
    assert "t:2" in caught.value.message
    assert 'notes: {"command": ["n"]}' in caught.value.hint


def test_the_starting_file_says_what_holds_without_one(tmp_path: Path) -> None:
    path = tmp_path / "toolward.yaml"
    path.write_text(starting_file(tmp_path / "home"))
    read, built_in = read_settings(path, {}), builtin_settings(tmp_path / "home")
    assert read.backends == built_in.backends
    assert read.facts == built_in.facts
    assert read.principals == built_in.principals
    assert (read.http, read.grpc, read.agents, read.policies) == (
        built_in.http,
        built_in.grpc,
        built_in.agents,
        built_in.policies,
    )
