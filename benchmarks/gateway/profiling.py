"""Where the time of one participant goes: py-spy looks at the process while it works, all threads."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gateway.load import Sample, Target, burst
from benchmarks.gateway.processes import ROOT, Missing

ENVIRONMENT = ROOT / ".venv-peers" / "py-spy"
RATE = 500  # looks a second
SHOWN = 45


def py_spy() -> str:
    """Its path; installed when first needed. Raises Missing."""
    found = ENVIRONMENT / "bin" / "py-spy"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    if not found.is_file():
        try:
            subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(ENVIRONMENT)], check=True)
            python = str(ENVIRONMENT / "bin" / "python")
            subprocess.run([*uv, "pip", "install", "--python", python, "py-spy"], check=True)
        except subprocess.CalledProcessError as error:
            raise Missing(f"py-spy could not be installed: {error}") from None
    return str(found)


def profiled(target: Target, connections: int, seconds: float, folder: Path, out: Path) -> Sample:
    """One burst, looked at for as long as it lasts; the stacks lie in `out`, collapsed, as flame graphs take them.
    Raises Missing."""
    command = [
        py_spy(),
        "record",
        "--pid",
        str(target.pid),
        "--rate",
        str(RATE),
        "--duration",
        str(round(seconds)),
    ]
    command += ["--format", "raw", "--output", str(out), "--nonblocking"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as watching:
        sample = burst(target, connections, seconds + 1, folder)
        _, said = watching.communicate(timeout=30)
    if watching.returncode:
        raise Missing(f"py-spy saw nothing: {said.decode()[-300:]}")
    return sample


def shares(out: Path) -> Iterator[str]:
    """Lines: of each function the share of all looks in which it was on top, and in which it was on the stack."""
    itself: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in out.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] or frame for frame in stack.split(";")]
        itself[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    whole = sum(itself.values()) or 1
    for title, of in (("itself", itself), ("with what it calls", within)):
        yield f"\n{title}:"
        for frame, count in of.most_common(SHOWN):
            yield f"  {count / whole:6.1%}  {frame}"
