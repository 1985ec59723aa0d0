"""Where a session was run, and with what."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.gateway import others
from benchmarks.gateway.processes import Missing, needed

_NUMBER = re.compile(r"\d+\.\d+[\w.]*")
_PROGRAMS = {"nginx": ("nginx-light", "-v"), "wrk": ("wrk", "-v"), "h2load": ("nghttp2-client", "--version")}


def machine(*, with_others: bool) -> dict[str, str]:
    """By name, in the order in which it is told."""
    found = {"": datetime.now(UTC).strftime("%-d %B %Y"), f"{os.cpu_count()} processors": f"({_model()})"}
    found["Python"] = platform.python_version()
    found |= {name: _version(name, *how) for name, how in _PROGRAMS.items()}
    if with_others:
        found |= {name: others.version(name) for name in others.PACKAGES}
    return found


def _model() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )


def _version(program: str, package: str, flag: str) -> str:
    try:
        done = subprocess.run([needed(program, package), flag], capture_output=True, text=True, check=False)
    except Missing:
        return "(not here)"
    found = _NUMBER.search(done.stderr + done.stdout)
    return found[0] if found else "(of some version)"
