"""Server-sent events as a response of their own: it goes no faster than its reader, and when that leaves, at
whatever moment, it ends what it reads from and says nothing of it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, MutableMapping
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import Response

from toolward.errors import ToolwardError
from toolward.wire.errors import to_problem

PING_SECONDS = 15.0
"""Silence after which a comment is sent, so that nobody on the way takes the connection for dead."""

_PING = b": ping\n\n"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


def server_sent(event: str, value: Any, number: int | None = None) -> bytes:
    """One event with `value` as JSON; `number` is what `Last-Event-ID` will say."""
    head = f"id: {number}\n" if number is not None else ""
    return f"event: {event}\n".encode() + b"data: " + msgspec.json.encode(value) + f"\n{head}\n".encode()


class EventStream(Response):
    """Sends each item as it comes. A ToolwardError on the way, when it is too late for a status, is told as an
    event `problem`, and ends it."""

    media_type = "text/event-stream"

    def __init__(
        self,
        items: AsyncGenerator[bytes, None],
        ping: float = PING_SECONDS,
        *,
        headers: Mapping[str, str] | None = None,
        left: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`left` is called when the client has gone before the end."""
        super().__init__(headers=headers)
        self._items = items
        self._ping = ping
        self._left = left
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-cache"
        self.headers["x-accel-buffering"] = "no"  # nginx would hold it back

    async def __call__(
        self,
        scope: Any,
        receive: Receive,
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        done = await unless_left(self._send(send), receive)
        if not done and self._left is not None:
            await self._left()

    async def _send(self, send: Callable[[Message], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._items) as items:
            coming = asyncio.ensure_future(anext(items, None))
            try:
                while (item := await self._next(coming, send)) is not None:
                    await send({"type": "http.response.body", "body": item, "more_body": True})
                    coming = asyncio.ensure_future(anext(items, None))
            except ToolwardError as error:
                problem = server_sent("problem", to_problem(error)[1])
                await send({"type": "http.response.body", "body": problem, "more_body": True})
            finally:
                coming.cancel()
                await asyncio.wait({coming})
        await send({"type": "http.response.body", "body": b""})

    async def _next(
        self, coming: "asyncio.Future[bytes | None]", send: Callable[[Message], Awaitable[None]]
    ) -> bytes | None:
        while not (await asyncio.wait({coming}, timeout=self._ping))[0]:
            await send({"type": "http.response.body", "body": _PING, "more_body": True})
        return coming.result()


async def unless_left(work: Coroutine[Any, Any, None], receive: Receive) -> bool:
    """Do this until the client goes; whether it was done by then."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        done = working.done()
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait({working, leaving})
    if not working.cancelled():
        working.result()
    return done


async def _gone(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
