"""MCP over Streamable HTTP: a raw ASGI application. Plain requests take the short path; the SDK's application
stands behind it and is loaded when first needed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from http import HTTPStatus
from typing import Any

from msgspec import UNSET

from toolward.auth import Authenticate, proven
from toolward.doors import plain_changes
from toolward.doors.admittance import PEER, address_of
from toolward.doors.bodies import Bodies
from toolward.doors.eager import Begun
from toolward.doors.event_stream import stream
from toolward.doors.leaving import unless_left
from toolward.doors.mcp_plain import PlainMcp, unreadable
from toolward.doors.origin import Origins
from toolward.doors.plain_head import PlainHead
from toolward.doors.replies import refusal_headers, reply
from toolward.doors.terms import Terms
from toolward.errors import ToolwardError
from toolward.json_bounds import is_too_much, too_much
from toolward.offers import offers_of
from toolward.types import Headers, Principal, ServerInfo, ToolProvider
from toolward.wire import mcp as wire
from toolward.wire.errors import to_jsonrpc, to_problem

Scope = MutableMapping[str, Any]
Asgi = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Asgi]]
Send = Callable[[Asgi], Awaitable[None]]

_VERSION, _SESSION = "mcp-protocol-version", "mcp-session-id"
_ROUTING = (_VERSION, "mcp-method", "mcp-name", _SESSION)
# The SDK's ERROR_CODE_HTTP_STATUS, for the modern era; the handshake eras answer errors with 200.
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
_STARTS = {
    400: _OK.replace(b"200 OK", b"400 Bad Request"),
    404: _OK.replace(b"200 OK", b"404 Not Found"),
}
_STATUS = {wire.METHOD_NOT_FOUND: 404, wire.INVALID_PARAMS: 400, wire.INVALID_REQUEST: 400}


class McpHttpDoor:
    """Mount it at `/mcp` and `/mcp/`. `aclose` ends the SDK's application where it was started.

    A client of the handshake eras gets a session if it can be asked questions (elicitation), or if `sessions` says
    that all of them do; none does where several processes share the address.
    """

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
        self._sdk = _LazySdk(provider, info, self._terms.max_body)

    async def aclose(self) -> None:
        self._plain.closing.set()
        await self._sdk.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, doubled = _headers(scope)
        headers[PEER] = address_of(scope)
        try:
            self._origins.check(headers)
            principal = await proven(self._authenticate, headers)
            body = await self._bodies.read(receive)
        except ToolwardError as error:
            await _refuse(send, error, self._terms.challenge(headers))
            return
        if body is None:
            return
        if scope["method"] != "POST" and _SESSION not in headers:  # there is no stream but a session's
            await reply(send, 405, b"", headers={"allow": "POST"})
            return
        if not (scope["method"] == "POST" and _accepts_both(headers.get("accept", "")) and not doubled):
            if is_too_much(body):
                await _refuse(send, too_much("request"), "")
                return
            await self._hand_over(scope, _replaying(body, receive), send, principal, headers)
            return
        try:
            message = wire.decode(body)
        except wire.Unreadable as problem:
            if (
                _SESSION in headers and problem.code == wire.INVALID_REQUEST
            ):  # a client's answer to the server
                await self._hand_over(scope, _replaying(body, receive), send, principal, headers)
                return
            await _reply(send, 200 if problem.refused is not None else 400, unreadable(problem))
            return
        if message.id is UNSET and _is_legacy(headers):
            await _reply(send, 202, b"")  # without a session, no notification has anything to act on
        elif message.id is UNSET or not await self._answered(message, principal, headers, receive, send):
            await self._hand_over(scope, _replaying(body, receive), send, principal, headers, message)

    async def _answered(
        self, message: wire.Message, principal: Principal, headers: Headers, receive: Receive, send: Send
    ) -> bool:
        """Whether it is a plain request; then it is answered now."""
        assert message.id is not UNSET  # noqa: S101 -- a type guard
        if (kinds := self._listens_to(message, headers)) is not None:
            await unless_left(stream(send, partial(self._plain.listen, message.id, kinds)), receive)
            return True
        if not self._is_plain(message, headers):
            return False
        meta = message.params.meta
        meta.traceparent = meta.traceparent or headers.get("traceparent", "")
        begun = Begun(self._plain.answer(message, principal))
        answer = begun.value if begun.done else await unless_left(begun.finish(), receive)
        if answer is not None:  # the client is gone; here nobody is asked in the midst of a plain call
            await _reply(send, _status(answer, message), answer)
        return True

    def begin(self, head: PlainHead, body: bytes) -> Coroutine[Any, Any, bytes] | None:
        """The way of a plain request that has come whole (`toolward.doors.http_protocol.Plain`). None for every
        other, and for what is no request: that is said on the other way, in one place."""
        headers = head.headers
        if head.cleared is None:
            head.cleared = self._clears(head)
        if not head.cleared:
            return None
        message = wire.decode_if_plain(body)
        if message is None or message.id is UNSET or not self._is_plain_after(head, message):
            return None
        meta = message.params.meta
        meta.traceparent = meta.traceparent or headers.get("traceparent", "")
        return self._respond(message, headers)

    async def _respond(self, message: wire.Message, headers: Headers) -> bytes:
        try:
            principal = self._authenticate(headers)
            if not isinstance(principal, Principal):
                principal = await principal
        except ToolwardError as error:
            return _refusal(error, self._terms.challenge(headers))
        answer = await self._plain.answer(message, principal) or b""
        status = _status(answer, message)
        start = _OK if status == 200 else _STARTS[status]
        return b"%b%d\r\n\r\n%b" % (start, len(answer), answer)

    def _clears(self, head: PlainHead) -> str | bool:
        """Whether these headers are such as plain requests have; MODERN where they say all that is asked of them
        in that era."""
        headers = head.headers
        try:
            self._origins.check(headers)
        except ToolwardError:
            return False
        if head.length > self._terms.max_body or not _accepts_both(headers.get("accept", "")):
            return False
        is_modern = headers.get(_VERSION) == wire.MODERN
        mirrored = any(name.startswith("mcp-param-") for name in headers)
        return wire.MODERN if is_modern and not mirrored else True

    async def _hand_over(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        principal: Principal,
        headers: Headers,
        message: wire.Message | None = None,
    ) -> None:
        arguments = None
        opens_session = False
        if message is not None:
            opens_session = self._opens_session(message)
            arguments = bytes(message.params.arguments) if message.method == "tools/call" else None
        in_session = headers.get(_VERSION) != wire.MODERN and (_SESSION in headers or opens_session)
        await self._sdk.serve(scope, receive, send, principal, arguments, in_session=in_session)

    def _opens_session(self, message: wire.Message) -> bool:
        can_be_asked = "elicitation" in message.params.capabilities
        wanted = self._terms.sessions or can_be_asked
        return message.method == "initialize" and wanted and not self._terms.shared

    def _is_plain(self, message: wire.Message, headers: Headers) -> bool:
        if not self._plain.takes(message, can_notify=False):
            return False
        if message.era == "legacy":
            return _is_legacy(headers) and not self._opens_session(message)
        return _says_what_it_is(message, headers)

    def _listens_to(self, message: wire.Message, headers: Headers) -> Sequence[str] | None:
        """The lists that a plain subscription is to be told of."""
        kinds = plain_changes.lists_of(offers_of(self._provider), message)
        return kinds if kinds is not None and _says_what_it_is(message, headers) else None

    def _is_plain_after(self, head: PlainHead, message: wire.Message) -> bool:
        """`_is_plain`, after a head that has been looked at."""
        if head.cleared is not wire.MODERN or message.era == "legacy":
            return self._is_plain(message, head.headers)
        params = message.params
        return (
            params.meta.protocol_version == wire.MODERN
            and params.meta.client_capabilities is not UNSET
            and head.headers.get("mcp-method") == message.method
            and (message.method != "tools/call" or head.headers.get("mcp-name") == params.name)
            and self._plain.takes(message, can_notify=False)
        )


def _says_what_it_is(message: wire.Message, headers: Headers) -> bool:
    """Whether headers and envelope of a modern request are such as plain ones have."""
    params = message.params
    return (
        headers.get(_VERSION) == wire.MODERN == params.meta.protocol_version
        and params.meta.client_capabilities is not UNSET
        and headers.get("mcp-method") == message.method
        and (message.method != "tools/call" or headers.get("mcp-name") == params.name)
        and not any(name.startswith("mcp-param-") for name in headers)
    )


def _is_legacy(headers: Headers) -> bool:
    """Of the handshake eras, and without a session."""
    version = headers.get(_VERSION)
    return _SESSION not in headers and (version is None or version in wire.HANDSHAKE)


class _LazySdk:
    """The SDK's applications, started by the first request that needs them, in a task of its own: their cancel
    scopes must be entered and left by the same task."""

    def __init__(self, provider: ToolProvider, info: ServerInfo, max_body: int) -> None:
        self._provider, self._info = provider, info
        self._max_body = max_body
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[Any] | None = None
        self._stop = asyncio.Event()

    async def serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        principal: Principal,
        arguments: bytes | None,
        *,
        in_session: bool,
    ) -> None:
        from toolward.doors.mcp_sdk_http import scope_for

        apps = await self._apps()
        app = apps.sessions if in_session else apps.plain
        await app(scope_for(scope, principal, arguments), receive, send)

    async def _apps(self) -> Any:
        if self._started is None:
            self._started = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._started))
        return await asyncio.shield(self._started)

    async def _run(self, started: asyncio.Future[Any]) -> None:
        from toolward.doors.mcp_sdk_http import http_apps

        async with AsyncExitStack() as stack:
            apps = await stack.enter_async_context(
                http_apps(self._provider, self._info, self._max_body, self._stop)
            )
            started.set_result(apps)
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
        found[name] = raw_value.decode("latin-1").strip(" \t")
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


def _refusal(error: ToolwardError, challenge: str) -> bytes:
    """`_refuse`, as a whole response."""
    status, _ = to_problem(error)
    body = wire.error_response(None, to_jsonrpc(error))
    said = "".join(f"{name}: {value}\r\n" for name, value in refusal_headers(error, challenge).items())
    start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n{said}"
    return f"{start}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


async def _refuse(send: Send, error: ToolwardError, challenge: str) -> None:
    """Before a message is read there is no id to answer: a JSON-RPC error without one, and the HTTP status."""
    status, _ = to_problem(error)
    body = wire.error_response(None, to_jsonrpc(error))
    await reply(send, status, body, headers=refusal_headers(error, challenge))


async def _reply(send: Send, status: int, body: bytes) -> None:
    """`reply` for every call: nothing is encoded that is the same each time."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
