"""What needs more than one plain request over MCP's HTTP door: sessions, subscriptions, cancellation, resources and
prompts. Asked in raw HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.servers.changing import Events, changing
from toolward.auth import bearer
from toolward.doors.address import parse_address
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import DRAIN_SECONDS, http_server
from toolward.doors.terms import Terms
from toolward.types import Principal

BOTH = "application/json, text/event-stream"
ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
PEOPLE = {"right": Principal("ada"), "other": Principal("bo")}


class Door:
    def __init__(self, client: httpx.AsyncClient, mcp: McpHttpDoor, events: Events) -> None:
        self.client, self.mcp, self.events = client, mcp, events

    async def legacy(self, method: str, params: Any = None, id_: Any = 1, **headers: str) -> httpx.Response:
        return await self.client.post("/mcp", json=message(method, params, id_), headers=sent(headers))

    async def modern(self, method: str, params: dict[str, Any], **meta: Any) -> httpx.Response:
        body, headers = modern(method, params, meta)
        return await self.client.post("/mcp", json=body, headers=headers)

    async def open_session(self, capabilities: dict[str, Any]) -> httpx.Response:
        client = {"name": "test", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client}
        return await self.legacy("initialize", params)


def message(method: str, params: Any = None, id_: Any = 1) -> dict[str, Any]:
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return body if id_ is None else body | {"id": id_}


def sent(headers: dict[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    always = {"accept": BOTH, "authorization": "Bearer right", "content-type": "application/json"}
    return always | named


def modern(
    method: str, params: dict[str, Any], meta: dict[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    routing = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    if name := params.get("name", params.get("uri")):
        routing["mcp-name"] = name
    return message(method, {**params, "_meta": ENVELOPE | (meta or {})}), sent(routing)


@asynccontextmanager
async def opened(*, sessions: bool = False) -> AsyncGenerator[Door, None]:
    server, events = changing()
    mcp = McpHttpDoor(server, server.info, bearer(PEOPLE), Origins(), Terms(sessions=sessions))
    async with (
        server.running(),
        http_server(mcp, parse_address("127.0.0.1:0")) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield Door(client, mcp, events)
        await mcp.aclose()


@pytest.fixture
async def door() -> AsyncGenerator[Door, None]:
    async with opened() as door:
        yield door


async def frames(answer: httpx.Response) -> AsyncIterator[Any]:
    """The JSON-RPC messages of an SSE stream."""
    async for line in answer.aiter_lines():
        if line.startswith("data: ") and line != "data: ":
            yield json.loads(line.removeprefix("data: "))


def in_body(answer: httpx.Response) -> list[Any]:
    lines = answer.text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


async def initialized(door: Door) -> dict[str, str]:
    """The header of a session that is ready."""
    answer = await door.open_session({"elicitation": {}})
    session = {"mcp_session_id": answer.headers["mcp-session-id"], "mcp_protocol_version": "2025-11-25"}
    assert (await door.legacy("notifications/initialized", id_=None, **session)).status_code == 202
    return session


# --- sessions --------------------------------------------------------------------------------------------


async def test_only_a_client_that_can_be_asked_gets_a_session(door: Door) -> None:
    without = await door.open_session({"roots": {}})
    assert "mcp-session-id" not in without.headers
    assert without.json()["result"]["capabilities"] == {
        "tools": {"listChanged": False},
        "resources": {"subscribe": False, "listChanged": False},
        "prompts": {"listChanged": False},
    }
    answer = await door.open_session({"elicitation": {}})
    assert answer.headers["mcp-session-id"]
    told = in_body(answer)[0]["result"]["capabilities"]
    assert (told["tools"], told["logging"]) == ({"listChanged": True}, {})


async def test_configuration_gives_every_legacy_client_a_session() -> None:
    async with opened(sessions=True) as door:
        assert (await door.open_session({})).headers["mcp-session-id"]
        listed = await door.modern("tools/list", {})
        assert "mcp-session-id" not in listed.headers
        assert listed.json()["result"]["resultType"] == "complete"


async def test_a_session_belongs_to_who_opened_it(door: Door) -> None:
    session = await initialized(door)
    assert (await door.legacy("tools/list", **session)).status_code == 200
    assert (await door.legacy("tools/list", **session, authorization="Bearer other")).status_code == 404


async def test_an_ended_session_is_gone(door: Door) -> None:
    session = await initialized(door)
    assert (await door.client.delete("/mcp", headers=sent(session))).status_code == 200
    assert (await door.legacy("tools/list", **session)).status_code == 404


async def test_without_a_session_there_is_nothing_to_stream_or_to_end(door: Door) -> None:
    for method in ("GET", "DELETE"):
        answer = await door.client.request(method, "/mcp", headers=sent({}))
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_change_of_the_tools_is_told_to_a_session(door: Door) -> None:
    session = await initialized(door)
    async with door.client.stream("GET", "/mcp", headers=sent(session)) as stream, asyncio.timeout(20):
        news = frames(stream)
        await door.legacy("tools/call", {"name": "grow"}, **session)
        assert (await anext(news))["method"] == "notifications/tools/list_changed"


# --- subscriptions ---------------------------------------------------------------------------------------


async def test_DISCOVER_says_what_is_there(door: Door) -> None:
    told = (await door.modern("server/discover", {})).json()["result"]["capabilities"]
    assert told == {
        "tools": {"listChanged": True},
        "resources": {"subscribe": False, "listChanged": False},
        "prompts": {"listChanged": False},
    }


async def test_LISTEN_acknowledges_what_it_will_tell_and_tells_it(door: Door) -> None:
    wanted = {"notifications": {"toolsListChanged": True, "promptsListChanged": True}}
    body, headers = modern("subscriptions/listen", wanted)
    listening = door.client.stream("POST", "/mcp", json=body, headers=headers)
    async with listening as stream, asyncio.timeout(20):
        news = frames(stream)
        first = await anext(news)
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == {"toolsListChanged": True}
        await door.modern("tools/call", {"name": "grow"})
        told = await anext(news)
        assert told["method"] == "notifications/tools/list_changed"
        assert told["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": 1}
        names = [tool["name"] for tool in (await door.modern("tools/list", {})).json()["result"]["tools"]]
        assert "grown" in names


async def test_LISTEN_ends_with_a_result_when_the_door_closes(door: Door) -> None:
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    listening = door.client.stream("POST", "/mcp", json=body, headers=headers)
    async with listening as stream, asyncio.timeout(5):
        news = frames(stream)
        await anext(news)
        await door.mcp.aclose()
        assert (await anext(news))["result"]["resultType"] == "complete"


async def test_open_streams_do_not_hold_up_the_end() -> None:
    async with asyncio.timeout(20), AsyncExitStack() as clients:
        async with opened() as door:
            client = await clients.enter_async_context(httpx.AsyncClient(base_url=door.client.base_url))
            session = await initialized(door)
            body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
            for stream in (
                client.stream("GET", "/mcp", headers=sent(session)),
                client.stream("POST", "/mcp", json=body, headers=headers),
            ):
                await clients.enter_async_context(stream)
            began = time.monotonic()
        assert time.monotonic() - began < DRAIN_SECONDS / 2


# --- cancellation ----------------------------------------------------------------------------------------


async def test_a_modern_client_cancels_by_closing_its_stream(door: Door) -> None:
    for meta in ({}, {"progressToken": 1}):  # the short path, and the SDK's
        body, headers = modern("tools/call", {"name": "wait"}, meta)
        door.events.began.clear()
        door.events.ended.clear()
        calling = asyncio.create_task(door.client.post("/mcp", json=body, headers=headers))
        await asyncio.wait_for(door.events.began.wait(), 10)
        calling.cancel()
        await soon(door.events.ended)


async def test_a_client_with_a_session_cancels_with_a_notification(door: Door) -> None:
    session = await initialized(door)
    calling = asyncio.create_task(door.legacy("tools/call", {"name": "wait"}, "slow", **session))
    await asyncio.wait_for(door.events.began.wait(), 10)
    await door.legacy("notifications/cancelled", {"requestId": "slow"}, None, **session)
    await soon(door.events.ended)
    calling.cancel()


async def soon(event: asyncio.Event) -> None:
    """Within a second, of a machine that others use too; alone it takes a few milliseconds."""
    began = time.monotonic()
    await asyncio.wait_for(event.wait(), 10)
    assert time.monotonic() - began < 1


# --- what a call carries ---------------------------------------------------------------------------------

EXACT = '{"n":123456789012345678901234567890,"f":1.5,"s":"\\ud83e\\udd84","none":null,"empty":[{},"",[]]}'


def talk(arguments: str) -> str:
    params = f'{{"name":"talk","arguments":{arguments}}}'
    return f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'


async def test_arguments_are_exact_behind_the_sdk_too(door: Door) -> None:
    session = await initialized(door)
    answer = await door.client.post("/mcp", content=talk(f'{{"value":{EXACT}}}'), headers=sent(session))
    result = next(one["result"] for one in in_body(answer) if "result" in one)
    assert result["structuredContent"]["value"] == json.loads(EXACT)


async def test_a_doubled_name_is_refused_on_both_paths(door: Door) -> None:
    session = await initialized(door)
    raw = talk('{"value":1,"value":2}')
    for headers in ({}, session):
        answer = await door.client.post("/mcp", content=raw, headers=sent(headers))
        assert "comes twice in one object" in answer.text


async def test_LOGGING_only_calls_that_ask_get_logs_from_their_level_on(door: Door) -> None:
    quiet = await door.modern("tools/call", {"name": "talk"}, progressToken=1)
    assert "notifications/message" not in quiet.text
    asked = await door.modern(
        "tools/call", {"name": "talk"}, **{"io.modelcontextprotocol/logLevel": "warning"}
    )
    logs = [one["params"] for one in in_body(asked) if one.get("method") == "notifications/message"]
    assert logs == [{"level": "warning", "logger": "talk", "data": {"message": "large", "at": 2}}]


async def test_a_session_sets_the_level_of_its_logs(door: Door) -> None:
    session = await initialized(door)
    await door.legacy("logging/setLevel", {"level": "debug"}, **session)
    answer = await door.legacy("tools/call", {"name": "talk"}, **session)
    assert answer.text.count("notifications/message") == 2
    await door.legacy("logging/setLevel", {"level": "error"}, **session)
    answer = await door.legacy("tools/call", {"name": "talk"}, **session)
    assert "notifications/message" not in answer.text


# --- resources and prompts -------------------------------------------------------------------------------


async def test_resources_and_prompts_are_served_in_both_eras(door: Door) -> None:
    listed = (await door.modern("resources/templates/list", {})).json()["result"]
    assert listed["resourceTemplates"][0]["uriTemplate"] == "test://{id}"
    assert (listed["ttlMs"], listed["cacheScope"]) == (0, "private")
    read = (await door.modern("resources/read", {"uri": "test://7"})).json()["result"]
    assert read["contents"] == [{"uri": "test://7", "mimeType": "text/plain", "text": "thing 7"}]
    got = in_body(await door.legacy("prompts/get", {"name": "hello", "arguments": {"name": "Bo"}}))[0][
        "result"
    ]
    assert got["messages"] == [{"role": "user", "content": {"type": "text", "text": "Hello Bo"}}]


async def test_RESOURCES_what_is_not_there_is_named(door: Door) -> None:
    answer = await door.modern("resources/read", {"uri": "test://a/b"})
    error = answer.json()["error"]
    assert (error["code"], error["data"]["uri"]) == (-32602, "test://a/b")


async def test_a_provider_of_tools_alone_has_no_other_methods() -> None:
    from tests.servers.fixture import server

    mcp = McpHttpDoor(server, server.info, bearer(PEOPLE), Origins())
    async with (
        http_server(mcp, parse_address("127.0.0.1:0")) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        for method in ("resources/list", "prompts/list"):
            body, headers = modern(method, {})
            answer = await client.post("/mcp", json=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)
        await mcp.aclose()
