"""One driver a door: the same question in, what the door answered out, in one form for all doors.

Drivers speak their protocol in the raw where a client library would stand between the test and the door.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import httpx
import msgspec

from toolward.client.grpc import GrpcClient
from toolward.errors import ToolwardError
from toolward.types import NO_CONTEXT, InputRequired, Principal, ToolCall, ToolProvider, ToolResult
from toolward.wire.errors import META_KEY, from_details

ANYBODY = Principal("anybody")
ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Told(NamedTuple):
    """What a door said: a result (`code` is `ok` or `tool_error`) or an error (its stable code and text)."""

    code: str
    text: str
    structured: Any = None
    kinds: tuple[str, ...] = ()


class Driver(Protocol):
    async def call(self, name: str, arguments: bytes) -> Told: ...

    async def names(self) -> list[str]: ...


def _told_error(error: ToolwardError) -> Told:
    return Told(error.code, error.text)


def _told_content(content: Sequence[Mapping[str, Any]], structured: Any, is_error: bool) -> Told:
    text = "\n".join(piece["text"] for piece in content if piece["type"] == "text")
    kinds = tuple(piece["type"] for piece in content)
    return Told("tool_error" if is_error else "ok", text, structured, kinds)


class ProviderDriver:
    """A ToolProvider: the one behind the doors itself, or a client of a door."""

    def __init__(self, provider: ToolProvider, principal: Principal = ANYBODY) -> None:
        self._provider, self._principal = provider, principal

    async def call(self, name: str, arguments: bytes) -> Told:
        try:
            call = ToolCall(name, arguments)
            outcome = await self._provider.call_tool(self._principal, call, NO_CONTEXT)
        except ToolwardError as error:
            return _told_error(error)
        if isinstance(outcome, InputRequired):
            return Told("approval_required", outcome.requests[0].prompt)
        assert isinstance(outcome, ToolResult)
        content = msgspec.to_builtins(outcome.content)
        return _told_content(content, outcome.structured, outcome.is_error)

    async def names(self) -> list[str]:
        return [tool.name for tool in (await self._provider.list_tools(self._principal)).tools]


@asynccontextmanager
async def grpc_driver(address: str, token: str) -> AsyncGenerator[Driver, None]:
    async with GrpcClient(address, token) as client:
        yield ProviderDriver(client)


class McpDriver:
    """MCP in the raw; `_exchange` carries one message there and its answer back."""

    def __init__(self, *, modern: bool) -> None:
        self.modern = modern

    async def _exchange(self, method: str, name: str, body: bytes) -> Any:
        raise NotImplementedError

    async def call(self, name: str, arguments: bytes) -> Told:
        answer = await self._ask(
            "tools/call", b'"name":%b,"arguments":%b' % (json.dumps(name).encode(), arguments), name
        )
        if "error" in answer:
            error = from_details(answer["error"]["message"], answer["error"].get("data"))
            assert error is not None, answer
            return _told_error(error)
        result = answer["result"]
        if (found := result.get("_meta", {}).get(META_KEY)) is not None:
            assert result["isError"] is True
            error = from_details(result["content"][0]["text"], found)
            assert error is not None, answer
            return _told_error(error)
        return _told_content(result["content"], result.get("structuredContent"), result["isError"])

    async def names(self) -> list[str]:
        answer = await self._ask("tools/list", b"", "")
        return [tool["name"] for tool in answer["result"]["tools"]]

    async def request(self, method: str, header: str = "", **params: Any) -> Any:
        """The whole answer; `header` is the name that a header says, too."""
        return await self._ask(method, json.dumps(params).encode()[1:-1], header)

    async def _ask(self, method: str, members: bytes, name: str) -> Any:
        parts = [
            part
            for part in (members, b'"_meta":' + json.dumps(ENVELOPE).encode() if self.modern else b"")
            if part
        ]
        body = b'{"jsonrpc":"2.0","id":1,"method":"%b","params":{%b}}' % (method.encode(), b",".join(parts))
        return await self._exchange(method, name, body)


class McpHttpDriver(McpDriver):
    def __init__(self, client: httpx.AsyncClient, token: str, *, modern: bool) -> None:
        super().__init__(modern=modern)
        self._client, self._token = client, token

    async def _exchange(self, method: str, name: str, body: bytes) -> Any:
        headers = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
        }
        headers |= {"authorization": f"Bearer {self._token}"} if self._token else {}
        if self.modern:
            headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
            headers |= {"mcp-name": name} if name else {}
        answer = await self._client.post("/mcp", content=body, headers=headers)
        if answer.headers["content-type"].startswith("text/event-stream"):
            (data,) = (line[6:] for line in answer.text.splitlines() if line.startswith("data: "))
            return json.loads(data)
        return answer.json()

    async def get(self, path: str) -> httpx.Response:
        """What else the same door answers, to the same caller."""
        return await self._client.get(path, headers={"authorization": f"Bearer {self._token}"})


class McpStdioDriver(McpDriver):
    def __init__(
        self, process: asyncio.subprocess.Process, *, modern: bool, turn: asyncio.Lock | None = None
    ) -> None:
        super().__init__(modern=modern)
        self._process = process
        self._turn = turn or asyncio.Lock()

    def in_the_other_era(self) -> "McpStdioDriver":
        """To the same process: each message says for itself which one it is of."""
        return McpStdioDriver(self._process, modern=not self.modern, turn=self._turn)

    async def _exchange(self, method: str, name: str, body: bytes) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(body + b"\n")
            await self._process.stdin.drain()
            while "id" not in (answer := json.loads(await self._process.stdout.readline())):
                pass  # a notification
            return answer


@asynccontextmanager
async def stdio_driver(
    command: Sequence[str], environment: Mapping[str, str], *, modern: bool
) -> AsyncGenerator[Driver, None]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(environment),
        limit=64 * 1024 * 1024,
    )
    assert process.stdin is not None
    try:
        driver = McpStdioDriver(process, modern=modern)
        if not modern:
            client = {"name": "contract", "version": "1"}
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
            hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
            await driver._exchange("initialize", "", json.dumps(hello).encode())  # pyright: ignore[reportPrivateUsage] -- its own module
            process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        yield driver
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 30)


class RestDriver:
    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client, self._headers = client, {"authorization": f"Bearer {token}"} if token else {}

    async def call(self, name: str, arguments: bytes) -> Told:
        answer = await self._client.post(f"/v1/tools/{name}/calls", content=arguments, headers=self._headers)
        body = answer.json()
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            error = from_details(body["detail"], body)
            assert error is not None, body
            return _told_error(error)
        return _told_content(body["content"], body["structured_content"], body["is_error"])

    async def names(self) -> list[str]:
        answer = await self._client.get("/v1/tools", headers=self._headers)
        return [tool["name"] for tool in answer.json()["tools"]]


FIXTURE = (sys.executable, "-m", "tests.servers.fixture")
