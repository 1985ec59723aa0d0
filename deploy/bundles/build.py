"""Build dist/bundles: MCPB bundles of each tool server and of the gateway, and the entries for the MCP registry
that point to them.

    python deploy/bundles/build.py

A bundle holds our wheel and the versions of constraints.txt; its packages come at its first start, by uv. The
official `mcpb` checks and packs it (npm). The registry's entry is checked by `skillsaw` (uvx): not the registry's
own tool, but it carries the schemas that the registry released.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUNDLES = ROOT / "deploy" / "bundles"
REGISTRY = ROOT / "deploy" / "registry"
OUT = ROOT / "dist" / "bundles"
BIN = Path(sys.executable).parent

MCPB = "@anthropic-ai/mcpb@2.1.2"
SKILLSAW = "skillsaw@0.22.0"

SERVER = """from toolservers.{name}.tools import server
from toolward.kit.command import run

run(server)
"""

GATEWAY = """import sys

from gateway.cli import main

sys.argv[1:] = ["mcp"]
main()
"""

PROJECT = """[project]
name = "{bundle}"
version = "{version}"
requires-python = ">=3.11"
dependencies = ["toolward[{extras}]"]

[tool.uv]
constraint-dependencies = {constraints}

[tool.uv.sources]
toolward = {{ path = "{wheel}" }}
"""


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    run(str(BIN / "uv"), "build", "--quiet", "--wheel", "--out-dir", str(OUT / "wheel"), str(ROOT))
    (wheel,) = (OUT / "wheel").glob("*.whl")
    for manifest in sorted(BUNDLES.glob("*/manifest.json")):
        bundle = pack(manifest, wheel)
        entry = register(manifest.parent.name, bundle)
        print(f"{bundle.relative_to(ROOT)} ({bundle.stat().st_size:,} bytes), {entry.relative_to(ROOT)}")


def pack(manifest: Path, wheel: Path) -> Path:
    said: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    name, bundle, version = manifest.parent.name, said["name"], said["version"]
    folder = OUT / name
    folder.mkdir()
    shutil.copy(manifest, folder)
    shutil.copy(wheel, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    extras = "gateway,calculator,search,files,crm" if name == "gateway" else name
    started = GATEWAY if name == "gateway" else SERVER.format(name=name)
    (folder / "server.py").write_text(started, encoding="utf-8")
    project = PROJECT.format(
        bundle=bundle, version=version, extras=extras, constraints=json.dumps(constraints()), wheel=wheel.name
    )
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    packed = OUT / f"{bundle}-{version}.mcpb"
    mcpb = (str(BIN / "npm"), "exec", "--yes", f"--package={MCPB}", "--", "mcpb")
    run(*mcpb, "validate", str(folder / "manifest.json"))
    run(*mcpb, "pack", str(folder), str(packed))
    return packed


def register(name: str, bundle: Path) -> Path:
    """The registry's entry with the digest of the bundle, which is another one in every build."""
    said: dict[str, Any] = json.loads((REGISTRY / name / "server.json").read_text(encoding="utf-8"))
    said["packages"][0]["fileSha256"] = hashlib.sha256(bundle.read_bytes()).hexdigest()
    entry = OUT / "registry" / name / "server.json"
    entry.parent.mkdir(parents=True)
    entry.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    run(str(BIN / "uvx"), SKILLSAW, "lint", str(entry.parent))
    return entry


def constraints() -> list[str]:
    return (ROOT / "constraints.txt").read_text(encoding="utf-8").split()


def run(*words: str) -> None:
    """Raises SystemExit with what the program said, where it fails."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 -- words of ours, no shell
        words, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
