"""The rules of the house: layers, generated code, and what ships."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_layers_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_generated_code_is_what_the_protos_give() -> None:
    command = [sys.executable, str(ROOT / "proto" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_pinned_version_is_a_plain_one() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert lines
    assert all("==" in line and "://" not in line and "@" not in line for line in lines)


def test_the_sdk_alone_brings_no_web_framework_and_no_database() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = " ".join(project["dependencies"])
    assert not any(name in base for name in ("fastapi", "sqlalchemy", "apsw", "lark", "cyclopts"))


def test_importing_the_kit_loads_no_transport() -> None:
    code = "import sys, toolward.kit; print([m for m in ('grpc','mcp','uvicorn','sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
