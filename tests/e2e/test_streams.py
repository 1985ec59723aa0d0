"""Commands whose output goes nowhere: closed, full, or to a reader that has enough."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.command import BIN

COMMANDS = ["version", "--help", "key list", "nothing", "completion bash"]


def shell(home: Path, command: str, rest: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "TOOLWARD_HOME": str(home)}
    return subprocess.run(
        ["sh", "-c", f"toolward {command} {rest}"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home.parent,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_hinders_nothing(command: str, closed: str, tmp_path: Path) -> None:
    done = shell(tmp_path / "home", command, closed)
    assert done.returncode == (2 if command == "nothing" else 0), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file that is always full")
@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ("nothing", "key list")])
def test_a_disk_that_is_full_is_told(command: str, tmp_path: Path) -> None:
    done = shell(tmp_path / "home", command, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("toolward: No space left on device.\n")


@pytest.mark.parametrize("command", ["--help", "completion bash", "config show"])
def test_a_reader_that_has_enough_is_no_error(command: str, tmp_path: Path) -> None:
    done = shell(tmp_path / "home", command, "2>err | head -n 1; cat err")
    assert len(done.stdout.splitlines()) == 1, done.stdout
