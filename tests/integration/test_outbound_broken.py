"""The pool against a server that breaks off, or answers what must not be taken. On both event loops."""

import asyncio
from typing import Any

import pytest

from tests.integration.raw_server import CHUNKED, OK, Line, always, once, serving, silent
from toolward.errors import InvalidResult, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.pool import Pool

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


# --- connections that break -----------------------------------------------------------------------------


async def test_nothing_listens() -> None:
    async with serving(silent) as served:
        url = served.url
    async with Pool(url) as pool:
        with pytest.raises(Unavailable) as caught:
            await pool.request("GET", "/")
        assert caught.value.message == f"Nothing answers at {url}: connection refused."
        assert "Start it" in caught.value.hint
        assert not isinstance(caught.value, Interrupted)  # nothing was sent


async def test_the_name_of_a_host_is_unknown() -> None:
    async with Pool("http://no-such-host.invalid:8710") as pool:
        with pytest.raises(Unavailable, match="its name cannot be resolved"):
            await pool.request("GET", "/")


async def test_those_who_wait_are_told_too_when_no_connection_can_be_made() -> None:
    async with serving(silent) as served:
        url = served.url
    async with Pool(url, limit=1) as pool:
        results = await asyncio.gather(*(pool.request("GET", "/") for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_new_connection_closed_without_an_answer_is_not_tried_again(method: str) -> None:
    async with serving(once()) as served, Pool(served.url) as pool:
        with pytest.raises(Interrupted, match="closed the connection without an answer") as caught:
            await pool.request(method, "/")
        assert "look before you repeat it" in caught.value.hint
        assert len(served.lines) == 1


async def test_half_a_reply_is_an_interruption_and_is_never_repeated() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")

    async with serving(behave) as served, Pool(served.url) as pool:
        await pool.request("GET", "/")
        with pytest.raises(Interrupted, match="in the middle of its reply") as caught:
            await pool.request("GET", "/")
        assert caught.value.started
        assert len(served.lines) == 1


async def closes_on_the_second(line: Line) -> None:
    """The first connection answers one request, and closes when a second one has come."""
    if line.number > 1:
        await always(OK)(line)
    await line.request()
    await line.send(OK)
    await line.request()


@pytest.mark.parametrize(("method", "idempotent"), [("GET", None), ("POST", True)])
async def test_a_kept_connection_that_is_dead_costs_a_harmless_request_nothing(
    method: str, idempotent: bool | None
) -> None:
    async with serving(closes_on_the_second) as served, Pool(served.url) as pool:
        await pool.request(method, "/")
        assert (await pool.request(method, "/", idempotent=idempotent)).body == b"ok"
        assert len(served.lines) == 2


async def test_a_request_that_may_have_been_carried_out_is_not_repeated() -> None:
    async with serving(closes_on_the_second) as served, Pool(served.url) as pool:
        await pool.request("POST", "/")
        with pytest.raises(Interrupted):
            await pool.request("POST", "/")
        assert len(served.lines) == 1
        assert (await pool.request("POST", "/")).body == b"ok"


async def test_a_request_is_repeated_once_at_most() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await line.request()

    async with serving(behave) as served, Pool(served.url, limit=1) as pool:
        await pool.request("GET", "/")
        # The first finds the kept connection dead; the second opens another and hands it on; it is dead as well.
        results = await asyncio.gather(*(pool.request("GET", "/") for _ in range(2)), return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["Interrupted", "Response"]
        assert len(served.lines) == 2


async def test_a_connection_closed_while_idle_is_not_used() -> None:
    async with serving(once(OK)) as served, Pool(served.url) as pool:
        for number in range(3):
            assert (await pool.request("POST", "/")).body == b"ok"
            await served.lines[number].closed.wait()


async def test_a_reply_before_the_request_was_read_is_taken_but_the_connection_is_not_kept() -> None:
    async def behave(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")  # and none of the body
        await line.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await line.until_left()

    async with serving(behave) as served, Pool(served.url) as pool:
        assert (await pool.request("POST", "/", body=bytes(32_000_000))).status == 413
        await served.lines[0].closed.wait()


# --- replies that must not be taken ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"hello, this is not HTTP\r\n\r\n", "Expected HTTP"),
        (b"220 smtp.example ESMTP\r\n", "Expected HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", "Expected HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "Transfer-Encoding"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx", "transfer encoding other than chunked"),
        (CHUNKED + b"zz\r\n", "chunk size"),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "another protocol"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", "head is over 65,536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n", "head is over 65,536 bytes"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n" + b"x: y\r\n" * 20_000 + b"\r\na",
            "head is over 65,536 bytes",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000, "head is over 65,536 bytes"),
        (CHUNKED + b"1\r\na\r\n0\r\n" + b"x: y\r\n" * 60_000, "head is over 65,536 bytes"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", "body is over 1,000 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1001, "body is over 1,000 bytes"),
        (CHUNKED + b"200\r\n" + b"a" * 512 + b"\r\n200\r\n" + b"a" * 512, "body is over 1,000 bytes"),
    ],
)
async def test_malformed_and_boundless_replies_are_refused(reply: bytes, why: str) -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(reply)
        await line.until_left()

    async with serving(behave) as served, Pool(served.url, max_body=1000) as pool:
        with pytest.raises(InvalidResult, match=f"(?i){why}") as caught:
            await pool.request("GET", "/", timeout=20)
        assert caught.value.message.startswith(served.url)
        await served.lines[0].closed.wait()
        assert pool.connections.open == 0


async def test_bytes_behind_a_reply_never_become_the_reply_to_somebody_else() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nplanted")
        await line.until_left()

    async with serving(behave) as served, Pool(served.url, limit=1) as pool:
        for _ in range(2):
            assert (await pool.request("GET", "/")).body == b"ok"
        assert len(served.lines) == 2


async def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    again = asyncio.Event()

    async def behave(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await again.wait()
        await line.send(OK)
        await line.until_left()

    async with serving(behave) as served, Pool(served.url) as pool:
        await pool.request("GET", "/")
        again.set()
        await served.lines[0].closed.wait()
        assert pool.connections.open == 0
