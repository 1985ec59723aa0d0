"""A plain call over MCP's Streamable HTTP by the short path: one request over the keep-alive pool, and the result
as the bytes that came. What is not plain (sessions, progress, mirrored arguments) goes by the SDK's client; one
suite runs over both."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from mcp import MCPError
from msgspec import UNSET, Raw, UnsetType

from toolward.errors import InvalidResult, ToolwardError, Unauthenticated, Unavailable
from toolward.json_bounds import MAX_DEPTH, depth_exceeds
from toolward.names import TOOL_NAME
from toolward.outbound.pool import NO_HEADERS, Pool
from toolward.outbound.reach import Reach
from toolward.outbound.replies import Response
from toolward.outbound.sse import EventReader
from toolward.types import CallContext, ToolCall
from toolward.wire.mcp import CALL_META, HOPS_META, KEY_META, MODERN, ON_BEHALF_META, TIMEOUT_META

_ENVELOPE = (
    b'"io.modelcontextprotocol/protocolVersion":"%b","io.modelcontextprotocol/clientCapabilities":{}'
    % MODERN.encode()
)
_MOST_BEGINNINGS = 10_000
_MESSAGE_DEPTH = MAX_DEPTH + 3  # message > result > structuredContent, and the value's own nesting
_encode = msgspec.json.Encoder().encode


class NotProven(Unauthenticated):
    """HTTP 401: by RFC 9110, 15.5.2 what was asked for has not been done, for want of a credential that holds."""


class _Error(msgspec.Struct):
    code: int
    message: str = ""
    data: Any = None


class _Answer(msgspec.Struct):
    """A JSON-RPC response, or a message that is none and has neither result nor error."""

    id: Any = None
    result: Raw | UnsetType = UNSET
    error: _Error | UnsetType = UNSET


_answer = msgspec.json.Decoder(_Answer)


class _Beginning(NamedTuple):
    """Of a request that calls a certain tool: its head, and its `params` up to the arguments."""

    head: bytes
    name: bytes


class PlainCalls:
    """Calls to one endpoint. `source` names it in errors; `max_body` is in bytes, `connect` in seconds."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        source: str,
        max_body: int,
        connect: float,
        reach: Reach,
    ) -> None:
        """Raises ConfigurationError for what is no plain http(s) URL."""
        self._pool = Pool(url, max_body=max_body, connect_timeout=connect, reach=reach)
        parts = urlsplit(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._source = source
        self._last_id = 0
        self._beginnings: dict[tuple[str, str], _Beginning] = {}
        self._max_body = max_body
        self._headers = {
            **headers,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def call(
        self,
        call: ToolCall,
        context: CallContext,
        version: str,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """The JSON text of a `CallToolResult`. The arguments must be proven JSON: they go out as they are.
        `headers` are those of this call alone. Cancelling it closes the connection, and that stops the call over
        there; so does the end of `context.timeout`.

        Raises MCPError for the error that the server answered, Unauthenticated, Unavailable, InvalidResult, Denied,
        DeadlineExceeded. An answer to another request than this one is not taken, and its connection is not used
        again.
        """
        self._last_id = id_ = self._last_id + 1
        beginning = self._beginnings.get((call.name, version)) or self._beginning(call.name, version)
        head = beginning.head if not headers else self._head(call.name, version, headers)
        body = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{%b%b%b}}' % (
            id_,
            beginning.name,
            call.arguments_json,
            _meta(call, context, version),
        )
        found: list[_Answer] = []
        response = await self._pool.post(
            head,
            body,
            timeout=context.timeout,
            accept=lambda response: self._take(response, id_, found),
        )
        for answer in found:
            if answer.error is not UNSET:
                error = answer.error
                raise MCPError(code=error.code, message=error.message, data=error.data)
            if answer.result is not UNSET:
                return bytes(answer.result)
        raise Unavailable(f"{self._source} answered HTTP {response.status} with no result.")

    def takes(self, tool: str) -> bool:
        """Whether the name of this tool can be sent as it is; what is no tool name would need to be encoded."""
        return (tool, MODERN) in self._beginnings or TOOL_NAME.fullmatch(tool) is not None

    def _beginning(self, tool: str, version: str) -> "_Beginning":
        """Of every call of one tool; tools that are listed are few."""
        if len(self._beginnings) >= _MOST_BEGINNINGS:
            self._beginnings.clear()
        made = _Beginning(self._head(tool, version, NO_HEADERS), b'"name":%b,"arguments":' % _encode(tool))
        self._beginnings[tool, version] = made
        return made

    def _head(self, tool: str, version: str, headers: Mapping[str, str]) -> bytes:
        sent = {**self._headers, **headers, "mcp-protocol-version": version}
        if version == MODERN:
            sent |= {"mcp-method": "tools/call", "mcp-name": tool}
        return self._pool.prepare(self._path, sent)

    def _take(self, response: Response, id_: int, found: list[_Answer]) -> None:
        """The first that is a response; it must be to this very request."""
        if response.status in (401, 403) or 300 <= response.status < 400:
            raise refusal(self._source, response.status)
        for message in self._messages(response):
            answer = self._read(message, response.status)
            if answer.error is UNSET and answer.result is UNSET:
                continue
            # An error may lack the id: that of a message which could not be read. `True == 1`, and is no id.
            is_ours = type(answer.id) is int and answer.id == id_
            if not is_ours and (answer.id is not None or answer.error is UNSET):
                raise InvalidResult(
                    f"{self._source} answered another request than the one it was sent.",
                    hint="The connection was closed, and nothing of the answer used.",
                )
            found.append(answer)
            return

    def _messages(self, response: Response) -> list[bytes]:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            return [response.body]
        return [event.data for event in EventReader(self._source, self._max_body).feed(response.body)]

    def _read(self, message: bytes, status: int) -> _Answer:
        try:
            if not depth_exceeds(message, _MESSAGE_DEPTH):
                return _answer.decode(message)
            why = f"nested more than {MAX_DEPTH} levels deep"
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if status != 200:  # not MCP's words at all: a proxy's, say
                raise Unavailable(f"{self._source} answered HTTP {status}.") from None
            why = str(error)
        raise InvalidResult(f"{self._source} answered what MCP does not allow: {why}.")


def meta_of(call: ToolCall, context: CallContext) -> dict[str, Any]:
    """What goes beside a call to a server, in `_meta`."""
    extra = {
        KEY_META: call.idempotency_key,
        CALL_META: call.call_id,
        HOPS_META: context.hops,
        ON_BEHALF_META: context.on_behalf_of,
        TIMEOUT_META: None if context.timeout is None else round(context.timeout, 3),
        "traceparent": context.traceparent,
    }
    return {key: value for key, value in extra.items() if value}


def _meta(call: ToolCall, context: CallContext, version: str) -> bytes:
    """The member `_meta`, with the comma before it; empty where there is nothing to say."""
    extra = _encode(meta_of(call, context))[1:-1]
    if version == MODERN:
        return b',"_meta":{%b%b%b}' % (_ENVELOPE, b"," if extra else b"", extra)
    return b',"_meta":{%b}' % extra if extra else b""


def refusal(source: str, status: int) -> ToolwardError:
    """What it means that the server wants other credentials, or wants us elsewhere."""
    if 300 <= status < 400:
        return Unavailable(
            f"{source} answers with a redirect (HTTP {status}), and redirects are not followed.",
            hint="Give its configuration the final address.",
        )
    kind = NotProven if status == 401 else Unauthenticated
    return kind(f"{source} refused us (HTTP {status}).", hint="Give its configuration the right token.")
