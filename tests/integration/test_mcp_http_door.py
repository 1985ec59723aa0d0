"""The MCP door over real sockets, asked in raw HTTP. Ids name requirements of the specification 2026-07-28
(basic/transports/streamable-http: HTTP-*, server/tools: TOOLS-*)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from tests.servers.fixture import server
from toolward.auth import bearer
from toolward.doors.address import parse_address
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.types import Principal

MODERN = {"mcp-protocol-version": "2026-07-28"}
ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
BOTH = "application/json, text/event-stream"


class Door:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        sent = {"accept": BOTH, "authorization": "Bearer right"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return await self.client.post("/mcp", content=body, headers=sent)
        return await self.client.post("/mcp", json=body, headers=sent)

    async def modern(self, method: str, params: dict[str, Any], **headers: str) -> httpx.Response:
        routing = {"mcp_protocol_version": "2026-07-28", "mcp_method": method}
        if "name" in params:
            routing["mcp_name"] = params["name"]
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": ENVELOPE}}
        return await self.post(message, **(routing | headers))

    async def legacy(self, method: str, params: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, **headers)


@pytest.fixture(params=["plain", "asgi"])
async def door(request: pytest.FixtureRequest) -> AsyncGenerator[Door, None]:
    """Plain requests by the short way, and by the one that all others go."""
    mcp = McpHttpDoor(server, server.info, bearer({"right": Principal("ada")}), Origins())
    async with (
        server.running(),
        http_server(
            mcp, parse_address("127.0.0.1:0"), plain=mcp if request.param == "plain" else None
        ) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield Door(client)
        await mcp.aclose()


async def test_a_plain_call_is_answered_in_both_eras(door: Door) -> None:
    for answer in (
        await door.modern("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}}),
        await door.legacy("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}}),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["result"]["structuredContent"] == {"sum": 5}


async def test_both_slashes_of_the_path_answer_without_a_redirect(door: Door) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"accept": BOTH, "authorization": "Bearer right"}
    assert (await door.client.post("/mcp/", json=message, headers=headers)).json()["result"] == {}


async def test_DISCOVER_names_the_version_and_the_server(door: Door) -> None:
    result = (await door.modern("server/discover", {})).json()["result"]
    assert result["supportedVersions"] == ["2026-07-28"]
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "fixture"
    assert result["instructions"] == "For the tests."


async def test_HTTP_a_foreign_origin_is_refused(door: Door) -> None:
    answer = await door.legacy("ping", {}, origin="http://evil.example")
    assert answer.status_code == 403


async def test_HTTP_a_foreign_host_is_refused(door: Door) -> None:
    answer = await door.legacy("ping", {}, host="evil.example")
    assert answer.status_code == 403


async def test_a_caller_without_a_token_is_told_how(door: Door) -> None:
    answer = await door.legacy("ping", {}, authorization="")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"mcp_method": "tools/list"}, -32020),
        ({"mcp_name": "echo"}, -32020),
        ({"mcp_protocol_version": "2099-01-01"}, -32022),
    ],
)
async def test_HTTP_headers_that_contradict_the_body_are_refused(
    door: Door, headers: dict[str, str], code: int
) -> None:
    answer = await door.modern("tools/call", {"name": "add", "arguments": {"a": 1}}, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in (code, -32020)


async def test_HTTP_a_doubled_routing_header_is_refused(door: Door) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": ENVELOPE}}
    headers = [
        ("accept", BOTH),
        ("authorization", "Bearer right"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
        ("mcp-method", "tools/list"),
    ]
    answer = await door.client.post("/mcp", json=message, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)


async def test_HTTP_an_unknown_method_is_not_found(door: Door) -> None:
    answer = await door.modern("tools/destroy", {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


async def test_TOOLS_an_unknown_tool_is_a_protocol_error(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "ad", "arguments": {}})
    assert answer.json()["error"]["code"] == -32602
    assert "Did you mean 'add'?" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{nope", b"[]", b'{"jsonrpc":"2.0","id":1}'])
async def test_what_is_no_request_is_refused(door: Door, body: bytes) -> None:
    answer = await door.post(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in (-32700, -32600)


async def test_a_notification_is_acknowledged(door: Door) -> None:
    answer = await door.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert answer.status_code == 202


async def test_a_call_that_asks_for_progress_is_the_sdks(door: Door) -> None:
    params: dict[str, Any] = {
        "name": "count",
        "arguments": {"steps": 3},
        "_meta": ENVELOPE | {"progressToken": "t"},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await door.post(
        message, mcp_protocol_version="2026-07-28", mcp_method="tools/call", mcp_name="count"
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("notifications/progress") == 3
    assert '"steps":3' in answer.text


async def test_a_bug_in_a_tool_shows_nothing_of_its_inside(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "crash", "arguments": {}})
    assert "secret" not in answer.text
    assert answer.json()["error"]["data"]["code"] == "internal"


async def test_a_client_that_goes_away_cancels_its_call() -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    from toolward.kit import ToolServer

    waiting: ToolServer[Any] = ToolServer("waiting")

    @waiting.tool
    async def wait() -> str:
        """Wait until cancelled."""
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    mcp = McpHttpDoor(waiting, waiting.info, lambda headers: Principal("ada"), Origins())
    async with http_server(mcp, parse_address("127.0.0.1:0")) as port, httpx.AsyncClient() as client:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wait"}}
        url = f"http://127.0.0.1:{port}/mcp"
        calling = asyncio.create_task(client.post(url, json=message, headers={"accept": BOTH}))
        await asyncio.wait_for(began.wait(), 10)
        calling.cancel()
        await asyncio.wait_for(ended.wait(), 10)
        await mcp.aclose()
