"""With `TOOLWARD_LOG_FORMAT=json` every line on standard error is one object, from the first to the last, and none
signs anybody in: such lines are collected, and read by many."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import BIN, free_port


def run(folder: Path, *command: str, until: str) -> list[dict[str, Any]]:
    """Its lines, until it was ready and has ended in order."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLWARD_")}
    with subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=kept | {"TOOLWARD_HOME": str(folder / "home"), "TOOLWARD_LOG_FORMAT": "json"},
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            for line in process.stderr:
                lines.append(line)
                if until in line:
                    process.send_signal(signal.SIGTERM)
        finally:
            process.kill()
    assert "sign-in?code=" not in "".join(lines)
    return [json.loads(line) for line in lines]


def ready(lines: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (line for line in lines if line["message"].startswith("ready"))
    return found


@pytest.mark.parametrize(
    "workers", ["1", pytest.param("2", marks=pytest.mark.skipif("sys.platform != 'linux'"))]
)
def test_a_gateways_lines_are_objects_and_hold_no_link(tmp_path: Path, workers: str) -> None:
    http = free_port()
    (tmp_path / "gateway.yaml").write_text(
        f"version: 1\nhttp: 127.0.0.1:{http}\ngrpc: 127.0.0.1:0\nbackends: {{gone: {{command: [/no/such]}}}}\n"
    )
    command = ("toolward", "up", "--config", "gateway.yaml", "--workers", workers)
    lines = run(tmp_path, *command, until='"message":"ready')
    told = ready(lines)
    assert (told["level"], told["http"]) == ("info", f"http://127.0.0.1:{http}")
    assert [line for line in lines if line["level"] == "warning" and "gone" in line["message"]]
    assert not (tmp_path / "home" / "sign-in").exists()


def test_so_is_why_a_gateway_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("version: 1\nbackend: {}\n")
    (line,) = run(tmp_path, "toolward", "up", "--config", "gateway.yaml", until="never")
    assert line["level"] == "error"
    assert "gateway.yaml:2" in line["message"]


def test_a_tool_servers_lines_are_objects(tmp_path: Path) -> None:
    lines = run(tmp_path, "toolserver", "calculator", "--http", "127.0.0.1:0", until='"message":"ready')
    told = ready(lines)
    assert told["level"] == "info"
    assert "/mcp" in told["message"]


def test_so_is_why_a_tool_server_does_not_start(tmp_path: Path) -> None:
    command = ("toolserver", "calculator", "--http", "192.0.2.1:0")
    (line,) = run(tmp_path, *command, until="never")
    assert line["level"] == "error"


def test_another_form_of_lines_is_refused_by_the_gateway_too(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLWARD_")}
    done = subprocess.run(
        [str(BIN / "toolward"), "up"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env=kept | {"TOOLWARD_HOME": str(tmp_path / "home"), "TOOLWARD_LOG_FORMAT": "yaml"},
    )
    assert done.returncode == 1
    assert "TOOLWARD_LOG_FORMAT is 'yaml'; it can be text, json." in done.stderr
