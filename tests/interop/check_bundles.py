"""The bundles as a desktop client has them: built, checked and unpacked by the official tool, started as their
manifest says, with uv and nothing else installed."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.interop.foreign import BIN, CALLS, MCPB, REPOSITORY, npm
from toolward.client import connect

BUNDLES = REPOSITORY / "dist" / "bundles"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    subprocess.run([sys.executable, REPOSITORY / "deploy" / "bundles" / "build.py"], check=True, timeout=110)


@pytest.mark.parametrize("name", sorted((*CALLS, "gateway")))
def test_the_registry_entry_has_the_digest_of_the_bundle(name: str) -> None:
    entry = json.loads((BUNDLES / "registry" / name / "server.json").read_text(encoding="utf-8"))
    (package,) = entry["packages"]
    bundle = BUNDLES / package["identifier"].rpartition("/")[2]
    assert package["fileSha256"] == hashlib.sha256(bundle.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_bundle_starts_and_answers(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "hello.txt").write_text("hello", encoding="utf-8")
    manifest, command, env = unpacked(name, tmp_path, root)
    tool, arguments, word = CALLS[name]
    async with connect(command, env=env, timeout=100) as client:
        listed = [one.name for one in await client.list_tools()]
        assert listed == [one["name"] for one in manifest["tools"]]
        assert word in (await client.call(tool, arguments)).text


async def test_the_bundle_of_the_gateway_brings_its_servers(tmp_path: Path) -> None:
    _, command, env = unpacked("gateway", tmp_path, tmp_path)
    async with connect(command, env=env, timeout=100) as client:
        listed = [one.name for one in await client.list_tools()]
        assert {name.partition(".")[0] for name in listed} >= {"calculator", "search"}
        assert "0.3" in (await client.call("calculator.calculate", {"expression": "0.1 + 0.2"})).text


def unpacked(name: str, folder: Path, root: Path) -> tuple[Any, list[str], dict[str, str]]:
    """The manifest of a bundle, and how a client starts it with `root` as the folder that it asks for."""
    bundle = folder / "bundle"
    npm(MCPB, "mcpb", "unpack", str(BUNDLES / f"toolward-{name}-0.1.0.mcpb"), str(bundle))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    launch = filled(manifest["server"]["mcp_config"], {"__dirname": bundle, "user_config.root": root})
    env = (
        dict(os.environ)
        | launch.get("env", {})
        | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": "",  # what is in the bundle, and nothing of this checkout
            "TOOLWARD_HOME": str(folder / "home"),
        }
    )
    return manifest, [launch["command"], *launch["args"]], env


def filled(config: Any, values: dict[str, Path]) -> Any:
    """With the places of `${…}` filled in, as a desktop client does it."""
    text = json.dumps(config)
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", str(value))
    return json.loads(text)
