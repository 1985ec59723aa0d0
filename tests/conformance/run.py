"""Run the official conformance suites: `make conformance`. Against a server on the kit, against a gateway in front
of it, and against our client.

Each suite is an npm package, pinned here; what it may find wrong is in its expected-failures file, with reasons. A
failure that is not there is an error, and so is one that is there and does not happen.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from tests.conformance.client import serving

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS = 300  # for one suite, its download included


class Suite(NamedTuple):
    version: str
    protocol: str
    options: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        return f"@modelcontextprotocol/conformance@{self.version}"


SUITES = (
    Suite("0.1.16", "2025-06-18 and 2025-11-25"),
    Suite("0.2.0-alpha.12", "2026-07-28", ("--requirements", "2026-07-28")),
)


class Server(NamedTuple):
    """What is before a suite: a module that says its URL when it listens. `expected` begins the names of the files
    with its expected failures."""

    name: str
    command: tuple[str, ...]
    expected: str


SERVERS = (
    Server("kit", ("tests.conformance.fixture", "--http", "127.0.0.1:0"), "expected"),
    Server("gateway", ("tests.conformance.behind",), "gateway"),
)


def main() -> int:
    """0 where every suite found what was expected."""
    passed: list[bool] = []
    for server in SERVERS:
        with running(server) as url:
            passed += [run(suite, server, url) for suite in SUITES]
    with tempfile.TemporaryDirectory() as folder:
        channel = Path(folder) / "client"
        with serving(channel):
            passed += [run_clients(suite, channel) for suite in SUITES]
    return 0 if all(passed) else 1


@contextmanager
def running(server: Server) -> Generator[str, None, None]:
    """Its URL, on a free port, while this is open."""
    command = [sys.executable, "-m", *server.command]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if (found := re.search(r"http://\S+", line)) is not None:
                break
        else:
            raise SystemExit(f"the {server.name} did not start: {said}")
        reading = Thread(target=process.stderr.read)  # or it would wait for somebody to read what it says
        reading.start()
        yield found[0]
    finally:
        process.terminate()
        process.wait(timeout=30)


def run(suite: Suite, server: Server, url: str) -> bool:
    expectations = HERE / f"{server.expected}-{suite.version}.yaml"
    what = f"conformance {suite.version} ({suite.protocol}) of the {server.name}"
    with tempfile.TemporaryDirectory() as folder:  # where it leaves its files
        words = ["conformance", "server", "--url", url, "--expected-failures", str(expectations)]
        command = ["npm", "exec", "--yes", f"--package={suite.package}", "--", *words, *suite.options]
        said, code = _output(command, folder)
    total = re.search(r"^Total: (.+)$", said, re.MULTILINE)
    expected = re.findall(r"^  ~ (\S+)", said, re.MULTILINE)
    if code != 0 or total is None:
        print(said[said.find("=== SUMMARY") :])
        print(f"{what}: RED, see above and {expectations.name}")
        return False
    # A mere warning counts as a failure, but has the sign of a success; what is not scored does not count.
    succeeded = re.findall(r"^✓ (\S+):", said, re.MULTILINE)
    others = {*expected, *re.findall(r"^  [✓✗] (\S+) \(", said, re.MULTILINE)}
    print(
        f"{what}: {len(set(succeeded) - others)} scenarios pass, "
        f"{len(expected)} expected failures, none unexpected"
    )
    return True


def run_clients(suite: Suite, channel: Path) -> bool:
    """Our client before the servers of a suite, a scenario after the other."""
    what = f"conformance {suite.version} of our client"
    yaml: Any = YAML(typ="safe")
    read: Any = yaml.load(HERE / "client.yaml")
    claimed: list[str] = read["claimed"][suite.version]
    asking = f"{sys.executable} -I -S {HERE / 'ask.py'} {channel}"
    script = f"""conformance list --client
        for name in {" ".join(claimed)}; do
            echo "=== $name"; conformance client --command "{asking}" --scenario $name -o . 2>&1; echo "=== exit $?"
        done"""
    command = ["npm", "exec", "--yes", f"--package={suite.package}", "--", "sh", "-c", script]
    with tempfile.TemporaryDirectory() as folder:
        said, _ = _output(command, folder)
    listed = re.findall(r"^  - (\S+) \[", said[: said.find("=== ")], re.MULTILINE)
    failed = re.findall(r"^=== (\S+)\n(?:(?!===).*\n)*?=== exit [^0]", said, re.MULTILINE)
    others = [name for name in listed if name not in claimed]
    unknown = [name for name in others if not any(fnmatch(name, one) for one in read["not-claimed"])]
    if failed or unknown or said.count("=== exit 0") != len(claimed):
        print(f"{said}\n{what}: RED: failed {failed}, in no list {unknown}")
        return False
    print(f"{what}: {len(claimed)} scenarios pass, {len(others)} are not claimed (client.yaml)")
    return True


def _output(command: list[str], folder: str) -> tuple[str, int]:
    """What the suite printed, and its exit code. It is stopped, with what it started, when its time is over."""
    binaries = Path(sys.executable).parent  # Node is there, newer than Debian's
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        said += f"\nstopped after {SECONDS} seconds"
    return said, process.returncode


if __name__ == "__main__":
    sys.exit(main())
