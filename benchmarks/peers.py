"""Environments of other people's packages, none of which is a dependency of ours: `.venv-peers/NAME`, with the
versions of a file `NAME.txt` beside the benchmark that needs them."""

import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[1] / ".venv-peers"


def python(name: str) -> Path:
    return ENVIRONMENTS / name / "bin" / "python"


def install(pinned: Path) -> Path:
    """Its Python. Kept, and made again when the versions change. Raises CalledProcessError."""
    environment = ENVIRONMENTS / pinned.stem
    done = environment / "installed.txt"
    if done.is_file() and done.read_text() == pinned.read_text():
        return python(pinned.stem)
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(environment)], check=True)
    into = ["--python", str(python(pinned.stem)), "--requirements", str(pinned)]
    subprocess.run([*uv, "pip", "install", *into], check=True)
    done.write_text(pinned.read_text())
    return python(pinned.stem)


def version(pinned: Path, package: str) -> str:
    """What is pinned of it; empty where it is not."""
    lines = pinned.read_text().splitlines()
    return next((line.partition("==")[2] for line in lines if line.startswith(f"{package}==")), "")
