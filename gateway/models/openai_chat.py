"""A model endpoint that speaks OpenAI chat completions: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, LiteLLM and
most hosted vendors."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import NoReturn, Self

import httpx
import msgspec

from gateway.core.ports import ModelPort, ModelReply, ModelRequest, ModelTool, OnPiece
from gateway.models.chat_reply import ReplyBuilder
from gateway.models.chat_wire import Completion, decode, encode_request, encode_tools
from gateway.models.failures import Endpoint
from toolward.errors import ConfigurationError, InvalidResult
from toolward.outbound.egress import Origins
from toolward.outbound.for_httpx import HttpxTransport
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.sse import EventReader

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply, streamed or whole."""

_MAX_REFUSAL = 64 * 1024  # bytes of a refusal's body that are looked at
_TOOL_LISTS = 64  # encoded lists that are kept; one per agent is the usual number
_SHORTEST_SECRET = 8  # characters; an extra header's shorter value is a flag
_SENDABLE = re.compile(r"[!-~]*")
_NO_TIMEOUT = httpx.Timeout(None)  # one deadline is set around the whole reply


class OpenAIChat(ModelPort):
    """One endpoint and one model. Its API key is sent in a header and stands in no error, log line or repr."""

    def __init__(
        self,
        name: str,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        timeout: float = 120.0,
        headers: Mapping[str, str] | None = None,
        client: httpx.AsyncClient | None = None,
        key_setting: str = "",
        reach: Reach = PUBLIC,
    ) -> None:
        """`base_url` is what comes before `/chat/completions` and mostly ends in `/v1`. `timeout` in seconds
        bounds every reply, whatever a request allows. `key_setting` says in errors where the key is set.
        `reach` says where the endpoint's name may lead. A `client` that is given stays the giver's to close.
        Raises ConfigurationError."""
        key = api_key.strip()
        extra = dict(headers or {})
        setting = key_setting or f"the api_key of the model endpoint {name!r}"
        _check_sendable(key, f"API key of the model endpoint {name!r}", setting)
        for header, value in extra.items():
            _check_sendable(value.replace(" ", ""), f"header {header!r} of the model endpoint {name!r}", "it")
        origins = Origins([base_url])
        self._url = _url(base_url)
        self._model = model
        self._timeout = timeout
        self._headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "toolward",
            **({"authorization": f"Bearer {key}"} if key else {}),
            **extra,
        }
        secrets = [key, *(value for value in extra.values() if len(value) >= _SHORTEST_SECRET)]
        self._endpoint = Endpoint(name, base_url, model, key_setting=setting, secrets=secrets)
        self._tool_lists: dict[int, tuple[tuple[ModelTool, ...], msgspec.Raw]] = {}
        self._owns_client = client is None
        self._client = client or httpx.AsyncClient(
            transport=HttpxTransport(origins, max_body=MAX_REPLY, reach=reach), trust_env=False
        )

    def __repr__(self) -> str:
        return f"<OpenAIChat {self._endpoint.name!r} at {self._endpoint.base_url}, model {self._model!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._owns_client:
            await self._client.aclose()

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        """One reply, streamed where `on_piece` is given. Raises what ModelPort says, and ConfigurationError for
        an unknown model or address (404), InvalidRequest for a request that the endpoint refuses (400).

        A reply of stop `length` was cut off: its last tool call may be incomplete."""
        seconds = min(self._timeout, request.timeout)
        body = encode_request(self._model, request.messages, self._tools(request.tools), on_piece is not None)
        builder = ReplyBuilder(on_piece)
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(body, builder, streamed=on_piece is not None)
        except TimeoutError:
            raise self._endpoint.too_late(seconds) from None
        except httpx.HTTPError as error:
            self._raise_for(error, seconds)
        try:
            return builder.reply(len(request.messages))
        except ValueError as error:
            raise self._endpoint.malformed(str(error)) from None

    async def _exchange(self, body: bytes, builder: ReplyBuilder, *, streamed: bool) -> None:
        headers = {**self._headers, "accept": "text/event-stream" if streamed else "application/json"}
        async with self._client.stream(
            "POST", self._url, content=body, headers=headers, timeout=_NO_TIMEOUT, follow_redirects=False
        ) as response:
            if not response.is_success:
                said = await _beginning(response)
                raise self._endpoint.refused(response.status_code, response.headers, said)
            if streamed and "json" not in response.headers.get("content-type", ""):
                await self._read_events(response, builder)
            else:  # also where an endpoint does not stream
                self._add(b"".join([piece async for piece in self._pieces(response)]), builder, whole=True)

    async def _read_events(self, response: httpx.Response, builder: ReplyBuilder) -> None:
        events = EventReader(str(self._endpoint))
        any_came = False
        async for piece in self._pieces(response):
            for event in events.feed(piece):
                if event.data == b"[DONE]":
                    return
                any_came = True
                self._add(event.data, builder, whole=False)
        if not any_came:
            raise self._endpoint.malformed("it holds no events")
        if not builder.finished:
            raise self._endpoint.interrupted()

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > MAX_REPLY:
                raise self._endpoint.malformed(f"it is over {MAX_REPLY:,} bytes")
            yield piece

    def _add(self, raw: bytes, builder: ReplyBuilder, *, whole: bool) -> None:
        try:
            part: Completion = decode(raw)
        except ValueError as error:  # no UTF-8, no JSON, not the shape
            raise self._endpoint.malformed(_reason(error)) from None
        if part.error:
            raise self._endpoint.reported(part.error)
        if whole and not part.choices:
            raise self._endpoint.malformed("it holds no choices")
        builder.add(part)

    def _tools(self, tools: tuple[ModelTool, ...]) -> msgspec.Raw | None:
        """Encoded once for as long as the same tuple comes: of hundreds of tools that is most of a turn."""
        if not tools:
            return None
        kept = self._tool_lists.get(id(tools))  # the tuple is kept with it, so the id stays its own
        if kept is None:
            if len(self._tool_lists) >= _TOOL_LISTS:
                self._tool_lists.clear()
            kept = self._tool_lists[id(tools)] = (tools, encode_tools(tools))
        return kept[1]

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


def _url(base_url: str) -> str:
    if "?" in base_url or "#" in base_url:
        raise ConfigurationError(
            "The base URL of a model endpoint can hold no query.", hint="Set such values as extra headers."
        )
    return f"{base_url.rstrip('/')}/chat/completions"


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
