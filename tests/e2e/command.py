"""Run our commands as a person would, each in a home of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

BIN = Path(sys.executable).parent


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def toolward(home: Path, *arguments: str, **environment: str) -> Done:
    """`toolward ARGUMENTS`, without a terminal."""
    done = subprocess.run(
        [str(BIN / "toolward"), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=home.parent,
        env=_environment(home) | environment,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def patiently(work: Callable[[], Done]) -> Done:
    """Again, a few times, where a busy machine did not start a server within the time to connect."""
    for _ in range(4):
        done = work()
        if "is not running" not in done.err:
            return done
    return work()


def _environment(home: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TOOLWARD_", "OPENAI_"))
    }
    return kept | {"TOOLWARD_HOME": str(home), "XDG_CONFIG_HOME": str(home.parent / "config")}


class Up:
    """A running `toolward up --json`; `where` is the line that it printed."""

    def __init__(self, home: Path, config: Path) -> None:
        self.process = subprocess.Popen(
            [str(BIN / "toolward"), "up", "--json", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=home.parent,
            env=_environment(home),
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.where = json.loads(line)
        assert "error" not in self.where, self.where

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def four_servers(folder: Path) -> Path:
    """A configuration like the built-in one, on ports that are free."""
    crm, files, http, grpc = (free_port() for _ in range(4))
    python = json.dumps(sys.executable)
    path = folder / "four.yaml"
    path.write_text(f"""
version: 1
http: 127.0.0.1:{http}
grpc: 127.0.0.1:{grpc}
backends:
  search: {{command: [{python}, -m, toolservers.search]}}
  calculator: {{command: [{python}, -m, toolservers.calculator]}}
  crm:
    url: http://127.0.0.1:{crm}/mcp
    start: [{python}, -m, toolservers.crm, --http, "127.0.0.1:{crm}"]
    env: {{TOOLWARD_CRM_DATABASE: {json.dumps(str(folder / "crm.db"))}}}
  files:
    grpc: 127.0.0.1:{files}
    start: [{python}, -m, toolservers.files, --grpc, "127.0.0.1:{files}"]
    env: {{TOOLWARD_FILES_ROOT: {json.dumps(str(folder / "files"))}}}
""")
    return path
