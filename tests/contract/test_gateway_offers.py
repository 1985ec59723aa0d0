"""Resources, templates and prompts of a backend pass through the MCP doors, in both eras, under policy."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.bootstrap import ledger_file, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.contract.drivers import McpDriver, McpHttpDriver, McpStdioDriver, stdio_driver
from toolward.errors import NotFound

DOORS = ["http legacy", "http modern", "stdio legacy"]
_MODERN = ("resultType", "ttlMs", "cacheScope", "_meta")  # members that only results of 2026-07-28 have

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  kit: {command: [PYTHON, "-m", tests.servers.offering], env: {PYTHONPATH: ROOT}}
  dead: {grpc: "127.0.0.1:1"}
policies: [policy.yaml]
"""
POLICY = """
version: 1
rules:
  - {id: reading, principals: ["role:operator"], operations: [resource.read, prompt.get], effect: allow}
  - {id: not-thirteen, operations: [resource.read], resource: {uri: ["*/13"]}, effect: deny}
"""


@pytest.fixture(scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[dict[str, McpDriver], None]:
    folder = tmp_path_factory.mktemp("gateway")
    config, home = folder / "toolward.yaml", folder / "home"
    config.write_text(
        CONFIG.replace("PYTHON,", f'"{sys.executable}",').replace("ROOT", f'"{Path(__file__).parents[2]}"')
    )
    (folder / "policy.yaml").write_text(POLICY)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(open_gateway(read_settings(config), home, environment={}))
        at = await stack.enter_async_context(open_doors(gateway))
        token = secret_file(home).read_text()
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{at.http}", timeout=30))
        command = (str(Path(sys.executable).parent / "toolward"), "mcp", "--config", str(config))
        environment = os.environ | {"TOOLWARD_HOME": str(folder / "other")}
        stdio = await stack.enter_async_context(stdio_driver(command, environment, modern=False))
        assert isinstance(stdio, McpStdioDriver)
        made: dict[str, McpDriver] = {
            "http legacy": McpHttpDriver(client, token, modern=False),
            "http modern": McpHttpDriver(client, token, modern=True),
            "stdio legacy": stdio,
        }
        async with asyncio.timeout(60):  # on a busy machine a server may join late
            for door in ("http legacy", "stdio legacy"):
                while not (await made[door].request("resources/list"))["result"]["resources"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        yield made
        with suppress(NotFound):
            await gateway.ledger.call_record("none")  # asks behind everything that was recorded before
        with closing(sqlite3.connect(ledger_file(home))) as database:
            rows = database.execute(
                "select tool, rule, code from call_records join call_outcomes on call_id = call_records.id"
            ).fetchall()
        assert set(rows) in (
            set(),
            {
                ("kit.resources/read", "reading", "ok"),
                ("kit.resources/read", "reading", "invalid_arguments"),
                ("kit.resources/read", "not-thirteen", "denied"),
                ("kit.prompts/get", "reading", "ok"),
            },
        )  # nothing where another process ran the tests over HTTP


@pytest.mark.parametrize("door", DOORS)
async def test_resources_and_prompts_of_backends_are_passed_on_under_policy(
    doors: dict[str, McpDriver], door: str
) -> None:
    async def result(method: str, header: str = "", **params: object) -> Any:
        answer = await doors[door].request(method, header, **params)
        assert "result" in answer, answer
        return {key: one for key, one in answer["result"].items() if key not in _MODERN}

    async def code(uri: str) -> str:
        return (await doors[door].request("resources/read", uri, uri=uri))["error"]["data"]["code"]

    about = {"uri": "test://about", "name": "about", "title": "About", "description": "What this is."}
    assert await result("resources/list") == {"resources": [about | {"mimeType": "text/plain"}]}
    (template,) = (await result("resources/templates/list"))["resourceTemplates"]
    assert template["uriTemplate"] == "test://things/{id}"
    for uri in ("test://about", "kit+test://about"):
        read = await result("resources/read", uri, uri=uri)
        assert read == {"contents": [{"uri": "test://about", "mimeType": "text/plain", "text": "A fixture."}]}
    (thing,) = (await result("resources/read", "test://things/7", uri="test://things/7"))["contents"]
    assert thing["text"] == '{"id":7}'
    assert await code("test://things/13") == "denied"
    assert await code("test://things/seven") == "invalid_arguments"
    assert await code("test://nothing") == "not_found"
    assert await code("dead+test://about") == "unavailable"
    (prompt,) = (await result("prompts/list"))["prompts"]
    assert (prompt["name"], prompt["arguments"]) == (
        "kit.greet",
        [{"name": "name", "description": "who", "required": True}],
    )
    filled = await result("prompts/get", "kit.greet", name="kit.greet", arguments={"name": "Ada"})
    assert [(one["role"], one["content"]["text"]) for one in filled["messages"]] == [
        ("user", "Hello Ada!"),
        ("assistant", "Hello."),
    ]
