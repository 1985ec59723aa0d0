"""MCP over the pipes of a process that somebody else started and will stop: a transport for the SDK's client."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client import Transport
from mcp.shared.message import SessionMessage

MAX_NOISE = 100
"""Lines that are no messages; a server that prints more is not one of MCP."""

_SHOWN = 120


class Pipes:
    """The far end's stdout and stdin. `reader` must have a `limit` above the longest message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._noise = 0
        self.first_noise = ""
        """The first line that was no message, for saying what is wrong."""

    def transport(self) -> Transport:
        return _transport(self)

    async def receive(self, to_session: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Ends when the far end does, sends an overlong line, or prints what is not MCP."""
        async with to_session:
            while self._noise < MAX_NOISE:
                try:
                    line = await self._reader.readline()
                except (ValueError, ConnectionError):
                    return
                if not line:
                    return
                if (message := self._read(line)) is not None:
                    await to_session.send(SessionMessage(message))

    async def send(self, from_session: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async with from_session:
            async for outgoing in from_session:
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
