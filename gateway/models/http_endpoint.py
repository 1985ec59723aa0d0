"""A model endpoint over HTTP, whatever wire it speaks: the exchange, its bounds and its deadline, and the errors
that name the endpoint. What is sent and what comes back is the wire's."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from gateway.core.ports import EndpointFacts, ModelPort, ModelReply, ModelRequest, OnPiece
from gateway.models.content_encoding import decoded
from gateway.models.failures import Endpoint
from gateway.models.wire import Reader, Reported, Wire
from toolward.errors import ConfigurationError, DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.pool import Pool
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.replies import StreamedResponse
from toolward.outbound.sse import EventReader

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply, streamed or whole."""

_MAX_REFUSAL = 64 * 1024  # bytes of a refusal's body that are looked at
_SHORTEST_SECRET = 8  # characters; an extra header's shorter value is a flag
_SENDABLE = re.compile(r"[!-~]*")
_LAST_WORDS = 0.02  # seconds after a reply's last event, for the end that lets the connection be used again

_T = TypeVar("_T")


class HttpEndpoint(ModelPort):
    """One endpoint and one model. Its API key is sent in a header and stands in no error, log line or repr."""

    def __init__(
        self,
        name: str,
        base_url: str,
        wire: Wire,
        api_key: str = "",
        *,
        timeout: float = 120.0,
        headers: Mapping[str, str] | None = None,
        key_setting: str = "",
        reach: Reach = PUBLIC,
        stream: bool = True,
        facts: EndpointFacts | None = None,
    ) -> None:
        """`base_url` is what comes before the wire's path and mostly ends in `/v1`. `timeout` in seconds bounds
        every reply, whatever a request allows. `key_setting` says in errors where the key is set. `reach` says
        where the endpoint's name may lead. `stream` says whether replies are streamed to who asks for pieces.
        Raises ConfigurationError."""
        key = api_key.strip()
        extra = dict(headers or {})
        setting = key_setting or f"the api_key of the model endpoint {name!r}"
        _check_sendable(key, f"API key of the model endpoint {name!r}", setting)
        for header, value in extra.items():
            _check_sendable(value.replace(" ", ""), f"header {header!r} of the model endpoint {name!r}", "it")
        self._path = urlsplit(_url(base_url, wire.path)).path
        self._pool = Pool(base_url, max_body=MAX_REPLY, reach=reach)
        self._wire = wire
        self._timeout = timeout
        self._stream = stream
        self.facts = msgspec.structs.replace(facts or EndpointFacts(), name=name)
        self._headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "toolward",
            **wire.headers(key),
            **{header.lower(): value for header, value in extra.items()},
        }
        secrets = [key, *(value for value in extra.values() if len(value) >= _SHORTEST_SECRET)]
        self._endpoint = Endpoint(
            name, base_url, self.facts.model, path=wire.path, key_setting=setting, secrets=secrets
        )

    def __repr__(self) -> str:
        return f"<HttpEndpoint {self.facts.name!r} at {self._endpoint.base_url}, model {self.facts.model!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        """One reply, streamed where `on_piece` is given and the endpoint streams; where it does not, the text is
        one piece at the end. Raises what ModelPort says.

        A reply of stop `length` was cut off: its last tool call may be incomplete."""
        seconds = min(self._timeout, request.timeout)
        streamed = on_piece is not None and self._stream
        body = self._wire.encode(request, stream=streamed)
        reader = self._wire.reader(request, on_piece)
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(body, reader, streamed=streamed)
        except TimeoutError:
            raise self._endpoint.too_late(seconds) from None
        reply = self._read(reader.reply)
        return msgspec.structs.replace(reply, endpoint=self.facts.name)

    async def _exchange(self, body: bytes, reader: Reader, *, streamed: bool) -> None:
        headers = {**self._headers, "accept": "text/event-stream" if streamed else "application/json"}
        answered = False
        try:
            async with self._pool.stream("POST", self._path, headers, body, timeout=None) as response:
                answered = True
                await self._take(response, reader, streamed=streamed)
        except ToolwardError as error:
            if answered:
                raise
            raise self._meant(error) from None

    async def _take(self, response: StreamedResponse, reader: Reader, *, streamed: bool) -> None:
        pieces = self._pieces(response)
        if not 200 <= response.status < 300:
            raise self._endpoint.refused(response.status, response.headers, await _beginning(pieces))
        if streamed and "json" not in response.headers.get("content-type", ""):
            await self._read_events(pieces, reader)
        else:  # also where an endpoint does not stream
            whole = b"".join([piece async for piece in pieces])
            self._read(lambda: reader.whole(whole))

    async def _read_events(self, pieces: AsyncIterator[bytes], reader: Reader) -> None:
        events = EventReader(str(self._endpoint))
        any_came = False
        async for piece in pieces:
            for event in events.feed(piece):
                any_came = True
                if self._read(lambda event=event: reader.event(event.name, event.data)):
                    await _see_the_end(pieces)
                    return
        if not any_came:
            raise self._endpoint.malformed("it holds no events")
        if not reader.finished:
            raise self._endpoint.interrupted()

    async def _pieces(self, response: StreamedResponse) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in decoded(response, response.headers.get("content-encoding", "")):
                size += len(piece)
                if size > MAX_REPLY:
                    raise InvalidResult(f"it is over {MAX_REPLY:,} bytes")
                yield piece
        except ToolwardError as error:
            raise self._meant(error) from None

    def _read(self, read: Callable[[], _T]) -> _T:
        """What a reader says of what came, its ValueErrors as ours."""
        try:
            return read()
        except Reported as failure:
            raise self._endpoint.reported(failure.error) from None
        except RecursionError:
            raise self._endpoint.malformed("it is nested too deep") from None
        except ValueError as error:  # no UTF-8, no JSON, not the shape
            raise self._endpoint.malformed(_reason(error)) from None

    def _meant(self, error: ToolwardError) -> ToolwardError:
        """What went wrong on the way, as this endpoint's."""
        if isinstance(error, InvalidResult):
            return self._endpoint.malformed(error.message.rstrip("."))
        if isinstance(error, Interrupted):  # before the rest: it is an Unavailable too
            return self._endpoint.interrupted()
        if isinstance(error, Unavailable | DeadlineExceeded):
            return self._endpoint.unreachable(error.message)
        return error


def _check_sendable(value: str, what: str, setting: str) -> None:
    if not _SENDABLE.fullmatch(value):
        raise ConfigurationError(
            f"The {what} holds characters that no header may.",
            hint=f"Look for a line break, a space or a typographic quote in {setting}.",
        )


def _url(base_url: str, path: str) -> str:
    if "?" in base_url or "#" in base_url:
        raise ConfigurationError(
            "The base URL of a model endpoint can hold no query.", hint="Set such values as extra headers."
        )
    return base_url.rstrip("/") + path


async def _see_the_end(pieces: AsyncIterator[bytes]) -> None:
    """Whatever goes wrong here, the reply is whole."""
    with contextlib.suppress(TimeoutError, ToolwardError):
        async with asyncio.timeout(_LAST_WORDS):
            async for _ in pieces:
                pass


async def _beginning(pieces: AsyncIterator[bytes]) -> bytes:
    """As much of a refusal as is worth reading."""
    found = b""
    async for piece in pieces:
        found += piece
        if len(found) >= _MAX_REFUSAL:
            break
    return found[:_MAX_REFUSAL]


def _reason(error: ValueError) -> str:
    """A UnicodeDecodeError would quote the whole reply in its repr; its reason is enough."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not valid UTF-8 at byte {error.start}"
    return str(error)
