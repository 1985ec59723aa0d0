"""Where there are many tools, MCP lists a search, over HTTP and stdio and in both eras; REST and gRPC list all."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from gateway.bootstrap import Gateway, local_person, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.contract.drivers import (
    FIXTURE,
    Driver,
    McpHttpDriver,
    McpStdioDriver,
    ProviderDriver,
    RestDriver,
    grpc_driver,
    stdio_driver,
)
from tests.contract.test_gateway_doors import POLICY
from tests.integration.served import there
from toolward.types import Answer

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: GRPC
backends: {fixture: {command: [COMMAND], env: {PYTHONPATH: ROOT}}}
policies: [policy.yaml]
agents: []
mcp: {tool_search: 3, pinned: ["fixture.ech*"]}
"""
SEARCHED = ["http legacy", "http modern", "stdio legacy", "stdio modern"]
Drivers = dict[str, Driver]


def write_config(folder: Path, name: str, grpc: str) -> Path:
    root, command = str(Path(__file__).parents[2]), ", ".join(f'"{word}"' for word in FIXTURE)
    (folder / "policy.yaml").write_text(POLICY)
    path = folder / name
    text = CONFIG.replace("COMMAND", command).replace("ROOT", f'"{root}"').replace("GRPC", grpc)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Gateway, Drivers], None]:
    folder = tmp_path_factory.mktemp("gateway")
    home = folder / "home"
    config = write_config(folder, "toolward.yaml", "127.0.0.1:0")
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(open_gateway(read_settings(config), home, environment={}))
        await there(gateway, "fixture.add")
        at = await stack.enter_async_context(open_doors(gateway))
        token = secret_file(home).read_text()
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{at.http}", timeout=30))
        # A desktop client starts its own door to the gateway that runs already.
        beside = write_config(folder, "beside.yaml", str(at.grpc))
        command = (str(Path(sys.executable).parent / "toolward"), "mcp", "--config", str(beside))
        environment = os.environ | {"TOOLWARD_HOME": str(home)}
        stdio = await stack.enter_async_context(stdio_driver(command, environment, modern=False))
        assert isinstance(stdio, McpStdioDriver)
        yield (
            gateway,
            {
                "memory": ProviderDriver(gateway.dispatch, local_person(gateway.settings)),
                "grpc": await stack.enter_async_context(grpc_driver(str(at.grpc), token)),
                "rest": RestDriver(client, token),
                "http legacy": McpHttpDriver(client, token, modern=False),
                "http modern": McpHttpDriver(client, token, modern=True),
                "stdio legacy": stdio,
                "stdio modern": stdio.in_the_other_era(),
            },
        )


async def test_only_mcp_searches(opened: tuple[Gateway, Drivers]) -> None:
    _, drivers = opened
    every = await drivers["memory"].names()
    assert len(every) > 3
    for door, driver in drivers.items():
        short = ["find_tools", "call_tool", "fixture.echo"]
        assert await driver.names() == (short if door in SEARCHED else every), door


@pytest.mark.parametrize("door", SEARCHED)
async def test_what_is_found_is_called_and_answers_as_if_it_were_called_directly(
    opened: tuple[Gateway, Drivers], door: str
) -> None:
    driver = opened[1][door]
    found = await driver.call("find_tools", b'{"query":"add numbers","limit":1}')
    (tool,) = json.loads(found.text)["tools"]
    assert (found.code, tool["name"]) == ("ok", "fixture.add")
    for arguments in (b'{"a":2,"b":3}', b'{"a":2,"b":13}', b'{"a":"x"}'):  # a result, a denial, a mistake
        wish = b'{"name":"fixture.add","arguments":%b}' % arguments
        direct = await driver.call("fixture.add", arguments)
        assert await driver.call("call_tool", wish) == direct
        assert await driver.call("fixture__add", arguments) == direct
    wrong = await driver.call("call_tool", b'{"name":"fixture.ad","arguments":{}}')
    assert (wrong.code, "fixture.ad" in wrong.text) == ("unknown_tool", True)
    assert (await driver.call("find_tools", b"{}")).code == "invalid_arguments"


@pytest.mark.parametrize("door", SEARCHED)
async def test_a_call_that_people_approved_is_the_same_call(
    opened: tuple[Gateway, Drivers], door: str
) -> None:
    gateway, drivers = opened
    person, wish = local_person(gateway.settings), b'{"name":"fixture.echo","arguments":{"value":"please"}}'
    assert (await drivers[door].call("call_tool", wish)).code == "approval_required"
    (request,) = await gateway.runs.list_input_requests(person)
    assert request.detail["tool"] == "fixture.echo"
    await gateway.runs.answer_input_request(person, request.id, Answer(approve=True))
    assert (await drivers[door].call("fixture.echo", b'{"value":"please"}')).code == "ok"


async def test_each_call_counts_as_that_of_its_tool(opened: tuple[Gateway, Drivers]) -> None:
    drivers = opened[1]
    http = drivers["http modern"]
    assert isinstance(http, McpHttpDriver)
    await http.call("call_tool", b'{"name":"fixture.add","arguments":{"a":1}}')
    await http.call("find_tools", b'{"query":"add"}')
    shown = (await http.get("/metrics")).text
    counted = {
        line.partition("} ")[0] for line in shown.splitlines() if line.startswith("toolward_calls_total")
    }
    assert any('"fixture.add"' in line for line in counted), counted
    assert any('"find_tools"' in line for line in counted)
    assert not any('"call_tool"' in line for line in counted)
