"""A model endpoint over HTTP, whatever wire it speaks: the exchange, its bounds and its deadline, and the errors
that name the endpoint. What is sent and what comes back is the wire's."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self, TypeVar

import httpx
import msgspec

from gateway.core.ports import EndpointFacts, ModelPort, ModelReply, ModelRequest, OnPiece
from gateway.models.exchange import MAX_REPLY, Answer, Exchange
from gateway.models.failures import Endpoint
from gateway.models.surrogates import whole_characters
from gateway.models.wire import Reader, Reported, Wire
from toolward.errors import ConfigurationError, ToolwardError
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.sse import Event, EventReader

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
        transport: httpx.AsyncBaseTransport | None = None,
        key_setting: str = "",
        reach: Reach = PUBLIC,
        stream: bool = True,
        facts: EndpointFacts | None = None,
    ) -> None:
        """`base_url` is what comes before the wire's path and mostly ends in `/v1`. `timeout` in seconds bounds
        every reply, whatever a request allows. `key_setting` says in errors where the key is set. `reach` says
        where the endpoint's name may lead. `stream` says whether replies are streamed to who asks for pieces.
        A `transport` that is given stays the giver's to close. Raises ConfigurationError."""
        key = api_key.strip()
        extra = dict(headers or {})
        setting = key_setting or f"the api_key of the model endpoint {name!r}"
        _check_all_sendable(name, key, setting, extra)
        url = _url(base_url, wire.path)
        self._wire = wire
        self._timeout = timeout
        self._stream = stream
        self.facts = msgspec.structs.replace(facts or EndpointFacts(), name=name)
        self._headers = {streamed: _headers(wire, key, extra, streamed) for streamed in (True, False)}
        secrets = [key, *(value for value in extra.values() if len(value) >= _SHORTEST_SECRET)]
        self._endpoint = Endpoint(
            name, base_url, self.facts.model, path=wire.path, key_setting=setting, secrets=secrets
        )
        self._exchange = Exchange(url, reach, transport)

    def __repr__(self) -> str:
        return f"<HttpEndpoint {self.facts.name!r} at {self._endpoint.base_url}, model {self.facts.model!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._exchange.aclose()

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
                await self._ask(body, reader, streamed=streamed)
        except TimeoutError:
            raise self._endpoint.too_late(seconds) from None
        reply = self._read(reader.reply)
        return msgspec.structs.replace(reply, endpoint=self.facts.name)

    async def _ask(self, body: bytes, reader: Reader, *, streamed: bool) -> None:
        async with contextlib.AsyncExitStack() as stack:
            try:
                exchange = self._exchange.post(self._headers[streamed], body)
                answer = await stack.enter_async_context(exchange)
            except ToolwardError as error:
                raise self._endpoint.broke(error) from None
            if not 200 <= answer.status < 300:
                said = await self._beginning(answer)
                raise self._endpoint.refused(answer.status, answer.headers, said)
            kind = answer.headers.get("content-type", "")
            if "event-stream" in kind or (streamed and "json" not in kind):
                await self._read_events(answer, reader)
            else:  # also where an endpoint does not stream, as others stream unasked
                whole = b"".join([piece async for piece in self._pieces(answer)])
                self._read(lambda: reader.whole(whole_characters(whole)))

    async def _read_events(self, answer: Answer, reader: Reader) -> None:
        events = EventReader(str(self._endpoint))
        any_came = False
        pieces = self._pieces(answer)
        async for piece in pieces:
            found = events.feed(piece)
            any_came = any_came or bool(found)
            if self._read(lambda found=found: _take(found, reader)):
                await _see_the_end(pieces)
                return
        if not any_came:
            raise self._endpoint.malformed("it holds no events")
        if not reader.finished:
            raise self._endpoint.interrupted()

    async def _pieces(self, answer: Answer) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in answer.body:
                size += len(piece)
                if size > MAX_REPLY:
                    raise self._endpoint.malformed(f"it is over {MAX_REPLY:,} bytes")
                yield piece
        except ToolwardError as error:
            raise self._endpoint.broke(error) from None

    async def _beginning(self, answer: Answer) -> bytes:
        """As much of a refusal as is worth reading."""
        found = b""
        async for piece in self._pieces(answer):
            found += piece
            if len(found) >= _MAX_REFUSAL:
                break
        return found[:_MAX_REFUSAL]

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


def _headers(wire: Wire, key: str, extra: Mapping[str, str], streamed: bool) -> dict[str, str]:
    return {
        "accept": "text/event-stream" if streamed else "application/json",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "toolward",
        **wire.headers(key),
        **{header.lower(): value for header, value in extra.items()},
    }


def _check_all_sendable(name: str, key: str, setting: str, extra: Mapping[str, str]) -> None:
    _check_sendable(key, f"API key of the model endpoint {name!r}", setting)
    for header, value in extra.items():
        _check_sendable(value.replace(" ", ""), f"header {header!r} of the model endpoint {name!r}", "it")


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


def _take(events: list[Event], reader: Reader) -> bool:
    """Whether the last one was among them."""
    return any(reader.event(event.name, whole_characters(event.data)) for event in events)


async def _see_the_end(pieces: AsyncIterator[bytes]) -> None:
    """Whatever goes wrong here, the reply is whole."""
    with contextlib.suppress(TimeoutError, ToolwardError):
        async with asyncio.timeout(_LAST_WORDS):
            async for _ in pieces:
                pass


def _reason(error: ValueError) -> str:
    """A UnicodeDecodeError would quote the whole reply in its repr; its reason is enough."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not valid UTF-8 at byte {error.start}"
    return str(error)
