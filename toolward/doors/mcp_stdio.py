"""MCP over stdio: one client, one line a message. Plain requests are answered by the short path; the SDK is
loaded when the first other request comes."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from toolward.doors.mcp_plain import PlainMcp, unreadable
from toolward.doors.stdio_streams import MAX_LINE, claim, open_streams
from toolward.doors.terms import DRAIN_SECONDS
from toolward.offers import offers_of
from toolward.types import Principal, ServerInfo, ToolProvider
from toolward.wire import mcp as wire

if TYPE_CHECKING:
    from toolward.doors.mcp_sdk_stdio import StdioRelay  # loaded when it is first needed

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 1024  # requests at once; more wait unread. The limit on calls speaks before


class StdioDoor:
    """Serves until the client closes stdin, or `stop` is called; calls in work then have `drain` seconds."""

    def __init__(
        self, provider: ToolProvider, info: ServerInfo, principal: Principal, drain: float = DRAIN_SECONDS
    ) -> None:
        self._seconds = drain
        self._provider, self._info, self._principal = provider, info, principal
        self._plain = PlainMcp(provider, info, self._flush)
        self._calls: dict[str | int, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._initialize: tuple[bytes, str | int] | None = None
        self._relay: asyncio.Task[None] | None = None
        self._behind: StdioRelay | None = None
        self._telling: asyncio.Task[None] | None = None
        self._to_relay: asyncio.Queue[bytes] = asyncio.Queue()
        self._output = -1
        self._writer: asyncio.StreamWriter | None = None

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        source, self._output = claim()
        reader, self._writer = await open_streams(source, self._output)
        reading = asyncio.ensure_future(self._read(reader))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            await self._drain()
        finally:
            leftover: list[asyncio.Task[Any]] = [reading, stopping, *self._calls.values()]
            leftover += [task for task in (self._relay, self._telling) if task is not None]
            for task in leftover:
                task.cancel()
            await asyncio.wait(leftover)
            if self._writer is not None:
                with suppress(ConnectionError, BrokenPipeError):
                    await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for line in _lines(reader):
            if len(self._calls) >= MAX_IN_FLIGHT:
                await asyncio.wait(self._calls.values(), return_when=asyncio.FIRST_COMPLETED)
            self._take(line)
            await self._flush()

    async def _drain(self) -> None:
        """Let what is in work be answered; subscriptions end now."""
        self._plain.closing.set()
        working: list[asyncio.Task[Any]] = list(self._calls.values())
        if self._relay is not None:
            working.append(asyncio.create_task(self._drain_relay()))
        if working:
            _, late = await asyncio.wait(working, timeout=self._seconds)
            for task in late:
                task.cancel()

    async def _drain_relay(self) -> None:
        await self._to_relay.join()
        if self._behind is not None:
            await self._behind.drain()

    def _take(self, line: bytes) -> None:
        try:
            message = wire.decode(line)
        except wire.Unreadable as problem:
            if self._relay is not None and problem.code == wire.INVALID_REQUEST:
                self._to_relay.put_nowait(line)  # a client's answer to a request of the server's
            else:
                self._write(unreadable(problem))
            return
        if message.id is UNSET:
            self._notified(message, line)
        elif self._plain.takes(message, can_notify=True):
            if message.method == "initialize":
                self._initialize = (line, message.id)
            self._start(message.id, message, line)
        else:
            self._hand_over(line)

    def _notified(self, message: wire.Message, line: bytes) -> None:
        if message.method == "notifications/initialized" and self._telling is None:
            self._telling = asyncio.create_task(self._tell_changes())
        asked = message.params.request_id
        if message.method == "notifications/cancelled" and asked in self._calls:
            self._calls[asked].cancel()
        elif self._relay is not None:
            self._to_relay.put_nowait(line)

    async def _tell_changes(self) -> None:
        """To a client of the handshake eras; later ones ask with `subscriptions/listen`."""
        async for _ in self._provider.watch():
            for changed in wire.list_changed_notifications(offers_of(self._provider)):
                self._write(changed)
            await self._flush()

    def _start(self, id_: str | int, message: wire.Message, line: bytes) -> None:
        async def answer() -> None:
            try:
                answer = await self._plain.answer(message, self._principal, self._write)
                if answer is None:
                    self._hand_over(line)
                else:
                    self._write(answer)
                await self._flush()
            finally:
                self._calls.pop(id_, None)

        self._calls[id_] = asyncio.create_task(answer())

    def _hand_over(self, line: bytes) -> None:
        if self._relay is None:
            self._relay = asyncio.create_task(self._run_relay())
        self._to_relay.put_nowait(line)

    async def _run_relay(self) -> None:
        from toolward.doors.mcp_sdk_stdio import StdioRelay  # most of a second: only for those who need it

        relay = self._behind = StdioRelay(self._provider, self._info, self._principal)
        serving = asyncio.create_task(relay.run(self._write))
        try:
            if self._initialize is not None:
                await relay.replay(*self._initialize)
            while True:
                await relay.send(await self._to_relay.get())
                self._to_relay.task_done()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    def _write(self, message: bytes) -> None:
        line = message + b"\n"
        if self._writer is not None:
            self._writer.write(line)
        else:
            os.write(self._output, line)

    async def _flush(self) -> None:
        if self._writer is not None:
            await self._writer.drain()


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than the limit; what follows cannot be told apart from it
            log.error("a message is longer than %d bytes; the connection ends", MAX_LINE)
            return
        if not line:
            return
        if stripped := line.strip():
            yield stripped
