"""MCP over Streamable HTTP: a raw ASGI application. Plain requests take the short path; the SDK's application
stands behind it and is loaded when first needed."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

from msgspec import UNSET

from toolward.auth import Authenticate, proven
from toolward.doors.bodies import Bodies
from toolward.doors.mcp_plain import PlainMcp, unreadable
from toolward.doors.origin import Origins
from toolward.doors.replies import refusal_headers, reply
from toolward.doors.terms import Terms
from toolward.errors import ToolwardError
from toolward.types import Headers, Principal, ServerInfo, ToolProvider
from toolward.wire import mcp as wire
from toolward.wire.errors import to_jsonrpc, to_problem

Scope = MutableMapping[str, Any]
Asgi = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Asgi]]
Send = Callable[[Asgi], Awaitable[None]]

WATCH_AFTER = 0.02  # seconds before a call in work is watched for its client going away

_VERSION, _SESSION = "mcp-protocol-version", "mcp-session-id"
_ROUTING = (_VERSION, "mcp-method", "mcp-name", _SESSION)
# The SDK's ERROR_CODE_HTTP_STATUS, for the modern era; the handshake eras answer errors with 200.
_STATUS = {wire.METHOD_NOT_FOUND: 404, wire.INVALID_PARAMS: 400, wire.INVALID_REQUEST: 400}


class McpHttpDoor:
    """Mount it at `/mcp` and `/mcp/`. `aclose` ends the SDK's application where it was started."""

    def __init__(
        self,
        provider: ToolProvider,
        info: ServerInfo,
        authenticate: Authenticate,
        origins: Origins,
        terms: Terms | None = None,
    ) -> None:
        self._provider, self._info = provider, info
        self._authenticate = authenticate
        self._terms = terms or Terms()
        self._bodies = Bodies(self._terms.max_body)
        self._origins = origins
        self._plain = PlainMcp(provider, info)
        self._sdk = _LazySdk(provider, info, origins, self._terms.max_body)

    async def aclose(self) -> None:
        await self._sdk.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, doubled = _headers(scope)
        try:
            self._origins.check(headers)
            principal = await proven(self._authenticate, headers)
            body = await self._bodies.read(receive)
        except ToolwardError as error:
            await _refuse(send, error, self._terms.challenge(headers))
            return
        if body is None:
            return
        if not (scope["method"] == "POST" and _accepts_both(headers.get("accept", "")) and not doubled):
            await self._sdk.serve(scope, _replaying(body, receive), send, principal)
            return
        try:
            message = wire.decode(body)
        except wire.Unreadable as problem:
            await _reply(send, 200 if problem.too_deep is not None else 400, unreadable(problem))
            return
        if message.id is UNSET or not self._is_plain(message, headers):
            await self._sdk.serve(scope, _replaying(body, receive), send, principal)
            return
        message.params.meta.traceparent = message.params.meta.traceparent or headers.get("traceparent", "")
        answer = await _unless_disconnected(self._plain.answer(message, principal), receive)
        if answer is not None:
            await _reply(send, _status(answer, message), answer)

    def _is_plain(self, message: wire.Message, headers: Headers) -> bool:
        if not self._plain.takes(message, can_notify=False):
            return False
        version = headers.get(_VERSION)
        if message.era == "legacy":
            return _SESSION not in headers and (version is None or version in wire.HANDSHAKE)
        params = message.params
        return (
            version == wire.MODERN == params.meta.protocol_version
            and params.meta.client_capabilities is not UNSET
            and headers.get("mcp-method") == message.method
            and (message.method != "tools/call" or headers.get("mcp-name") == params.name)
            and not any(name.startswith("mcp-param-") for name in headers)
        )


class _LazySdk:
    """The SDK's application, started by the first request that needs it, in a task of its own: its cancel
    scopes must be entered and left by the same task."""

    def __init__(self, provider: ToolProvider, info: ServerInfo, origins: Origins, max_body: int) -> None:
        self._provider, self._info, self._origins = provider, info, origins
        self._max_body = max_body
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[Any] | None = None
        self._stop = asyncio.Event()

    async def serve(self, scope: Scope, receive: Receive, send: Send, principal: Principal) -> None:
        from toolward.doors.mcp_sdk import PRINCIPAL_KEY

        app = await self._app()
        await app({**scope, "path": "/mcp", "raw_path": b"/mcp", PRINCIPAL_KEY: principal}, receive, send)

    async def _app(self) -> Any:
        if self._started is None:
            self._started = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._started))
        return await asyncio.shield(self._started)

    async def _run(self, started: asyncio.Future[Any]) -> None:
        from toolward.doors.mcp_sdk import http_app

        async with AsyncExitStack() as stack:
            allowed = (self._origins.hosts, self._origins.origins)
            app = await stack.enter_async_context(
                http_app(self._provider, self._info, allowed, self._max_body)
            )
            started.set_result(app)
            await self._stop.wait()

    async def aclose(self) -> None:
        self._stop.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


def _headers(scope: Scope) -> tuple[dict[str, str], bool]:
    """Headers by lower-case name, and whether one that routing depends on came twice."""
    found: dict[str, str] = {}
    doubled = False
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        doubled = doubled or (name in found and name in _ROUTING)
        found[name] = raw_value.decode("latin-1")
    return found, doubled


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the consumed body again, then what comes after it."""
    waiting: list[Asgi] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Asgi:
        return waiting.pop() if waiting else await receive()

    return replay


def _accepts_both(accept: str) -> bool:
    return "*/*" in accept or ("application/json" in accept and "text/event-stream" in accept)


def _status(answer: bytes, message: wire.Message) -> int:
    if message.era == "legacy" or b'"error":{"code":' not in answer[:200]:
        return 200
    code = int(answer.split(b'"error":{"code":', 1)[1].split(b",", 1)[0])
    return _STATUS.get(code, 200)


async def _unless_disconnected(work: Awaitable[bytes], receive: Receive) -> bytes | None:
    """The answer, or None when the client closed its connection first: that cancels the call (spec,
    basic/patterns/cancellation). Watching starts late, because a task a call costs a third of the speed."""
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


async def _refuse(send: Send, error: ToolwardError, challenge: str) -> None:
    """Before a message is read there is no id to answer: a JSON-RPC error without one, and the HTTP status."""
    status, _ = to_problem(error)
    body = wire.error_response(None, to_jsonrpc(error))
    await reply(send, status, body, headers=refusal_headers(error, challenge))


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
