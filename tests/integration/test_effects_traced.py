"""What the operating system saw: an intent is on the disk before the first byte of its call leaves the gateway."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.traced_gateway import FIRST

EFFECTS = 12
CALLS = "write,writev,sendto,sendmsg,pwrite64,fdatasync,fsync"

CONFIG = """
version: 1
backends:
  calculator: {{command: [{python}, -m, toolservers.calculator]}}   # no facts: every call is an effect
policies: [all.yaml]
agents: []
"""
POLICY = (
    "version: 1\nrules: [{id: all, principals: ['role:operator'], tools: ['calculator.*'], effect: allow}]\n"
)

_LINE = re.compile(
    r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\()(?P<rest>.*)", re.DOTALL
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)")
@pytest.mark.timeout(180)
def test_the_intent_of_every_effect_is_on_disk_before_its_first_byte_is_sent(tmp_path: Path):
    lines = _traced(tmp_path)
    for number in range(EFFECTS):
        mark = str(FIRST + number)
        stored = next(at for at, line in enumerate(lines) if _writes_ledger(line) and mark in line)
        sent = next(at for at, line in enumerate(lines) if _sends(line) and mark in line)
        synced = [at for at in _synced(lines) if stored < at < sent]
        assert stored < sent, f"call {number} was sent before its intent was written"
        assert synced, f"call {number} was sent before its intent was on disk"


def _traced(tmp_path: Path) -> list[str]:
    config, trace = tmp_path / "toolward.yaml", tmp_path / "trace"
    config.write_text(CONFIG.format(python=sys.executable))
    (tmp_path / "all.yaml").write_text(POLICY)
    traced = ["strace", "-f", "-y", "-s", "70000", "-e", f"trace={CALLS}", "-o", str(trace)]
    gateway = [sys.executable, "-m", "tests.integration.traced_gateway"]
    made = subprocess.run(
        [*traced, *gateway, str(config), str(tmp_path / "home"), str(EFFECTS)],
        capture_output=True,
        check=False,
        timeout=150,
    )
    if b"ptrace" in made.stderr and not trace.exists():
        pytest.skip(f"processes cannot be traced here: {made.stderr.decode()[:200]}")
    assert made.returncode == 0, made.stderr.decode()[-2000:]
    return trace.read_text(errors="replace").splitlines()


def _writes_ledger(line: str) -> bool:
    return "pwrite64(" in line and "ledger.db-wal>" in line


def _sends(line: str) -> bool:
    """The request to the tool server, over a pipe or a socket."""
    way = re.search(r"\b(write|writev|sendto|sendmsg)\(\d+<(pipe|socket|UNIX|TCP)", line)
    return way is not None and "tools/call" in line


def _synced(lines: list[str]) -> list[int]:
    """Where an fdatasync of the ledger has returned, by whichever thread began it."""
    begun: dict[str, str] = {}
    done: list[int] = []
    for at, line in enumerate(lines):
        if (found := _LINE.match(line)) is None:
            continue
        pid, rest = found["pid"], found["rest"]
        if found["name"] in ("fdatasync", "fsync") and "ledger.db" in rest:
            if "<unfinished" in rest:
                begun[pid] = rest
            elif rest.endswith("= 0"):
                done.append(at)
        elif found["resumed"] in ("fdatasync", "fsync") and begun.pop(pid, None) and rest.endswith("= 0"):
            done.append(at)
    return done
