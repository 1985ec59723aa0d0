"""MCP over the pipes of a process that somebody else started and will stop: a transport for the SDK's client."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client import Transport
from mcp.shared.message import SessionMessage

from toolward.client.pace import Pace

MAX_NOISE = 100
"""Lines that are no messages; a server that prints more is not one of MCP."""

MAX_UNASKED = 500.0
"""Notifications and requests of the far end in a second; it waits with more of them."""

MAX_GIVEN_UP = 1000
"""Requests that were cancelled and may still be answered; what is answered after so many others is not ours."""

_SHOWN = 120


class Pipes:
    """The far end's stdout and stdin. `reader` must have a `limit` above the longest message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._noise = 0
        self._open: set[str] = set()  # ids of the requests that wait for their answer
        self._given_up: dict[str, None] = {}  # and of those that do not any more, oldest first
        self.lied = False
        """Whether it answered a request that was never made; nothing that it says after that is taken."""
        self.first_noise = ""
        """The first line that was no message, for saying what is wrong."""

    def transport(self) -> Transport:
        return _transport(self)

    async def receive(self, to_session: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Ends when the far end does, sends an overlong line, prints what is not MCP, or answers what nobody
        asked."""
        unasked = Pace(MAX_UNASKED)
        async with to_session:
            while self._noise < MAX_NOISE:
                try:
                    line = await self._reader.readline()
                except (ValueError, ConnectionError):
                    return
                if not line:
                    return
                if (message := self._read(line)) is None:
                    continue
                if self._is_lie(message):
                    self.lied = True
                    return
                if isinstance(message, types.JSONRPCNotification | types.JSONRPCRequest):
                    await unasked.take(1)
                await to_session.send(SessionMessage(message))

    async def send(self, from_session: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async with from_session:
            async for outgoing in from_session:
                self._note(outgoing.message)
                text = outgoing.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._writer.write(text.encode() + b"\n")
                try:
                    await self._writer.drain()
                except ConnectionError:  # the reader sees the end too
                    return

    def _read(self, line: bytes) -> types.JSONRPCMessage | None:
        try:
            return types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:  # a banner or a stray print; the protocol forbids it, many servers do it
            if line.strip():
                self._noise += 1
                self.first_noise = self.first_noise or line.decode("utf-8", "replace").strip()[:_SHOWN]
            return None

    def _note(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCRequest):
            self._open.add(str(message.id))
        elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            given_up = str((message.params or {}).get("requestId"))
            self._open.discard(given_up)
            self._given_up[given_up] = None
            if len(self._given_up) > MAX_GIVEN_UP:
                self._given_up.pop(next(iter(self._given_up)))

    def _is_lie(self, message: types.JSONRPCMessage) -> bool:
        if not isinstance(message, types.JSONRPCResponse | types.JSONRPCError) or message.id is None:
            return False
        id_ = str(message.id)
        known = id_ in self._open or id_ in self._given_up
        self._open.discard(id_)
        self._given_up.pop(id_, None)
        return not known


@asynccontextmanager
async def _transport(
    pipes: Pipes,
) -> AsyncGenerator[
    tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]
]:
    to_session, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    async with to_session, read_stream, write_stream, from_session, anyio.create_task_group() as tasks:
        tasks.start_soon(pipes.receive, to_session)
        tasks.start_soon(pipes.send, from_session)
        try:
            yield read_stream, write_stream
        finally:
            tasks.cancel_scope.cancel()
