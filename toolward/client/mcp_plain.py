"""A plain call over MCP's Streamable HTTP by the short path: one request over the keep-alive pool, and the result
as the bytes that came. What is not plain (sessions, progress, mirrored arguments) goes by the SDK's client; one
suite runs over both."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from mcp import MCPError
from msgspec import UNSET, Raw, UnsetType

from toolward.errors import InvalidResult, ToolwardError, Unauthenticated, Unavailable
from toolward.outbound.pool import NO_HEADERS, Pool
from toolward.outbound.reach import Reach
from toolward.outbound.replies import Response
from toolward.outbound.sse import EventReader
from toolward.schema import MAX_DEPTH, depth_exceeds
from toolward.wire.mcp import MODERN

_ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
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
        name: str,
        arguments: bytes,
        meta: Mapping[str, Any],
        version: str,
        proof: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """The JSON text of a `CallToolResult`. `arguments` must be proven JSON: they go out as they are. `proof`
        are headers that say whose call it is. It has no deadline: cancelling it closes the connection, and that
        stops the call over there.

        Raises MCPError for the error that the server answered, Unauthenticated, Unavailable, InvalidResult, Denied.
        An answer to another request than this one is not taken, and its connection is not used again.
        """
        self._last_id = id_ = self._last_id + 1
        headers = self._headers | {"mcp-protocol-version": version}
        if proof:
            headers |= proof
        if version == MODERN:
            headers |= {"mcp-method": "tools/call", "mcp-name": name}
            meta = _ENVELOPE | dict(meta)
        members = b'"name":%b,"arguments":%b' % (_encode(name), arguments)
        if meta:
            members += b',"_meta":%b' % _encode(meta)
        body = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{%b}}' % (id_, members)
        answers: list[_Answer] = []
        response = await self._pool.request(
            "POST",
            self._path,
            headers,
            body,
            timeout=None,
            accept=lambda response: answers.extend(self._answers(response, id_)),
        )
        for answer in answers:
            if answer.error is not UNSET:
                error = answer.error
                raise MCPError(code=error.code, message=error.message, data=error.data)
            if answer.result is not UNSET:
                return bytes(answer.result)
        raise Unavailable(f"{self._source} answered HTTP {response.status} with no result.")

    def _answers(self, response: Response, id_: int) -> Iterator[_Answer]:
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
            yield answer
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


def refusal(source: str, status: int) -> ToolwardError:
    """What it means that the server wants other credentials, or wants us elsewhere."""
    if 300 <= status < 400:
        return Unavailable(
            f"{source} answers with a redirect (HTTP {status}), and redirects are not followed.",
            hint="Give its configuration the final address.",
        )
    kind = NotProven if status == 401 else Unauthenticated
    return kind(f"{source} refused us (HTTP {status}).", hint="Give its configuration the right token.")
