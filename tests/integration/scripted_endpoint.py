"""A model endpoint that plays a script: a real HTTP server that speaks OpenAI chat completions.

    async with scripted_endpoint() as endpoint:
        endpoint.script([calls(("crm__get_record", {"id": "ORD-1007"})), says("It arrived damaged.")])
        model = HttpEndpoint("scripted", endpoint.url, ChatWire(settings))

A `Turn` is sent as JSON or as a stream, as the request wants it. Every request is recorded in `requests`; one
that the script has no reply for is answered with 500, so that no test passes by accident.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Any

CHUNK = 7  # characters of text or arguments in one streamed fragment


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Turn:
    """What the model says: text, calls of tools (name and arguments), or both."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    finish: str = ""  # default: tool_calls where there are calls, else stop
    tokens: tuple[int, int] = (11, 7)


@dataclass(frozen=True)
class Raw:
    """Bytes as they are to be sent. `cut` closes the connection where more was announced."""

    pieces: tuple[bytes, ...]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    cut: bool = False


@dataclass(frozen=True)
class Silence:
    """No answer for as long as the client stays."""


Reply = Turn | Raw | Silence


def says(text: str, **more: Any) -> Turn:
    return Turn(text=text, **more)


def calls(*wanted: tuple[str, dict[str, Any]], text: str = "") -> Turn:
    return Turn(text=text, calls=wanted)


def refuses(status: int, message: str = "no", headers: dict[str, str] | None = None) -> Raw:
    body = json.dumps({"error": {"message": message, "type": "scripted"}}).encode()
    return Raw((body,), status, {"content-type": "application/json", **(headers or {})})


def events(*chunks: dict[str, Any] | str, cut: bool = False, done: bool = True) -> Raw:
    """A stream of exactly these chunks; a string is sent as the data that it is."""
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    if done and not cut:
        texts.append("[DONE]")
    pieces = tuple(f"data: {text}\n\n".encode() for text in texts)
    return Raw(pieces, 200, {"content-type": "text/event-stream"}, cut=cut)


def delta(*, finish: str | None = None, **said: Any) -> dict[str, Any]:
    """A chunk whose only choice says this."""
    return {"model": "scripted", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


class ScriptedEndpoint:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.url = ""
        self.connections = 0  # that were opened
        self.left = asyncio.Event()  # a client has gone before it was answered
        self._replies: list[Reply] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def script(self, replies: Iterable[Reply]) -> None:
        """Add to what is answered, one reply for each request of a completion."""
        self._replies.extend(replies)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
        except ConnectionError:
            self.left.set()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        if request.path == "/v1/models":
            await _send(writer, Raw((b'{"object":"list","data":[{"id":"scripted","object":"model"}]}',)))
            return True
        self.requests.append(request)
        reply = self._replies.pop(0) if self._replies else refuses(500, "the script is at its end")
        if isinstance(reply, Silence):
            await reader.read()  # until the client gives up
            self.left.set()
            return False
        if isinstance(reply, Turn):
            reply = _streamed(reply) if request.json.get("stream") else _whole(reply)
        await _send(writer, reply)
        return not reply.cut


@contextlib.asynccontextmanager
async def scripted_endpoint(tls: ssl.SSLContext | None = None) -> AsyncGenerator[ScriptedEndpoint]:
    endpoint = ScriptedEndpoint()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    endpoint.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        for _ in range(
            5
        ):  # who was let in a moment ago gets a task of their own, which closes what they have
            await asyncio.sleep(0)
        await endpoint.stop()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


async def _send(writer: asyncio.StreamWriter, reply: Raw) -> None:
    lines = [
        f"HTTP/1.1 {reply.status} Scripted",
        *(f"{key}: {value}" for key, value in reply.headers.items()),
    ]
    streamed = "event-stream" in reply.headers.get("content-type", "")
    size = sum(map(len, reply.pieces)) + (1 if reply.cut else 0)
    lines.append("transfer-encoding: chunked" if streamed else f"content-length: {size}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    for piece in reply.pieces:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if streamed else piece)
        await writer.drain()
    if streamed and not reply.cut:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _whole(turn: Turn) -> Raw:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [
            {"id": f"call_{place}", "type": "function", "function": _function(name, arguments)}
            for place, (name, arguments) in enumerate(turn.calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": _finish(turn)}
    body = {"id": "cmpl", "object": "chat.completion", "model": "scripted", "choices": [choice]}
    return Raw((json.dumps(body | {"usage": _usage(turn)}).encode(),))


def _streamed(turn: Turn) -> Raw:
    """Fragments of several calls take turns, as they may."""
    chunks = [delta(role="assistant", content="")]
    chunks += [delta(content=piece) for piece in _cut(turn.text)]
    queues: list[list[dict[str, Any]]] = []
    for index, (name, arguments) in enumerate(turn.calls):
        first = {"index": index, "id": f"call_{index}", "type": "function", "function": _function(name, None)}
        rest = [{"index": index, "function": {"arguments": part}} for part in _cut(json.dumps(arguments))]
        queues.append([first, *rest])
    while any(queues):
        chunks += [delta(tool_calls=[queue.pop(0)]) for queue in queues if queue]
    chunks.append(delta(finish=_finish(turn)))
    return events(*chunks, {"model": "scripted", "choices": [], "usage": _usage(turn)})


def _function(name: str, arguments: dict[str, Any] | None) -> dict[str, str]:
    return {"name": name, "arguments": "" if arguments is None else json.dumps(arguments)}


def _finish(turn: Turn) -> str:
    return turn.finish or ("tool_calls" if turn.calls else "stop")


def _usage(turn: Turn) -> dict[str, int]:
    sent, said = turn.tokens
    return {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}


def _cut(text: str) -> list[str]:
    return [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
