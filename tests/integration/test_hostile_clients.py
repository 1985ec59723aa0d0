"""Clients that take without giving, over real sockets: the HTTP door ends them, and serves the others meanwhile."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from gateway.servers.sse import EventStream, server_sent
from toolward.doors.address import parse_address
from toolward.doors.admittance import PEER
from toolward.doors.limits import Limits
from toolward.doors.plain_head import PlainHead
from toolward.doors.replies import reply
from toolward.doors.serve import http_server

QUICK = Limits(head_seconds=0.12, request_seconds=0.24, idle_seconds=0.24, unread_seconds=0.12)
ASK = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Says how many bytes it was sent; at `/events` it tells numbered events without end."""

    def __init__(self) -> None:
        self.told = 0
        self.hosts: list[bytes] = []
        self.left = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/events":
            await EventStream(self._events())(scope, receive, send)
            return
        self.hosts += [value for name, value in scope["headers"] if name == b"host"]
        size = 0
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.left.set()
                return
            size += len(event["body"])
            if not event["more_body"]:
                break
        await reply(send, 200, json.dumps({"bytes": size}).encode())

    async def _events(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                self.told += 1
                yield server_sent("news", "x" * 10_000, self.told)
        finally:
            self.left.set()


class Door:
    def __init__(self, app: App) -> None:
        self.port = 0
        self.app = app
        self.refused: list[str] = []
        self.turned_away = asyncio.Semaphore(0)

    def note(self, code: str) -> None:
        self.refused.append(code)
        self.turned_away.release()

    async def connect(self, **how: Any) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port, **how)


@asynccontextmanager
async def door(limits: Limits) -> AsyncGenerator[Door, None]:
    opened = Door(App())
    serving = http_server(
        opened.app, parse_address("127.0.0.1:0"), limits=limits, drain=1, refused=opened.note
    )
    async with asyncio.timeout(20), serving as opened.port:
        yield opened


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of one response."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers, json.loads(body)


async def trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    """A byte now and then, for as long as anybody takes them."""
    with suppress(ConnectionError):
        for byte in data * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("begun", "rest"),
    [(b"GET / HTTP/1.1\r\n", b"a: b\r\n"), (b"GET /", b"x"), (POST, b"x"), (ASK + b"GET /", b"x")],
    ids=["headers", "first line", "body", "second request"],
)
async def test_a_request_that_trickles_in_is_answered_408_and_ended(begun: bytes, rest: bytes) -> None:
    async with door(QUICK) as at:
        reader, writer = await at.connect()
        writer.write(begun)
        trickling = asyncio.create_task(trickle(writer, rest))
        status, headers, said = await answer(reader)
        if status == 200:
            status, headers, said = await answer(reader)
        assert (status, headers["connection"], said["code"]) == (408, "close", "deadline_exceeded")
        assert await reader.read() == b""
        trickling.cancel()
        writer.close()
        if begun is POST:
            await at.app.left.wait()  # whoever waited for the body was told
        assert at.refused == ["deadline_exceeded"]


async def test_who_asks_by_the_short_way_is_idle_only_when_it_stops_asking() -> None:
    """Also while an answer takes longer than an idle connection is kept."""

    class Plain:
        waited = asyncio.Event()

        def begin(self, head: PlainHead, body: bytes) -> Coroutine[Any, Any, bytes]:
            return self._answer(head.headers[PEER])

        async def _answer(self, peer: str) -> bytes:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.waited.wait(), 0.4)
            body = json.dumps({"peer": peer}).encode()
            return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    plain = Plain()
    ask = b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"
    serving = http_server(App(), parse_address("127.0.0.1:0"), limits=QUICK, drain=1, plain=plain)
    async with asyncio.timeout(20), serving as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(ask)
            assert (await answer(reader))[2] == {"peer": "127.0.0.1"}
            plain.waited.set()
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("asks", [b"", b"\r\n", ASK], ids=["nothing", "a blank line", "once"])
async def test_who_asks_nothing_more_is_closed_without_a_word(asks: bytes) -> None:
    async with door(QUICK) as at:
        reader, writer = await at.connect()
        writer.write(asks)
        if asks is ASK:
            assert (await answer(reader))[0] == 200
            writer.write(b"\r\n")  # what servers skip before a request must not keep the connection
        assert await reader.read() == b""
        writer.close()


async def test_a_thousand_idle_connections_from_one_address_are_turned_away_beyond_its_limit() -> None:
    async with door(Limits(connections_per_peer=20)) as at:
        held = [await at.connect() for _ in range(20)]
        for _ in range(4):
            flood = [socket.create_connection(("127.0.0.1", at.port)) for _ in range(245)]
            for _ in flood:
                await at.turned_away.acquire()
            reader, writer = await asyncio.open_connection(sock=flood[0])
            status, headers, said = await answer(reader)
            assert (status, headers["retry-after"], said["code"]) == (429, "1", "overloaded")
            writer.close()
            for one in flood[1:]:
                one.close()
        assert at.refused == ["overloaded"] * 980
        for reader, writer in held:
            writer.write(ASK)
            assert (await answer(reader))[0] == 200
            writer.close()
        reader, writer = await at.connect()
        while (got := await _asked(reader, writer))[0] != 200:  # until those that closed have been let go
            reader, writer = await at.connect()
        assert got[2] == {"bytes": 0}
        writer.close()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
    writer.write(ASK)
    return await answer(reader)


