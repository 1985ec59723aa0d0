"""`toolward config`, and that a folder's configuration starts nothing before it is trusted."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.command import BIN, Up, free_port, toolward
from toolward.errors import ConfigurationError

WITNESS = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(folder: Path, *, mode: str = "a") -> Path:
    """A configuration whose one backend leaves a file behind when it is started; gives that file."""
    witness = folder / "started"
    command = json.dumps([sys.executable, "-c", WITNESS, str(witness)])
    (folder / "toolward.yaml").write_text(
        f"version: 1\ngrpc: 127.0.0.1:{free_port()}\n"
        f"backends:\n  one: {{command: {command}, env: {{MODE: {mode}, KEY: '${{env:KEY}}'}}}}\n"
    )
    return witness


@pytest.mark.parametrize(
    "command", [("tool", "list"), ("up",), ("mcp",), ("ask", "hello"), ("policy", "check")]
)
def test_before_a_folders_configuration_is_trusted_every_command_refuses_it(
    home: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    witness = write(tmp_path)
    done = toolward(home, *command, KEY="k3y")
    assert (done.code, done.out) == (1, "")
    assert "nobody has trusted it yet" in done.err
    assert "toolward config trust" in done.err
    assert "k3y" not in done.err
    assert not witness.exists()


def test_a_folders_configuration_starts_nothing_before_it_is_trusted(home: Path, tmp_path: Path) -> None:
    witness = write(tmp_path)
    refused = toolward(home, "config", "trust", KEY="k3y")  # nobody is there to agree
    assert refused.code == 1
    assert "--yes" in refused.err
    assert "one: starts" in refused.out
    assert "with MODE, KEY" in refused.out
    assert not witness.exists()

    agreed = toolward(home, "config", "trust", "--yes", "--json", KEY="k3y")
    assert (agreed.code, agreed.json["trusted"]) == (0, True)
    assert "k3y" not in (home / "trusted.json").read_text()
    assert toolward(home, "tool", "list", KEY="k3y").code == 0
    assert witness.exists()

    witness.unlink()
    write(tmp_path, mode="b")
    error = toolward(home, "tool", "list", "--json", KEY="k3y").json["error"]
    assert error["code"] == ConfigurationError.code
    assert "has changed since it was trusted" in error["message"]
    assert not witness.exists()


def test_named_it_is_trusted_by_that(home: Path, tmp_path: Path) -> None:
    write(tmp_path)
    assert toolward(home, "tool", "list", "--config", str(tmp_path / "toolward.yaml"), KEY="k").code == 0
    assert toolward(home, "tool", "list", KEY="k", TOOLWARD_CONFIG=str(tmp_path / "toolward.yaml")).code == 0


def test_path_says_which_one_won_and_why(home: Path, tmp_path: Path) -> None:
    assert toolward(home, "config", "path").out.startswith("the built-in default: there is no toolward.yaml")
    write(tmp_path)
    assert toolward(home, "config", "path").out == "toolward.yaml: found in the working directory\n"
    found = toolward(home, "config", "path", "--json", "--config", "toolward.yaml").json
    assert (found["origin"], found["why"]) == ("flag", "toolward.yaml: named on the command line")


def test_show_prints_everything_and_no_secret(home: Path, tmp_path: Path) -> None:
    witness = write(tmp_path, mode="plain-secret")
    done = toolward(home, "config", "show", KEY="k3y")
    assert done.code == 0
    assert "KEY: ${env:KEY}" in done.out
    assert "MODE: (in the file)" in done.out
    assert "not trusted" in done.err
    as_json = toolward(home, "config", "show", "--json", KEY="k3y")
    assert as_json.json["trusted"] is False
    assert as_json.json["configuration"]["backends"]["one"]["command"][-1] == str(witness)
    assert not any(secret in f"{done} {as_json}" for secret in ("k3y", "plain-secret"))
    assert not witness.exists()
    assert toolward(home, "config", "show", "--json", "--config", "toolward.yaml", KEY="").json["trusted"]


def test_a_person_at_a_terminal_is_asked(home: Path, tmp_path: Path) -> None:
    write(tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLWARD_")}
    child, terminal = os.forkpty()
    if child == 0:
        os.chdir(tmp_path)
        environment = kept | {"TOOLWARD_HOME": str(home), "KEY": "k3y", "TERM": "dumb"}
        os.execve(BIN / "toolward", ["toolward", "config", "trust"], environment)
    said = b""
    os.write(terminal, b"y\n")
    while b"Trusted: toolward.yaml" not in said:
        said += os.read(terminal, 4096)
    assert b"Trust it? Its programs get your rights." in said
    assert os.waitpid(child, 0)[1] == 0
    os.close(terminal)
    assert (home / "trusted.json").exists()


def test_a_running_gateway_reads_again_at_a_hangup(home: Path, tmp_path: Path) -> None:
    config, policy = tmp_path / "gateway.yaml", tmp_path / "policy.yaml"
    ports = f"http: 127.0.0.1:{free_port()}\ngrpc: 127.0.0.1:{free_port()}"
    config.write_text(f"version: 1\n{ports}\npolicies: [policy.yaml]\n")
    policy.write_text("version: 1\nrules: []\n")
    up = Up(home, config)
    try:
        policy.write_text("version: 1\nrules: nothing\n")
        up.process.send_signal(signal.SIGHUP)
        assert up.process.stderr is not None
        said = up.process.stderr.readline()
        assert "is not in force; what it said before still is" in said
        assert "policy.yaml:2" in up.process.stderr.readline()
    finally:
        assert up.stop(signal.SIGTERM) == 0


def test_a_gateway_ends_with_its_terminal(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(f"version: 1\nhttp: 127.0.0.1:{free_port()}\ngrpc: 127.0.0.1:{free_port()}\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLWARD_")}
    child, terminal = os.forkpty()
    if child == 0:
        environment = kept | {"TOOLWARD_HOME": str(home), "TERM": "dumb"}
        os.execve(BIN / "toolward", ["toolward", "up", "--config", str(config)], environment)
    said = b""
    while b"Ctrl-C stops everything" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    assert os.waitpid(child, 0)[0] == child  # or the test times out
