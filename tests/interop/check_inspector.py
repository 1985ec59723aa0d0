"""The official inspector's command line against all four servers, over stdio and HTTP, in both eras."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.interop.foreign import CALLS, INSPECTOR, Served, npm_json, serving

DOORS = ["stdio", "http modern", "http legacy"]


@pytest.fixture(scope="module", params=sorted(CALLS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as served:
        yield served


def at(served: Served, door: str) -> list[str]:
    """The words that lead the inspector to a door."""
    if door == "stdio":
        env = [word for name, value in served.env.items() for word in ("-e", f"{name}={value}")]
        return ["mcp-inspector", "--cli", *env, *served.command]
    where = ["--server-url", served.url, "--transport", "http", "--protocol-era", door.split()[1]]
    return ["mcp-inspector", "--cli", *where]


@pytest.mark.parametrize("door", DOORS)
def test_it_lists_tools_whose_schemas_every_client_can_take(served: Served, door: str) -> None:
    listed = npm_json(INSPECTOR, *at(served, door), "--method", "tools/list", "--strict")
    tool, _, _ = CALLS[served.name]
    assert tool in [one["name"] for one in listed["tools"]]


@pytest.mark.parametrize("door", DOORS)
def test_it_calls_a_tool(served: Served, door: str) -> None:
    tool, arguments, word = CALLS[served.name]
    asked = ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)]
    result = npm_json(INSPECTOR, *at(served, door), *asked)
    assert result["isError"] is False
    assert word in result["content"][0]["text"]


def test_it_reads_a_server_from_a_configuration_file(served: Served, tmp_path: Path) -> None:
    """The form that desktop clients have too."""
    command, *args = served.command
    config = {"mcpServers": {"it": {"command": command, "args": args, "env": served.env}}}
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    words = ["mcp-inspector", "--cli", "--config", str(path), "--server", "it", "--method", "tools/list"]
    assert npm_json(INSPECTOR, *words)["tools"]
