"""An HTTP/1.1 server that does nothing but answer, so that it is never what is measured."""

import asyncio
import sys
from collections.abc import Callable
from typing import cast

import uvloop

Answering = Callable[[bytes, bytes], tuple[int, bytes]]
"""The head of a request and its body, to a status and a JSON body, which may be empty."""

_HEAD = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._pieces: list[bytes] = []
        self._came = 0
        self._wanted = 0  # bytes of the request under way; 0: its head has not come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._came += len(data)
        while self._came and self._came >= self._wanted:
            whole = b"".join(self._pieces)
            end = whole.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            self._wanted = end + _length(whole[:end])
            if self._came < self._wanted:
                self._pieces = [whole]
                return
            status, body = self._answering(whole[:end], whole[end : self._wanted])
            self._transport.write(_HEAD % (status, len(body)) + body)
            self._pieces = [rest] if (rest := whole[self._wanted :]) else []
            self._came, self._wanted = len(rest), 0


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].partition(b"\r")[0]) if at >= 0 else 0


def serve(answering: Answering) -> None:
    """At a free port, which is printed; until it is ended."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(answering), "127.0.0.1", 0)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()

    uvloop.run(work())
