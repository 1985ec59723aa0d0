"""What desktop clients and the MCP registry read about our servers says what the servers say.

The registry's fields are checked here against its documentation (server.json, 2025-12-11), as far as we use them;
the released schema itself is applied where the files are built (`make bundles`)."""

import dataclasses
import json
import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from toolward.kit import ToolServer
from toolward.kit.settings import variable
from toolward.types import Principal

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
SERVERS = ["calculator", "crm", "files", "search"]
BUNDLES = sorted([*SERVERS, "gateway"])

over_each = pytest.mark.parametrize("name", SERVERS)
over_each_bundle = pytest.mark.parametrize("name", BUNDLES)


def server(name: str) -> ToolServer[Any]:
    (point,) = entry_points(group="toolward.toolservers", name=name)
    return point.load()


def manifest(name: str) -> Any:
    return json.loads((DEPLOY / "bundles" / name / "manifest.json").read_text(encoding="utf-8"))


def entry(name: str) -> Any:
    return json.loads((DEPLOY / "registry" / name / "server.json").read_text(encoding="utf-8"))


def version() -> str:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["version"]


def variables(name: str) -> set[str]:
    return {variable(name, field.name) for field in dataclasses.fields(server(name).settings)}


def test_every_server_and_the_gateway_have_both() -> None:
    assert sorted(path.parent.name for path in DEPLOY.glob("bundles/*/manifest.json")) == BUNDLES
    assert sorted(path.parent.name for path in DEPLOY.glob("registry/*/server.json")) == BUNDLES


def test_the_gateways_tools_are_those_of_its_configuration() -> None:
    bundle = manifest("gateway")
    assert bundle["tools_generated"] is True
    assert "tools" not in bundle


@over_each
async def test_a_bundle_names_the_tools_that_its_server_has(name: str) -> None:
    page = await server(name).list_tools(Principal("x"))
    told = {tool.name: " ".join(tool.description.partition("\n\n")[0].split()) for tool in page.tools}
    assert {tool["name"]: tool["description"] for tool in manifest(name)["tools"]} == told


@over_each_bundle
def test_versions_and_variables_are_the_ones_in_force(name: str) -> None:
    bundle, listed = manifest(name), entry(name)
    (package,) = listed["packages"]
    assert {bundle["version"], listed["version"], package["version"]} == {version()}
    known = variables(name) if name in SERVERS else set[str]()
    assert set(bundle["server"]["mcp_config"].get("env", {})) <= known
    assert {one["name"] for one in package.get("environmentVariables", [])} <= known


@over_each_bundle
def test_a_bundle_asks_for_all_that_its_server_needs(name: str) -> None:
    bundle = manifest(name)
    asked = re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(bundle["server"]))
    assert asked == list(bundle.get("user_config", {}))


@over_each_bundle
def test_a_registry_entry_keeps_to_the_documented_form(name: str) -> None:
    listed = entry(name)
    assert listed["$schema"].endswith("/2025-12-11/server.schema.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", listed["name"])
    assert 1 <= len(listed["description"]) <= 100
    assert len(listed["title"]) <= 100
    (package,) = listed["packages"]
    assert package["registryType"] == "mcpb"
    assert package["identifier"].startswith("https://github.com/")
    assert package["identifier"].endswith(f"/{manifest(name)['name']}-{version()}.mcpb")
    assert package["transport"] == {"type": "stdio"}
