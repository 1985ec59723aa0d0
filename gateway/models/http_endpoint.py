"""A model endpoint over HTTP, whatever wire it speaks: the exchange, its bounds and its deadline, and the errors
that name the endpoint. What is sent and what comes back is the wire's."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NoReturn, Self, TypeVar

import httpx
import msgspec

from gateway.core.ports import EndpointFacts, ModelPort, ModelReply, ModelRequest, OnPiece
from gateway.models.failures import Endpoint
from gateway.models.wire import Reader, Reported, Wire
from toolward.errors import ConfigurationError, InvalidResult
from toolward.outbound.egress import Origins
from toolward.outbound.for_httpx import HttpxTransport
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.sse import EventReader

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply, streamed or whole."""

_MAX_REFUSAL = 64 * 1024  # bytes of a refusal's body that are looked at
_SHORTEST_SECRET = 8  # characters; an extra header's shorter value is a flag
_SENDABLE = re.compile(r"[!-~]*")
_LAST_WORDS = 0.02  # seconds after a reply's last event, for the end that lets the connection be used again
_NO_TIMEOUT = httpx.Timeout(None)  # one deadline is set around the whole reply

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
        client: httpx.AsyncClient | None = None,
        key_setting: str = "",
        reach: Reach = PUBLIC,
        stream: bool = True,
        facts: EndpointFacts | None = None,
    ) -> None:
        """`base_url` is what comes before the wire's path and mostly ends in `/v1`. `timeout` in seconds bounds
        every reply, whatever a request allows. `key_setting` says in errors where the key is set. `reach` says
        where the endpoint's name may lead. `stream` says whether replies are streamed to who asks for pieces.
        A `client` that is given stays the giver's to close. Raises ConfigurationError."""
        key = api_key.strip()
        extra = dict(headers or {})
        setting = key_setting or f"the api_key of the model endpoint {name!r}"
        _check_sendable(key, f"API key of the model endpoint {name!r}", setting)
        for header, value in extra.items():
            _check_sendable(value.replace(" ", ""), f"header {header!r} of the model endpoint {name!r}", "it")
        origins = Origins([base_url])
        self._url = httpx.URL(_url(base_url, wire.path))
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
        self._owns_client = client is None
        self._client = client or httpx.AsyncClient(
            transport=HttpxTransport(origins, max_body=MAX_REPLY, reach=reach), trust_env=False
        )

    def __repr__(self) -> str:
        return f"<HttpEndpoint {self.facts.name!r} at {self._endpoint.base_url}, model {self.facts.model!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._owns_client:
            await self._client.aclose()

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
        except httpx.HTTPError as error:
            self._raise_for(error, seconds)
        reply = self._read(reader.reply)
        return msgspec.structs.replace(reply, endpoint=self.facts.name)

    async def _exchange(self, body: bytes, reader: Reader, *, streamed: bool) -> None:
        headers = {**self._headers, "accept": "text/event-stream" if streamed else "application/json"}
        async with self._client.stream(
            "POST", self._url, content=body, headers=headers, timeout=_NO_TIMEOUT, follow_redirects=False
        ) as response:
            if not response.is_success:
                said = await _beginning(response)
                raise self._endpoint.refused(response.status_code, response.headers, said)
            if streamed and "json" not in response.headers.get("content-type", ""):
                await self._read_events(response, reader)
            else:  # also where an endpoint does not stream
                whole = b"".join([piece async for piece in self._pieces(response)])
                self._read(lambda: reader.whole(whole))

    async def _read_events(self, response: httpx.Response, reader: Reader) -> None:
        events = EventReader(str(self._endpoint))
        any_came = False
        pieces = self._pieces(response)
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

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > MAX_REPLY:
                raise self._endpoint.malformed(f"it is over {MAX_REPLY:,} bytes")
            yield piece

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

    def _raise_for(self, error: httpx.HTTPError, seconds: float) -> NoReturn:
        if isinstance(error.__cause__, InvalidResult):
            raise self._endpoint.malformed(error.__cause__.message.rstrip(".")) from None
        if isinstance(error, httpx.DecodingError):
            raise self._endpoint.malformed("its content encoding is broken") from None
        if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
            raise self._endpoint.too_late(seconds) from None
        if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
            raise self._endpoint.interrupted() from None
        raise self._endpoint.unreachable(str(error) or type(error).__name__) from None


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
    with contextlib.suppress(TimeoutError, httpx.HTTPError, InvalidResult):
        async with asyncio.timeout(_LAST_WORDS):
            async for _ in pieces:
                pass


async def _beginning(response: httpx.Response) -> bytes:
    """As much of a refusal as is worth reading."""
    found = b""
    async for piece in response.aiter_bytes():
        found += piece
        if len(found) >= _MAX_REFUSAL:
            break
    return found[:_MAX_REFUSAL]


def _reason(error: ValueError) -> str:
    """A UnicodeDecodeError would quote the whole reply in its repr; its reason is enough."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not valid UTF-8 at byte {error.start}"
    return str(error)
