"""The scripted endpoint itself: a real HTTP server on loopback that speaks all three wires.

    async with scripted_endpoint() as endpoint:
        endpoint.script([calls(("crm__get", {"id": "ORD-1007"})), says("It arrived damaged.")])
        ... a model at endpoint.url, by whichever wire ...

The path says the wire. Each request is recorded, and held against the service's types and rules: one that breaks
them is answered with 400 and makes the test fail when the endpoint closes. A request that the script has no reply
for is answered with 500, so that no test passes by accident.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.endpoints.chat import ChatSpeech
from tests.endpoints.messages import MessagesSpeech
from tests.endpoints.responses import ResponsesSpeech
from tests.endpoints.script import Failure, Raw, Reply, Silence, Step
from tests.endpoints.speech import Given, Speech, WireName
from tests.integration.raw_server import Line, serving

SPEECHES: dict[WireName, Speech] = {
    "openai_chat": ChatSpeech(),
    "openai_responses": ResponsesSpeech(),
    "anthropic_messages": MessagesSpeech(),
}
_PATHS: dict[str, WireName] = {
    "/chat/completions": "openai_chat",
    "/responses": "openai_responses",
    "/messages": "anthropic_messages",
}
_MODELS = b'{"object":"list","data":[{"id":"scripted","object":"model"}]}'
_JSON = {"content-type": "application/json"}
_STREAM = {"content-type": "text/event-stream; charset=utf-8"}
_NO_UTF8 = b'data: {"type":"\xff\xfe","id":"\xff\xfe"}\n\n'
_NO_JSON = b'data: {"text": broken\n\n'


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedEndpoint:
    def __init__(self, *, checks: bool) -> None:
        self._checks = checks
        self.requests: list[Request] = []
        self.faults: list[str] = []
        self.url = ""  # ends in /v1
        self.connections = 0
        self.left = asyncio.Event()  # a client has gone before it was answered
        self.stalled = asyncio.Event()  # a reply has come to where it stalls
        self._steps: list[Step] = []
        self._answer_with: Callable[[Request], Step] | None = None
        self._given: list[Given] = []
        self._count = 0

    def script(self, steps: Iterable[Step]) -> None:
        """Add to what is answered, one step for each request of a reply."""
        self._steps.extend(steps)

    def answer_with(self, step: Callable[[Request], Step]) -> None:
        """What answers a request that the script has no step for."""
        self._answer_with = step

    async def behave(self, line: Line) -> None:
        self.connections += 1
        try:
            while (request := await _read(line)) is not None:
                if not await self._answer(request, line):
                    break
        except ConnectionError:
            self.left.set()

    async def _answer(self, request: Request, line: Line) -> bool:
        """Whether the connection goes on."""
        if request.path == "/v1/models":
            return await _send(line, Raw((_MODELS,)))
        self.requests.append(request)
        path = request.path.partition("?")[0]
        known: WireName | None = next((_PATHS[end] for end in _PATHS if path.endswith(end)), None)
        speech = SPEECHES[known or "openai_chat"]  # at another path, what a script says is sent as it is
        if known and self._checks and (faults := self._faults(request, speech)):
            self.faults += faults
            return await self._fail(line, speech, Failure(400, f"breaks the rules: {'; '.join(faults)}"))
        match self._next(request):
            case Silence():
                return await self._stall(line)
            case Failure() as failure:
                return await self._fail(line, speech, failure)
            case Raw() as raw:
                return await _send(line, raw)
            case Reply() as reply:
                return await self._say(line, speech, reply, stream=bool(request.json.get("stream")))

    def _next(self, request: Request) -> Step:
        if self._steps:
            return self._steps.pop(0)
        return self._answer_with(request) if self._answer_with else Failure(500, "the script is at its end")

    def _faults(self, request: Request, speech: Speech) -> list[str]:
        try:
            body = request.json
        except ValueError as error:
            return [f"the body is no JSON: {error}"]
        if not isinstance(body, dict):
            return ["the body is no object"]
        return speech.faults(body, request.headers, self._given)

    async def _fail(self, line: Line, speech: Speech, failure: Failure) -> bool:
        body = json.dumps(speech.failure(failure)).encode()
        return await _send(line, Raw((body,), failure.status, _JSON | failure.headers))

    async def _say(self, line: Line, speech: Speech, reply: Reply, *, stream: bool) -> bool:
        how, number = reply.sending, self._count + 1
        if not how.then:  # one that does not come to its end is said again, as the same
            self._count = number
            self._given.append(speech.given(reply, number))
        if stream and not how.whole:
            pieces = _pieces(speech, reply, number)
            await _open(line, _STREAM | {"cache-control": "no-cache"})
        else:
            body = json.dumps(speech.whole(reply, number), ensure_ascii=False).encode()
            pieces = [body[: max(1, round(len(body) * how.until))]] if how.then else [body]
            await _open(line, _JSON)
        for piece in pieces:
            for start in range(0, len(piece), how.size or len(piece)):
                await line.send(_chunk(piece[start : start + (how.size or len(piece))]))
        if how.then == "stall":
            return await self._stall(line)
        if how.then == "cut":  # in the middle of the body, as far as HTTP goes
            return False
        await line.send(b"0\r\n\r\n")
        return True

    async def _stall(self, line: Line) -> bool:
        self.stalled.set()
        await line.until_left()
        self.left.set()
        return False


@contextlib.asynccontextmanager
async def scripted_endpoint(
    tls: ssl.SSLContext | None = None, *, checks: bool = True
) -> AsyncGenerator[ScriptedEndpoint]:
    """An endpoint that nobody has scripted yet. Raises AssertionError at its end for requests that no service
    would have taken. `checks` is off for a vendor with fields of its own, and for what lies below the wires."""
    endpoint = ScriptedEndpoint(checks=checks)
    async with serving(endpoint.behave, tls) as served:
        endpoint.url = f"{served.url}/v1"
        yield endpoint
    assert not endpoint.faults, "\n".join(endpoint.faults)


async def _read(line: Line) -> Request | None:
    try:
        head, body = await line.request()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, headers, body)


def _pieces(speech: Speech, reply: Reply, number: int) -> list[bytes]:
    """A stream's events as bytes, with what comes between, and what ends them too early."""
    how = reply.sending
    end = "\r\n" if how.crlf else "\n"
    encoded = [event.encode(end) for event in speech.streamed(reply, number)]
    if how.then:
        encoded = encoded[: max(1, round(len(encoded) * how.until))]
    if how.noise:
        noise = speech.noise()
        first, *rest = encoded
        encoded = [first]
        for place, event in enumerate(rest[:-1]):
            encoded += [noise[place % len(noise)], event]
        encoded += rest[-1:]  # nothing comes between the last two, as with the services
    encoded += {
        "error": [speech.broken_off(how.error, number).encode(end)],
        "invalid_utf8": [_NO_UTF8],
        "no_json": [_NO_JSON],
    }.get(how.then, [])
    return [b"".join(encoded)] if how.size else encoded


async def _open(line: Line, headers: dict[str, str]) -> None:
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in headers.items())]
    await line.send("\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _send(line: Line, raw: Raw) -> bool:
    """Whether the connection goes on."""
    lines = [f"HTTP/1.1 {raw.status} Scripted", *(f"{name}: {value}" for name, value in raw.headers.items())]
    streamed = "event-stream" in raw.headers.get("content-type", "")
    size = sum(map(len, raw.pieces)) + (1 if raw.cut else 0)
    lines.append("transfer-encoding: chunked" if streamed else f"content-length: {size}")
    await line.send("\r\n".join([*lines, "", ""]).encode())
    for piece in raw.pieces:
        await line.send(_chunk(piece) if streamed else piece)
    if streamed and not raw.cut:
        await line.send(b"0\r\n\r\n")
    return not raw.cut
