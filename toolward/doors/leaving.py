"""Noticing over HTTP that the client has gone, which gives up what it asked for."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

WATCH_AFTER = 0.02
"""Seconds before work for a client is watched for its going away: a task for each call costs a third of the
speed."""

T = TypeVar("T")


async def unless_left(
    work: Awaitable[T], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> T | None:
    """What `work` gives, or None when the client closed its connection first: that cancels the call (MCP spec,
    basic/patterns/cancellation). `receive` is ASGI's, of which the body was read."""
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()
    watching: list[asyncio.Task[None]] = []
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if me is not None:
            me.cancel()

    timer = loop.call_later(WATCH_AFTER, lambda: watching.append(loop.create_task(watch())))
    try:
        return await work
    except asyncio.CancelledError:
        if gone and me is not None and me.uncancel() == 0:
            return None
        raise
    finally:
        timer.cancel()
        for task in watching:
            task.cancel()
