"""Run our commands as a person would, each in a home of its own.

Each is a process of its own. What `toolward` runs is forked from one that has imported the command's modules
already, since importing is most of what a command takes; `Up`, and whoever uses `BIN`, start the program itself.
"""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
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


IMPORTED = multiprocessing.get_context("forkserver")
IMPORTED.set_forkserver_preload(
    ["gateway.cli", "gateway.cli.demo", "gateway.bootstrap", "toolward.client.mcp"]
)


def toolward(home: Path, *arguments: str, **environment: str) -> Done:
    """`toolward ARGUMENTS`, without a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        what = (arguments, home.parent, _environment(home) | environment, (out, err))
        process = IMPORTED.Process(target=_run, args=what)
        process.start()
        process.join(90)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"toolward {arguments} did not end in 90 seconds")
        code = process.exitcode
        process.close()
        done = Done(code, out.read_text(), err.read_text())
    assert "Traceback" not in done.err, done.err
    return done


def _run(
    arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str], written: tuple[Path, Path]
) -> None:
    """In the new process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    opened = [
        os.open(os.devnull, os.O_RDONLY),
        *(os.open(file, os.O_WRONLY | os.O_CREAT) for file in written),
    ]
    for number, file in enumerate(opened):
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["toolward", *arguments]
    from gateway.cli import main

    main()


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

    def __init__(self, home: Path, config: Path, *options: str, folder: Path | None = None) -> None:
        """It is started in `folder`; by default in the one that `home` is in."""
        self.process = subprocess.Popen(
            [str(BIN / "toolward"), "up", "--json", "--config", str(config), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder or home.parent,
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


SHIPPED = ("search", "calculator", "crm", "files")


def four_servers(folder: Path) -> Path:
    """A configuration like the built-in one, on ports that are free."""
    return serving(folder, *SHIPPED)


def serving(folder: Path, *names: str) -> Path:
    """Like the built-in configuration, with these of the servers that come along: each takes its time to start."""
    crm, files, http, grpc = (free_port() for _ in range(4))
    python = json.dumps(sys.executable)
    known = {
        "search": f"""
    command: [{python}, -m, toolservers.search, --embeddings, none]
    env: {{TOOLWARD_SEARCH_INDEX: {json.dumps(str(folder / "search.db"))}}}""",
        "calculator": f"{{command: [{python}, -m, toolservers.calculator]}}",
        "crm": f"""
    url: http://127.0.0.1:{crm}/mcp
    start: [{python}, -m, toolservers.crm, --http, "127.0.0.1:{crm}"]
    env: {{TOOLWARD_CRM_DATABASE: {json.dumps(str(folder / "crm.db"))}}}""",
        "files": f"""
    grpc: 127.0.0.1:{files}
    start: [{python}, -m, toolservers.files, --grpc, "127.0.0.1:{files}"]
    env: {{TOOLWARD_FILES_ROOT: {json.dumps(str(folder / "files"))}}}""",
    }
    path = folder / "some.yaml"
    backends = "".join(f"  {name}: {known[name]}\n" for name in names)
    path.write_text(
        f"version: 1\nhttp: 127.0.0.1:{http}\ngrpc: 127.0.0.1:{grpc}\n"
        + (f"backends:\n{backends}" if names else "")
    )
    return path
