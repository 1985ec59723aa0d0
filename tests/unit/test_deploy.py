"""No container engine runs here: what can be checked without one is."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.config.builtin import FACTS
from gateway.core.catalog import ToolFacts
from toolservers.crm.tools import server as crm
from toolward.types import Principal

ROOT = Path(__file__).parents[2]
SERVERS = {"calculator", "search", "files", "crm"}


@pytest.fixture
def compose() -> Any:
    return YAML(typ="safe").load((ROOT / "compose.yaml").read_text())  # pyright: ignore[reportUnknownMemberType] -- untyped


def test_there_is_a_container_for_the_gateway_and_each_server(compose: Any) -> None:
    programs = {name: one["build"]["args"]["PROGRAM"] for name, one in compose["services"].items()}
    assert programs == {name: name for name in SERVERS | {"gateway"}}


def test_the_gateway_may_follow_its_servers_names_into_composes_network() -> None:
    path = ROOT / "deploy" / "toolward.yaml"
    config: Any = YAML(typ="safe").load(path.read_text())  # pyright: ignore[reportUnknownMemberType] -- untyped
    networks = {name: one["networks"] for name, one in config["backends"].items()}
    assert networks == {name: ["private"] for name in SERVERS}


def test_the_gateway_knows_of_its_servers_tools_what_the_built_in_configuration_knows() -> None:
    path = ROOT / "deploy" / "toolward.yaml"
    config: Any = YAML(typ="safe").load(path.read_text())  # pyright: ignore[reportUnknownMemberType] -- untyped
    said = {
        f"{backend}.{tool}": ToolFacts(**facts)
        for backend, one in config["backends"].items()
        for tool, facts in one["facts"].items()
    }
    ours = ("crm.", "search.")
    built_in = {name: facts for name, facts in FACTS.items() if name.startswith(ours)}
    assert {name: facts for name, facts in said.items() if name.startswith(ours)} == built_in


def test_the_crms_bundle_tells_of_each_of_its_tools() -> None:
    manifest = json.loads((ROOT / "deploy" / "bundles" / "crm" / "manifest.json").read_text(encoding="utf-8"))
    tools = asyncio.run(crm.list_tools(Principal("anybody"))).tools
    assert [one["name"] for one in manifest["tools"]] == [tool.name for tool in tools]


def test_only_the_gateway_is_published_and_only_on_loopback(compose: Any) -> None:
    published = {name: one.get("ports", []) for name, one in compose["services"].items()}
    assert all(not ports for name, ports in published.items() if name != "gateway")
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


def test_no_container_may_write_to_itself_or_gain_rights(compose: Any) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_start_script_is_a_shell_script_that_parses() -> None:
    subprocess.run(["sh", "-n", str(ROOT / "deploy" / "start")], check=True)
