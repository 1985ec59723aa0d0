"""A response that goes on: server-sent events (WHATWG HTML, 9.2), with a comment now and then, so that nobody in
between takes the silence for an end."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Write = Callable[[bytes], Awaitable[None]]

PING_SECONDS = 5.0  # as the SDK's

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


async def stream(send: Send, work: Callable[[Write], Awaitable[bytes]]) -> None:
    """Each message that `work` writes is an event, and what it gives is the last one."""

    async def part(body: bytes, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})

    async def write(message: bytes) -> None:
        await part(_event(message))

    async def ping() -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await part(b": ping\r\n\r\n")

    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    pinging = asyncio.create_task(ping())
    try:
        last = await work(write)
    finally:
        pinging.cancel()
    await part(_event(last), more=False)


def _event(message: bytes) -> bytes:
    return b"event: message\r\ndata: %b\r\n\r\n" % message
