"""A configuration that nobody named starts nothing until its digest is trusted."""

import os
from pathlib import Path

import pytest

from gateway.config.find import Found, find_config, load_settings
from gateway.config.parse import read_settings
from gateway.config.trust import is_trusted, trust, trusted_as, trusted_file, would_start
from toolward.errors import ConfigurationError

HERE = """
version: 1
backends:
  crm:
    url: http://127.0.0.1:8740/mcp?key=${env:KEY}
    start: [toolserver, crm, --key, "${env:KEY}"]
    env: {MODE: "${file:mode}", TOKEN: s3cret}
    cwd: work
  files: {grpc: "dns:///tools.internal:8731"}
  docs: {url: "https://docs.example/${file:path}"}
mcp_servers: [mcp.json]
models: {m: {wire: openai_chat, base_url: https://api.example/v1, model: x}, n: {wire: offline}}
policies: [mine.yaml]
"""
ENVIRONMENT = {"KEY": "k3y"}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    Path("toolward.yaml").write_text(HERE)
    Path("mode").write_text("fast\n")
    Path("path").write_text("mcp")
    Path("mine.yaml").write_text("version: 1\nrules: []\n")
    Path("mcp.json").write_text('{"mcpServers": {"git": {"command": "npx", "args": ["git-server"]}}}')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def load(home: Path) -> None:
    load_settings(find_config(environment={}), home, ENVIRONMENT)


def refusal(home: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(home)
    return caught.value.text


def trust_it(home: Path) -> None:
    path = Path("toolward.yaml")
    trust(path, read_settings(path, ENVIRONMENT), home)


def test_what_was_found_in_the_working_directory_is_refused_with_all_that_it_would_do(home: Path) -> None:
    assert refusal(home) == (
        "toolward.yaml was found in this folder, and nobody has trusted it yet. It would start or reach:\n"
        f"  crm: starts toolserver crm --key ${{env:KEY}} in {Path.cwd()}/work with MODE, TOKEN; "
        "connects to http://127.0.0.1:8740/mcp\n"
        "  files: connects to dns:///tools.internal:8731\n"
        "  docs: connects to https://docs.example/${file:path}\n"
        "  git: starts npx git-server\n"
        "  model m: connects to https://api.example/v1 "
        "Look at what it would start, and trust it: toolward config trust. Until then nothing of it is used. "
        "(A file that --config names is trusted by that.)"
    )
    assert not trusted_file(home).exists()


def test_what_is_named_or_lies_in_the_users_directory_is_trusted_by_that(home: Path, tmp_path: Path) -> None:
    path = Path("toolward.yaml")
    load_settings(find_config(path, {}), home, ENVIRONMENT)
    load_settings(find_config(None, {"TOOLWARD_CONFIG": str(path)}), home, ENVIRONMENT)
    load_settings(Found("user directory", path), home, ENVIRONMENT)


def test_trust_holds_until_something_that_can_start_a_process_changes(home: Path) -> None:
    trust_it(home)
    load(home)
    assert trusted_file(home).stat().st_mode & 0o777 == 0o600
    Path("mine.yaml").write_text("version: 1\nrules: []\n# policies start nothing\n")
    load(home)

    for name, text in (
        ("toolward.yaml", HERE.replace("--key", "--keys")),
        ("mcp.json", '{"mcpServers": {"git": {"command": "npx", "args": ["git-server2"]}}}'),
        ("mode", "slow\n"),
        ("path", "elsewhere"),
    ):
        before = Path(name).read_text()
        Path(name).write_text(text)
        assert refusal(home).startswith("toolward.yaml has changed since it was trusted."), name
        trust_it(home)
        load(home)
        Path(name).write_text(before)
        assert refusal(home), name  # only the last one is trusted
        trust_it(home)


def test_a_change_is_shown_as_a_difference(home: Path) -> None:
    trust_it(home)
    Path("mcp.json").write_text('{"mcpServers": {"git": {"command": "curl", "args": ["evil"]}}}')
    said = refusal(home)
    assert "\n- git: starts npx git-server\n+ git: starts curl evil\n" in said
    assert "\n  files: connects to" in said


def test_a_secret_of_the_environment_is_neither_recorded_nor_part_of_it(home: Path) -> None:
    trust_it(home)
    text = trusted_file(home).read_text()
    assert "k3y" not in text
    assert "s3cret" not in text
    load_settings(find_config(environment={}), home, {"KEY": "another"})


def test_where_it_is_looked_at_from_makes_no_difference(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("toolward.yaml").absolute()
    monkeypatch.chdir(tmp_path)
    trust(path, read_settings(path, ENVIRONMENT), home)
    monkeypatch.chdir(path.parent)
    load(home)


def test_the_same_text_elsewhere_is_not_trusted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_it(home)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in Path.cwd().iterdir():
        (copy / file.name).write_text(file.read_text())
    monkeypatch.chdir(copy)
    assert "nobody has trusted it yet" in refusal(home)


def test_a_record_that_is_no_good_trusts_nothing(home: Path) -> None:
    trust_it(home)
    file = trusted_file(home)
    file.chmod(0o666)
    assert "can be written to by others, so it proves nothing" in refusal(home)
    file.chmod(0o600)
    file.write_text('{"trusted": {"x": 1}}')
    assert "is damaged: " in refusal(home)
    file.unlink()
    assert "nobody has trusted it yet" in refusal(home)


def test_several_configurations_are_trusted_side_by_side(home: Path) -> None:
    trust_it(home)
    other = Path("other.yaml")
    other.write_text("version: 1\n")
    settings = read_settings(other, {})
    trust(other, settings, home)
    assert is_trusted(other, settings, home)
    assert would_start(settings) == ()
    kept = trusted_as(Path("toolward.yaml"), home)
    assert kept is not None
    assert len(kept.starts) == 5
    assert [name for name in os.listdir(home) if name != "trusted.json"] == []


def test_a_secret_that_is_a_pipe_is_told_and_not_waited_for(home: Path) -> None:
    Path("mode").unlink()
    os.mkfifo("mode")
    assert "mode, which is no file" in refusal(home)
