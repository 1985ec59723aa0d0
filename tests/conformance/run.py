"""Run the official conformance suites against the fixture: `make conformance`.

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
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS = 300  # for one suite, its download included


class Suite(NamedTuple):
    version: str
    protocol: str
    options: tuple[str, ...] = ()

    @property
    def expected(self) -> Path:
        return HERE / f"expected-{self.version}.yaml"


SUITES = (
    Suite("0.1.16", "2025-06-18 and 2025-11-25"),
    Suite("0.2.0-alpha.12", "2026-07-28", ("--requirements", "2026-07-28")),
)


def main() -> int:
    """0 where every suite found what was expected."""
    with fixture() as url:
        passed = [run(suite, url) for suite in SUITES]
    return 0 if all(passed) else 1


@contextmanager
def fixture() -> Generator[str, None, None]:
    """The URL of the fixture server, on a free port, while this is open."""
    command = [sys.executable, "-m", "tests.conformance.fixture", "--http", "127.0.0.1:0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        found = re.search(r"http://\S+", said)
        if found is None:
            raise SystemExit(f"the fixture server did not start: {said}{process.stderr.read()}")
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def run(suite: Suite, url: str) -> bool:
    package = f"@modelcontextprotocol/conformance@{suite.version}"
    with tempfile.TemporaryDirectory() as folder:  # where it leaves its files
        command = [
            "npm",
            "exec",
            "--yes",
            f"--package={package}",
            "--",
            "conformance",
            "server",
            "--url",
            url,
        ]
        command += ["--expected-failures", str(suite.expected), *suite.options]
        said, code = _output(command, folder)
    total = re.search(r"^Total: (.+)$", said, re.MULTILINE)
    expected = re.findall(r"^  ~ (\S+)", said, re.MULTILINE)
    if code != 0 or total is None:
        print(said[said.find("=== SUMMARY") :])
        print(f"conformance {suite.version} ({suite.protocol}): RED, see above and {suite.expected.name}")
        return False
    # A mere warning counts as a failure, but has the sign of a success; what is not scored does not count.
    succeeded = re.findall(r"^✓ (\S+):", said, re.MULTILINE)
    others = {*expected, *re.findall(r"^  [✓✗] (\S+) \(", said, re.MULTILINE)}
    print(
        f"conformance {suite.version} ({suite.protocol}): {len(set(succeeded) - others)} scenarios pass, "
        f"{len(expected)} expected failures, none unexpected"
    )
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
