"""A server of raw bytes on loopback: each of its connections behaves as a test says, however badly."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Line:
    """One connection, as the server sees it."""

    number: int  # 1 for the first
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> tuple[str, bytes]:
        """Head and body of the next request. Raises IncompleteReadError when there is none."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.lower() for line in head.split("\r\n")]
        sizes = [line.split(":")[1] for line in lines if line.startswith("content-length:")]
        return head, await self.reader.readexactly(int(sizes[0]) if sizes else 0)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_left(self) -> None:
        """Until the client has closed."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()


Behaviour = Callable[[Line], Awaitable[None]]


@dataclass
class Served:
    url: str = ""
    lines: list[Line] = field(default_factory=list[Line])
    most_at_once: int = 0


@contextlib.asynccontextmanager
async def serving(
    behaviour: Behaviour, tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[Served]:
    """A server whose every connection behaves like this, then closes."""
    served = Served()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        line = Line(len(served.lines) + 1, reader, writer)
        served.lines.append(line)
        served.most_at_once = max(served.most_at_once, sum(not line.closed.is_set() for line in served.lines))
        try:
            await behaviour(line)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            line.closed.set()
            tasks.discard(task)

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    served.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield served
    finally:
        server.close()
        for _ in range(
            5
        ):  # who was let in a moment ago gets a task of their own, which closes what they have
            await asyncio.sleep(0)
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def always(*pieces: bytes) -> Behaviour:
    """Answers every request with these pieces, one write each."""

    async def behave(line: Line) -> None:
        while True:
            await line.request()
            for piece in pieces:
                await line.send(piece)

    return behave


def once(*pieces: bytes) -> Behaviour:
    """Answers one request with these pieces, then closes."""

    async def behave(line: Line) -> None:
        await line.request()
        for piece in pieces:
            await line.send(piece)

    return behave


async def silent(line: Line) -> None:
    await line.request()
    await line.until_left()
