"""The short way of plain requests against uvicorn's parser alone: given the same bytes, in whatever pieces, both
hear the same requests in the same order, answer as often, and close or stay."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tests.fuzz.bytes import changed
from tests.fuzz.house import Finding
from tests.fuzz.shapes import CALL, HIDDEN, ODD_HEADERS, corpus
from toolward.doors.http_protocol import HELD_SECONDS, HttpProtocol, speaking
from toolward.doors.limits import Limits
from toolward.doors.patience import Connections
from toolward.doors.plain_head import PlainHead

Request = tuple[str, str, tuple[tuple[str, str], ...], bytes]


class Heard(NamedTuple):
    requests: tuple[Request, ...]
    answers: int
    refusals: int
    closed: bool
    bounded: bool
    """A bound of ours on heads was told (431), which the parser alone has not."""


class Pipe(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 9), "sockname": ("127.0.0.1", 8), "sslcontext": None})
        self.written = b""
        self.paused = self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.closed = True  # whoever was refused is heard out, and no more


class Recorder:
    """An application, and a door of plain requests, that note what they hear."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.short = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = sorted(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        target = scope["raw_path"].decode("latin-1") + "?" * bool(scope["query_string"])
        self.requests.append((scope["method"], target, tuple(headers), body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def begin(self, head: PlainHead, body: bytes) -> Coroutine[Any, Any, bytes] | None:
        if len(body) != head.length:
            raise AssertionError("a body of another length")
        self.short += 1

        async def answer() -> bytes:
            await asyncio.sleep(0)
            self.requests.append(
                (
                    "POST",
                    "/mcp",
                    tuple(sorted(pair for pair in head.headers.items() if pair[0][0] != ":")),
                    body,
                )
            )
            return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

        return answer()


@cache
def _config() -> uvicorn.Config:
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off", "ws": "none"}
    config = uvicorn.Config(Recorder(), server_header=False, date_header=False, **quiet)
    config.load()
    return config


class ParserAlone(HttpToolsProtocol):
    """uvicorn's, but that what a trailer says is no header (RFC 9110, 6.5.1): it takes those for headers that come
    in one piece with them."""

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()


async def hear(kind: type[HttpToolsProtocol], recorder: Recorder, pieces: Sequence[bytes]) -> Heard:
    """What comes of these bytes."""
    config = _config()
    config.loaded_app = recorder
    protocol = kind(config, ServerState(), {}, asyncio.get_running_loop())
    pipe = Pipe()
    protocol.connection_made(pipe)
    waiting = list(pieces)
    for _ in range(1_000):
        if pipe.closed or not waiting:
            break
        if not pipe.paused:
            protocol.data_received(waiting.pop(0))
        await asyncio.sleep(0)
    await _settled(protocol, pipe)
    closed = pipe.closed
    protocol.connection_lost(None)
    await asyncio.sleep(0)
    answers = pipe.written.count(b"HTTP/1.1 200")
    refusals = pipe.written.count(b"HTTP/1.1 ") - answers - pipe.written.count(b"HTTP/1.1 100")
    plain = [(*one[:1], one[1].replace("/mcp/", "/mcp"), *one[2:]) for one in recorder.requests]
    return Heard(tuple(plain), answers, refusals, closed, b"HTTP/1.1 431" in pipe.written)


async def _settled(protocol: HttpToolsProtocol, pipe: Pipe) -> None:
    """Until nothing goes on by itself any more."""
    held = isinstance(protocol, HttpProtocol)
    for _ in range(200):
        before = (pipe.written, pipe.closed)
        if held and protocol._holding is not None:  # pyright: ignore
            await asyncio.sleep(HELD_SECONDS * 1.2)
        for _ in range(6):
            await asyncio.sleep(0)
        if before == (pipe.written, pipe.closed) and not (held and protocol._holding):  # pyright: ignore
            return


async def compare(raw: bytes, chance: random.Random) -> int:
    """How many requests went the short way. Raises Finding."""
    pieces = _cut(raw, chance)
    parser, both = Recorder(), Recorder()
    expected = await hear(ParserAlone, parser, pieces)
    found = await hear(cast(type[HttpToolsProtocol], speaking(both, Connections(Limits()))), both, pieces)
    begun_alike = found.requests == expected.requests[: len(found.requests)]
    if begun_alike and (found.bounded or found.refusals > expected.refusals):
        return both.short  # a limit of ours, which the parser alone has not: nothing else was heard
    if found != expected:
        raise Finding(f"heard {str(found)[:2_000]}\n  and not {str(expected)[:2_000]}", pieces)
    return both.short


def _cut(raw: bytes, chance: random.Random) -> list[bytes]:
    """In one piece as often as not."""
    if chance.random() < 0.5 or len(raw) < 2:
        return [raw]
    places = sorted({chance.randrange(1, len(raw)) for _ in range(chance.randint(1, 3))})
    return [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]


async def differences(inputs: int, seed: int, progress: Any = lambda: None) -> int:
    """How many requests went the short way, of so many inputs: the whole corpus, then changes of it. Raises
    Finding."""
    chance = random.Random(seed)
    shapes = [shape.raw for shape in corpus() if len(shape.raw) < 10_000]
    plain = [raw for raw in shapes if raw.startswith(b"POST /mcp HTTP/1.1")]
    raws = shapes + [_next(chance, plain) for _ in range(inputs - len(shapes))]
    short = 0
    for start in range(0, len(raws), 64):
        done = await asyncio.gather(
            *(compare(raw, random.Random(start + n)) for n, raw in enumerate(raws[start : start + 64]))
        )
        short += sum(done)
        for _ in done:
            progress()
    return short


def _next(chance: random.Random, plain: Sequence[bytes]) -> bytes:
    match chance.randrange(4):
        case 0:
            return changed(chance, chance.choice(plain))
        case 1:
            return changed(chance, _near(chance))
        case 2:
            return b"".join(_near(chance) for _ in range(chance.randint(2, 4)))
        case _:
            return _near(chance) + chance.choice((b"", b"", b"", HIDDEN, b"\r\n", b"x"))


def _near(chance: random.Random) -> bytes:
    """A plain request, or one that is nearly that."""
    body = chance.choice((CALL, CALL, b"{}", b"", HIDDEN, b"[" * 70_000))
    named = [b"accept: */*", b"content-type: application/json", b"connection: keep-alive"]
    lines = [b"host: x", *chance.sample(named, chance.randint(0, 3))]
    lines += [_header(chance) for _ in range(chance.choice((0, 0, 1, 2)))]
    length = len(body) + (chance.choice((-1, 1, 30)) if chance.random() < 0.1 else 0)
    lines.append(b"content-length: %d" % max(length, 0))
    chance.shuffle(lines)
    if chance.random() < 0.2:
        lines = [bytes(line).title() for line in lines]
    target = chance.choice((b"/mcp", b"/mcp", b"/mcp", b"/mcp/", b"/mcp?a", b"/mcpx"))
    return b"POST " + target + b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body


def _header(chance: random.Random) -> bytes:
    if chance.random() < 0.15:
        return chance.choice(ODD_HEADERS).removesuffix(b"\r\n")
    letters = b"abcXYZ019-._~!#$%&'*+^`|" if chance.random() < 0.1 else b"abcxyz-"
    name = bytes(chance.choices(letters, k=chance.randint(1, 6)))
    value = bytes(chance.choices(range(32, 128 if chance.random() < 0.1 else 127), k=chance.randrange(12)))
    return (
        name
        + b":"
        + chance.choice((b"", b" ", b"\t", b"  \t "))
        + value
        + chance.choice((b"", b"", b"", b" "))
    )