async def test_a_full_door_says_when_to_come_back() -> None:
    async with door(Limits(connections=1)) as at:
        first = await at.connect()
        reader, writer = await at.connect()
        status, headers, said = await answer(reader)
        assert (status, headers["retry-after"], said["code"]) == (503, "1", "unavailable")
        assert headers["content-type"] == "application/problem+json"
        for _, one in (first, (reader, writer)):
            one.close()


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"h%d: v\r\n" % number for number in range(10_000)),
        b"".join(b"h%d: v\r\n" % number for number in range(101)),
        b"long: " + b"x" * 40_000 + b"\r\n",
        b"endless: " + b"x" * 10_000_000,
    ],
    ids=["10,000 headers", "101 headers", "a long header", "a header without end"],
)
async def test_a_head_over_its_bounds_is_answered_431(head: bytes) -> None:
    async with door(Limits()) as at:
        reader, writer = await at.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n" + head + b"\r\n")
        status, _, said = await answer(reader)
        assert (status, said["code"], said["status"]) == (431, "too_large", 431)
        writer.transport.abort()
        assert at.refused == ["too_large"]


CHUNKED = b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "frame",
    [
        b"2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 100_000,
        b"2\r\n{}\r\n0\r\nendless: " + b"x" * 1_000_000,
        b"1\r\nx\r\n" * 100_000,
        b"1;" + b"x" * 1_000_000,
    ],
    ids=["trailers", "a trailer without end", "chunks of a byte", "an extension of a chunk"],
)
async def test_what_is_around_a_body_is_bounded(frame: bytes) -> None:
    """Trailers were kept without bound: two seconds of them took 3 GB."""
    async with door(Limits()) as at:
        reader, writer = await at.connect()
        writer.write(CHUNKED + frame)
        assert (await answer(reader))[0] == 431
        writer.transport.abort()
        assert at.refused == ["too_large"]


async def test_who_goes_on_after_its_answer_is_cut_off() -> None:
    async with door(Limits()) as at:
        reader, writer = await at.connect()
        writer.write(CHUNKED.replace(b"POST /", b"GET /events") + b"1\r\nx\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"1\r\nx\r\n" * 100_000)
        with suppress(ConnectionError):
            while await reader.read(65536):
                pass
        assert at.refused == ["too_large"]
        writer.transport.abort()


async def test_chunks_are_taken_and_a_trailer_is_no_header() -> None:
    async with door(Limits()) as at:
        reader, writer = await at.connect()
        pieces = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (b"x" * 70_000, b"yz" * 8, b"z" * 9))
        writer.write(CHUNKED + pieces + b"0\r\nhost: evil\r\n\r\n" + ASK)
        assert (await answer(reader))[2] == {"bytes": 70_025}
        assert (await answer(reader))[0] == 200
        assert at.app.hosts == [b"localhost", b"localhost"]
        writer.close()


@pytest.mark.parametrize(("count", "refused"), [(50, []), (2_000, ["too_large"])])
async def test_so_many_requests_may_wait_for_their_answers(
    count: int, refused: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with door(Limits()) as at:
        reader, writer = await at.connect()
        writer.write(ASK * count)
        if refused:
            assert (await answer(reader))[0] in (200, 431)
            with suppress(ConnectionError):
                while await reader.read(65536):
                    pass
        else:
            assert [(await answer(reader))[0] for _ in range(count)] == [200] * count
        assert at.refused == refused
        assert not [
            one for one in caplog.records if one.exc_info
        ]  # none of them tries to answer after the last words
        writer.transport.abort()


async def test_a_head_within_its_bounds_is_taken_however_it_comes() -> None:
    """Also behind a large body, and in pieces."""
    body = b"x" * 200_000
    first = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000\r\n\r\n" + body
    second = b"GET / HTTP/1.1\r\nhost: localhost\r\nlong: " + b"y" * 30_000 + b"\r\n\r\n"
    async with door(Limits()) as at:
        reader, writer = await at.connect()
        writer.write(first + second[:20])
        assert (await answer(reader))[2] == {"bytes": 200_000}
        writer.write(second[20:])
        assert (await answer(reader))[0] == 200
        assert at.refused == []
        writer.close()


async def test_a_reader_that_reads_nothing_is_cut_off_and_whatever_it_was_told_stops() -> None:
    """A watcher of a run goes on later by `Last-Event-ID`, from where it was."""
    async with door(QUICK) as at:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", at.port))
        await asyncio.get_running_loop().sock_sendall(
            narrow, b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n"
        )
        await at.app.left.wait()
        told = at.app.told
        await asyncio.sleep(0)
        assert at.app.told == told < 1000
        assert at.refused == ["deadline_exceeded"]
        narrow.close()
        reader, writer = await at.connect()
        assert (await _asked(reader, writer))[0] == 200
        writer.close()
