"""Replies that are read as they come, and TLS. On both event loops."""

import asyncio
from typing import Any

import pytest

from tests.integration.certificates import TlsPair, tls_pair
from tests.integration.raw_server import CHUNKED, OK, Line, always, once, serving
from toolward.errors import DeadlineExceeded, InvalidResult, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.pool import Pool
from toolward.outbound.replies import HIGH_WATER

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


# --- streams --------------------------------------------------------------------------------------------


async def test_a_stream_gives_each_piece_when_it_comes_and_keeps_the_connection() -> None:
    more = asyncio.Event()

    async def behave(line: Line) -> None:
        while True:
            await line.request()
            await line.send(CHUNKED + b"1\r\na\r\n")
            await more.wait()
            await line.send(b"1\r\nb\r\n0\r\n\r\n")

    async with serving(behave) as served, Pool(served.url) as pool:
        for _ in range(2):
            more.clear()
            pieces: list[bytes] = []
            async with pool.stream("GET", "/") as response:
                assert response.status == 200
                async for piece in response:
                    pieces.append(piece)
                    more.set()
            assert pieces == [b"a", b"b"]
        assert len(served.lines) == 1


async def test_leaving_a_stream_early_closes_its_connection() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED + b"1\r\na\r\n")
        await line.until_left()

    async with serving(behave) as served, Pool(served.url) as pool:
        async with pool.stream("GET", "/") as response:
            assert await anext(response) == b"a"
        await served.lines[0].closed.wait()
        assert pool.connections.open == 0


async def test_a_stream_that_falls_silent_ends_by_its_idle_timeout() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED + b"1\r\na\r\n")
        await line.until_left()

    async with serving(behave) as served, Pool(served.url) as pool:
        async with pool.stream("GET", "/", idle_timeout=0.05) as response:
            assert await anext(response) == b"a"
            with pytest.raises(DeadlineExceeded, match="sent nothing for"):
                await anext(response)
        await served.lines[0].closed.wait()


@pytest.mark.parametrize(
    ("tail", "error"), [(b"", Interrupted), (b"nonsense\r\n", InvalidResult), (b"3e8\r\n", InvalidResult)]
)
async def test_what_came_of_a_stream_is_given_before_its_failure(tail: bytes, error: type[Exception]) -> None:
    pieces = (CHUNKED + b"1\r\na\r\n", tail and tail + b"a" * 1000)
    async with serving(once(*pieces)) as served, Pool(served.url, max_body=900) as pool:
        async with pool.stream("GET", "/") as response:
            assert await anext(response) == b"a"
            with pytest.raises(error):
                await anext(response)
        assert pool.connections.idle == 0


async def test_a_slow_reader_makes_the_far_end_wait() -> None:
    size, piece = 64 * 1024 * 1024, b"a" * 65536
    sent_all = asyncio.Event()

    async def behave(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            await line.send(piece)
        sent_all.set()
        await line.until_left()

    async with serving(behave) as served, Pool(served.url) as pool:
        async with pool.stream("GET", "/", max_body=size) as response:
            read = len(await anext(response))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await sent_all.wait()
            async for chunk in response:
                read += len(chunk)
        assert read == size
        assert pool.connections.idle == 1


async def test_a_stream_that_came_whole_but_was_not_read_leaves_the_connection_usable() -> None:
    size = HIGH_WATER + 1  # its last byte makes the far end wait, and completes the reply
    body = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"a" * size

    async with serving(always(body)) as served, Pool(served.url) as pool:
        async with pool.stream("GET", "/"):
            for _ in range(2_000):  # passes of the loop, in which all of it arrives
                await asyncio.sleep(0)
        assert len((await pool.request("GET", "/", timeout=5)).body) == size
        assert len(served.lines) == 1


# --- TLS ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return tls_pair(tmp_path_factory.mktemp("tls"))


async def test_https_with_a_known_certificate_and_with_an_unknown_one(tls: TlsPair) -> None:
    async with serving(always(OK), tls.server) as served:
        async with Pool(served.url, tls=tls.client) as pool:
            for _ in range(3):
                assert (await pool.request("POST", "/")).body == b"ok"
            assert len(served.lines) == 1
        async with Pool(served.url) as pool:
            with pytest.raises(Unavailable, match="its certificate is not trusted"):
                await pool.request("POST", "/")


async def test_https_to_a_port_without_tls(tls: TlsPair) -> None:
    async def behave(line: Line) -> None:
        await line.reader.read(10)
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(behave) as served:
        secure = served.url.replace("http:", "https:")
        async with Pool(secure, tls=tls.client) as pool:
            with pytest.raises(Unavailable, match="does not speak TLS"):
                await pool.request("GET", "/")
