"""Callers as cheap as they can be: each keeps a number of calls in flight for a while, and counts the answers.

All speak the oldest plain form of a call, which both servers take, and look at every answer.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import grpc.aio

from benchmarks.doors.servers import command, environment, pin
from toolward.v1 import tools_pb2 as pb
from toolward.v1 import tools_pb2_grpc as rpc

ARGUMENTS = {"a": 20, "b": 22}
ANSWER = b'{"sum":42}'


class Caller(Protocol):
    pid: int

    async def burst(self, in_flight: int, seconds: float) -> int:
        """The number of answers. Raises RuntimeError for a wrong one."""
        ...


def message(method: str, params: dict[str, Any], id_: int | None = None) -> bytes:
    said = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(said | ({} if id_ is None else {"id": id_}), separators=(",", ":")).encode()


HELLO = message(
    "initialize",
    {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "load", "version": "1"}},
    0,
)
READY = message("notifications/initialized", {})


_CALL = message("tools/call", {"name": "add", "arguments": ARGUMENTS}, 0).removesuffix(b"0}")


def _call(id_: int) -> bytes:
    return b"%b%d}" % (_CALL, id_)


def _is_right(answer: bytes) -> bool:
    """Whether the structured content is the sum, however it is spaced."""
    return ANSWER in answer.replace(b" ", b"") and b'"isError":true' not in answer


class _Count:
    """The answers of one burst; `done` is set when the time is over and nothing is in flight."""

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.answers = 0
        self.open = 0
        self.over = False
        self.done: asyncio.Future[None] = loop.create_future()
        loop.call_later(seconds, self._end)

    def _end(self) -> None:
        self.over = True
        self.settle()

    def settle(self) -> None:
        if self.over and self.open == 0 and not self.done.done():
            self.done.set_result(None)

    def wrong(self, answer: bytes) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"not the answer: {answer[:300]!r}"))


# --- MCP over HTTP -------------------------------------------------------------------------------------


class HttpCaller:
    """As many kept connections as calls in flight."""

    def __init__(self, port: int, pid: int) -> None:
        self.pid = pid
        self._port = port
        body = _call(1)
        head = (
            f"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
            "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-06-18\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body

    async def burst(self, in_flight: int, seconds: float) -> int:
        loop = asyncio.get_running_loop()
        count = _Count(seconds)
        count.open = in_flight
        opened = [
            await loop.create_connection(
                lambda: _HttpConnection(self._request, count), "127.0.0.1", self._port
            )
            for _ in range(in_flight)
        ]
        for transport, _ in opened:
            transport.write(self._request)
        await count.done
        for transport, _ in opened:
            transport.close()
        return count.answers


class _HttpConnection(asyncio.Protocol):
    def __init__(self, request: bytes, count: _Count) -> None:
        self._request, self._count = request, count
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data = data = self._data + data if self._data else data
        head, separator, body = data.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self._data = b""
        count = self._count
        if not _is_right(body):
            count.wrong(data)
        count.answers += 1
        if count.over:
            count.open -= 1
            count.settle()
        else:
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._count.done.done():
            self._count.wrong(b"the connection was lost")


def _length(head: bytes) -> int:
    start = head.lower().index(b"content-length:") + 15
    return int(head[start:].partition(b"\r")[0])


# --- MCP over stdio ------------------------------------------------------------------------------------


class StdioCaller(asyncio.SubprocessProtocol):
    """The client of a process, which ends when `close` closes its input."""

    def __init__(self) -> None:
        self.pid = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._data = b""
        self._next = 1
        self._count: _Count | None = None
        self._answer: asyncio.Future[bytes] | None = None

    def start(self, transport: asyncio.SubprocessTransport) -> None:
        self.pid = transport.get_pid()
        self._input = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))

    async def ask(self, request: bytes) -> bytes:
        self._answer = asyncio.get_running_loop().create_future()
        self._input.write(request + b"\n")
        return await self._answer

    def tell(self, notification: bytes) -> None:
        self._input.write(notification + b"\n")

    async def burst(self, in_flight: int, seconds: float) -> int:
        self._count = count = _Count(seconds)
        self._write(in_flight)
        await count.done
        self._count = None
        return count.answers

    def _write(self, calls: int) -> None:
        if calls and self._count is not None:
            first, self._next = self._next, self._next + calls
            self._count.open += calls
            self._input.write(b"".join(_call(id_) + b"\n" for id_ in range(first, self._next)))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._data = (self._data + data).split(b"\n")
        if self._answer is not None and lines:
            self._answer.set_result(lines.pop(0))
            self._answer = None
        if (count := self._count) is None:
            return
        for line in lines:
            if not _is_right(line):
                count.wrong(line)
        count.answers += len(lines)
        count.open -= len(lines)
        if not count.over:
            self._write(len(lines))
        count.settle()

    def process_exited(self) -> None:
        self.ended.set_result(None)

    async def close(self) -> None:
        self._input.close()
        await self.ended


@asynccontextmanager
async def over_stdio(script: str) -> AsyncGenerator[StdioCaller, None]:
    loop = asyncio.get_running_loop()
    transport, caller = await loop.subprocess_exec(
        StdioCaller, *command(script), env=environment(), stderr=asyncio.subprocess.DEVNULL
    )
    pin(transport.get_pid())
    caller.start(transport)
    try:
        yield caller
    finally:
        await caller.close()


@asynccontextmanager
async def greeted_over_stdio(script: str) -> AsyncGenerator[StdioCaller, None]:
    async with over_stdio(script) as caller:
        await caller.ask(HELLO)
        caller.tell(READY)
        yield caller


# --- gRPC ----------------------------------------------------------------------------------------------


class GrpcCaller:
    def __init__(self, port: int, pid: int) -> None:
        self.pid = pid
        self._port = port
        self._request = pb.CallToolRequest(name="add", arguments_json=json.dumps(ARGUMENTS))

    async def burst(self, in_flight: int, seconds: float) -> int:
        until = asyncio.get_running_loop().time() + seconds
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options=options) as channel:
            stub = rpc.ToolServiceStub(channel)
            return sum(await asyncio.gather(*(self._calls(stub, until) for _ in range(in_flight))))

    async def _calls(self, stub: Any, until: float) -> int:
        loop = asyncio.get_running_loop()
        answers = 0
        while loop.time() < until:
            answer = await stub.CallTool(self._request, timeout=10)
            if answer.result.structured_content_json.encode() != ANSWER:
                raise RuntimeError(f"not the answer: {answer}")
            answers += 1
        return answers
