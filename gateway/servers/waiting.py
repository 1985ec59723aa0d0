"""An answer that takes long, and that nobody makes any more when its client has gone."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response

from gateway.servers.sse import Message, Receive, unless_left


class Waiting(Response):
    """The response that `make` gives; `left` is called when the client has gone before."""

    def __init__(self, make: Callable[[], Awaitable[Response]], left: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._make, self._left = make, left

    async def __call__(
        self, scope: Any, receive: Receive, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        made: list[Response] = []

        async def work() -> None:
            made.append(await self._make())

        if await unless_left(work(), receive):
            await made[0](scope, receive, send)
        else:
            await self._left()
