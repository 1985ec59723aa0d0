"""What HTTP itself asks of an application, which FastAPI does not do: HEAD wherever there is GET (RFC 9110, 9.3.2),
methods that are allowed (OPTIONS, 405), and a bound on bodies that is told as a problem."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.servers.sse import Message, Receive
from toolward.doors.replies import refuse
from toolward.errors import TooLarge

Send = Callable[[Message], Awaitable[None]]


class Surface:
    """ASGI middleware. `most` is in bytes, of a body."""

    def __init__(self, app: Any, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = _Bounded(receive, self._most)
        if body.is_more(scope):
            await refuse(send, self._too_large())
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, body.receive, _Head(send).send)
        else:
            await self._told(scope, body, send)

    async def _told(self, scope: Any, body: "_Bounded", send: Send) -> None:
        refused = False

        async def sent(message: Message) -> None:
            nonlocal refused
            if body.over and message["type"] == "http.response.start":
                refused = True
                await refuse(send, self._too_large())
            elif not refused:
                await send(message)

        await self._app(scope, body.receive, sent)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The request's body is larger than {self._most:,} bytes.", hint="Send less at once.")


class _Bounded:
    """A request's body as far as it may go. Whoever reads on is told that the client has gone."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._read = receive, most, 0
        self.over = False

    def is_more(self, scope: Any) -> bool:
        """Whether the head says already that it is too much."""
        sizes = [value for name, value in scope["headers"] if name == b"content-length"]
        return bool(sizes) and sizes[0].isdigit() and int(sizes[0][:32]) > self._most

    async def receive(self) -> Message:
        if self.over:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._most:
            self.over = True
            return {"type": "http.disconnect"}  # not the end: half a body is none
        return message


class _Head:
    """The beginning of an answer, without what follows: no stream goes on for who wants none of it."""

    def __init__(self, send: Send) -> None:
        self._send, self._done = send, False

    async def send(self, message: Message) -> None:
        if self._done:
            return
        await self._send(message)
        self._done = True
        await self._send({"type": "http.response.body", "body": b""})


def allowed_at(path: str, document: Mapping[str, Any]) -> str:
    """The methods of a path, for `Allow`; empty where the OpenAPI document has no such path."""
    found: set[str] = set()
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            found |= {method.upper() for method in operations}
    if not found:
        return ""
    return ", ".join(sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())))
