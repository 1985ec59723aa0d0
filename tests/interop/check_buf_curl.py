"""`buf curl` against all four servers and a gateway: by reflection alone, without our protos."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Generator
from typing import Any

import pytest

from tests.interop.foreign import BIN, BUF, CALLS, REPOSITORY, Served, npm, npm_json, serving


@pytest.fixture(scope="module", params=sorted(CALLS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as served:
        yield served


def curl(served: Served, method: str, data: dict[str, Any]) -> list[str]:
    return [*CURL, "-d", json.dumps(data), f"{served.grpc}/toolward.v1.ToolService/{method}"]


CURL = ["buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge"]


def test_it_lists_the_methods(served: Served) -> None:
    listed = npm(BUF, *CURL, "--list-methods", served.grpc).split()
    assert "toolward.v1.ToolService/CallTool" in listed
    assert "grpc.health.v1.Health/Check" in listed


def test_it_lists_the_tools(served: Served) -> None:
    listed = npm_json(BUF, *curl(served, "ListTools", {}))
    assert CALLS[served.name][0] in [tool["name"] for tool in listed["tools"]]


@pytest.mark.parametrize("method", ["CallTool", "CallToolStream"])
def test_it_calls_a_tool(served: Served, method: str) -> None:
    tool, arguments, word = CALLS[served.name]
    data = {"name": tool, "argumentsJson": json.dumps(arguments)}
    answer = npm_json(BUF, *curl(served, method, data))
    assert word in answer["result"]["content"][0]["text"]["text"]


# --- a gateway, as docs/grpc.md says ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """The address of its gRPC door, and the local person's token."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "toolward.yaml").write_text(
        "version: 1\nhttp: 127.0.0.1:0\ngrpc: 127.0.0.1:0\n"
        f'backends: {{calculator: {{command: ["{BIN / "toolserver"}", calculator]}}}}\n'
    )
    process = subprocess.Popen(
        [BIN / "toolward", "up", "--json", "--config", str(folder / "toolward.yaml")],
        env=os.environ | {"TOOLWARD_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = json.JSONDecoder().raw_decode(process.stdout.readline())[0]
        yield said["grpc"], (folder / "home" / "secret").read_text()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_pages_example_calls_a_gateway(gateway: tuple[str, str]) -> None:
    address, token = gateway
    page = (REPOSITORY / "docs" / "grpc.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^buf curl .*?(?=^```)", page, re.MULTILINE | re.DOTALL)
    words = shlex.split(
        example.replace("\\\n", " ").replace("127.0.0.1:8701", address).replace("$TOKEN", token)
    )
    answer = npm_json(BUF, *words)
    assert "0.3" in answer["result"]["content"][0]["text"]["text"]


def test_an_error_of_a_gateway_has_its_details(gateway: tuple[str, str]) -> None:
    """buf knows google.rpc's types, and shows them."""
    address, token = gateway
    data = json.dumps({"name": "calculator.calculate", "argumentsJson": '{"expresion": "1"}'})
    who = ["-H", f"Authorization: Bearer {token}"]
    with pytest.raises(AssertionError) as caught:
        npm(BUF, *CURL, *who, "-d", data, f"http://{address}/toolward.v1.ToolService/CallTool")
    said = str(caught.value)
    assert "invalid_argument" in said
    assert "google.rpc.BadRequest" in said
    assert "google.rpc.ErrorInfo" in said


def test_a_gateway_says_how_it_is_and_lists_its_agents(gateway: tuple[str, str]) -> None:
    address, token = gateway
    check = npm_json(
        BUF,
        *CURL,
        "-d",
        '{"service": "toolward.v1.AgentService"}',
        f"http://{address}/grpc.health.v1.Health/Check",
    )
    assert check == {"status": "SERVING"}
    who = ["-H", f"Authorization: Bearer {token}"]
    listed = npm_json(BUF, *CURL, *who, "-d", "{}", f"http://{address}/toolward.v1.AgentService/ListAgents")
    assert "support" in [agent["name"] for agent in listed["agents"]]
