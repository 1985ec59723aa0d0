"""`toolward client`: what it says and writes, called as the command line calls it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import make_app
from toolward.errors import ConfigurationError, Conflict, InvalidRequest, NotFound, ToolwardError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """A command with --json in a home and a folder of its own -> what it printed."""
    for name in ("TOOLWARD_CONFIG", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def ran(*words: str) -> Any:
        capsys.readouterr()
        assert make_app()(["client", *words, "--json"], exit_on_error=False) == 0
        return json.loads(capsys.readouterr().out)

    return ran


def test_from_the_list_to_a_file_and_back(run: Any, tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    tried = run("connect", "cursor", "--dry-run")
    assert (tried["done"], tried["dry_run"]) == ("add", True)
    assert '+      "args": ["mcp"],' in tried["difference"].splitlines()
    run("print", "cursor")
    assert list(tmp_path.iterdir()) == []
    assert run("connect", "Cursor")["done"] == "add"
    (said,) = json.loads(file.read_text())["mcpServers"].values()
    assert Path(said["command"]).is_absolute()
    assert said["env"] == {"TOOLWARD_HOME": str(tmp_path / "state")}
    assert run("connect", "cursor")["done"] == "none"
    states = {one["name"]: one["state"] for one in run("list")["clients"]}
    assert (states["cursor"], states["codex"]) == ("connected", "no file")
    whole = file.read_bytes()
    file.write_text("{}")
    assert run("list")["clients"][2]["state"] == "found"
    file.write_bytes(whole)
    assert run("disconnect", "cursor", "--dry-run")["done"] == "restore"
    assert run("disconnect", "cursor")["done"] == "restore"
    assert not file.parent.exists()
    assert run("disconnect", "cursor")["done"] == "gone"


def test_a_home_that_only_our_environment_names_is_named_to_the_client(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TOOLWARD_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert "env" not in run("print", "cursor")["entry"]
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    home = run("print", "cursor")["entry"].get("env", {}).get("TOOLWARD_HOME")
    assert home == (str(tmp_path / "data" / "toolward") if sys.platform == "linux" else None)


def test_a_configuration_that_needs_what_a_client_may_not_have_is_told_of(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(
        'version: 1\nbackends:\n  crm: {url: "http://127.0.0.1:1/mcp", token: "${env:CRM_TOKEN}"}\n'
    )
    monkeypatch.setenv("CRM_TOKEN", "sesame")
    assert run("connect", "cursor", "--config", str(config))["done"] == "add"
    assert make_app()(["client", "connect", "cursor", "--config", str(config)]) == 0
    said = capsys.readouterr().err
    assert "CRM_TOKEN" in said
    assert "${keychain:NAME}" in said
    assert make_app()(["client", "connect", "vscode", "--http", "--config", str(config)]) == 0
    assert "CRM_TOKEN" not in capsys.readouterr().err


def test_in_a_project_over_http(run: Any, tmp_path: Path) -> None:
    (tmp_path / "toolward.yaml").write_text("version: 1\nbackends: {}\nhttp: 127.0.0.1:8799\n")
    (tmp_path / "work").mkdir()
    with pytest.raises(ConfigurationError, match="nobody has trusted it"):
        run("connect", "vscode", "--project", "work", "--http")
    named = ("--config", "toolward.yaml")
    assert run("connect", "vscode", "--project", "work", "--http", *named)["done"] == "add"
    assert json.loads((tmp_path / "work" / ".vscode" / "mcp.json").read_text()) == {
        "servers": {
            "toolward": {
                "type": "http",
                "url": "http://127.0.0.1:8799/mcp",
                "headers": {"Authorization": "Bearer ${env:TOOLWARD_KEY}"},
            }
        }
    }
    printed = run("print", "claude-desktop", *named)
    assert printed["entry"]["args"] == ["mcp", "--config", str(tmp_path / "toolward.yaml")]


def test_the_list_has_the_connected_files_of_projects_too(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "work" / ".vscode" / "mcp.json"
    file.parent.parent.mkdir()
    run("connect", "vscode", "--project", "work")
    for more in ((), ("--project", "work")):
        rows = [one for one in run("list", *more)["clients"] if one["state"] == "connected"]
        assert [(one["name"], one["scope"], one["file"]) for one in rows] == [
            ("vscode", "project", str(file))
        ]
    run("disconnect", "vscode", "--project", "work")
    assert {one["state"] for one in run("list")["clients"]} == {"no file"}


def test_one_tool_server_alone(run: Any, tmp_path: Path) -> None:
    run("connect", "codex", "--server", "files", "--env", "TOOLWARD_FILES_ROOT=/srv/notes", "--env", "LANG")
    assert run("connect", "codex")["done"] == "add"
    text = (tmp_path / ".codex" / "config.toml").read_text()
    assert "[mcp_servers.toolward-files]" in text
    assert 'args = ["files"]\nenv_vars = ["LANG"]\nenv = { TOOLWARD_FILES_ROOT = "/srv/notes" }' in text
    assert run("disconnect", "codex", "--server", "files")["done"] == "remove"
    assert run("disconnect", "codex")["done"] == "remove"
    assert not (tmp_path / ".codex" / "config.toml").read_text().strip()


REFUSED = [
    ("connect curser", NotFound, "Did you mean cursor?"),
    ("connect zed --http", InvalidRequest, "toolward client print zed --http"),
    ("connect claude-desktop --http", InvalidRequest, "leave --http away"),
    ("connect windsurf --project .", InvalidRequest, "has no file of a project"),
    ("connect cursor --project nowhere", InvalidRequest, "There is no folder"),
    ("connect cursor --server file", NotFound, "Did you mean files?"),
    ("connect cursor --server files --http", InvalidRequest, "over stdio"),
    ("connect cursor --env A=b", InvalidRequest, "--env goes with --server"),
    ("connect cursor --server files --env =b", InvalidRequest, "names no variable"),
    ("connect zed --server files --env LANG", InvalidRequest, "--env NAME=VALUE"),
    ("connect cursor --name a.b", InvalidRequest, "cannot be called"),
    ("connect vscode --http --key-env A-B", InvalidRequest, "no name of a variable"),
    ("connect gemini", Conflict, "--force"),
]


@pytest.mark.parametrize(("words", "kind", "said"), REFUSED, ids=[words for words, _, _ in REFUSED])
def test_refusals_say_what_to_do(
    run: Any, tmp_path: Path, words: str, kind: type[ToolwardError], said: str
) -> None:
    (tmp_path / ".gemini").mkdir()
    (tmp_path / ".gemini" / "settings.json").write_text('{"mcpServers": {"toolward": {"command": "x"}}}')
    with pytest.raises(kind) as caught:
        run(*words.split())
    assert said in caught.value.text
