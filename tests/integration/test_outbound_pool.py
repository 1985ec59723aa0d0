"""The pool against a real server: replies as they should be, many at once, giving up. On both event loops."""

import asyncio
from typing import Any

import pytest

from tests.integration.raw_server import CHUNKED, OK, Line, always, once, serving, silent
from toolward.errors import DeadlineExceeded, InvalidRequest, Overloaded, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.pool import Pool

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


# --- replies as they should be --------------------------------------------------------------------------


async def test_a_request_arrives_as_it_was_given_and_its_reply_comes_back() -> None:
    seen: list[tuple[str, bytes]] = []

    async def behave(line: Line) -> None:
        seen.append(await line.request())
        await line.send(
            b"HTTP/1.1 418 Teapot\r\nX-One: a\r\nContent-Length: 3\r\nx-one: b\r\nX-Latin: \xe9\r\n\r\nabc"
        )

    async with serving(behave) as served, Pool(served.url) as pool:
        response = await pool.request("POST", "/mcp?a=b", {"Accept": "x/y"}, b"body")

    assert (response.status, response.body) == (418, b"abc")
    assert response.headers == {"x-one": "a, b", "content-length": "3", "x-latin": "é"}
    head, body = seen[0]
    host = served.url.removeprefix("http://")
    assert head == f"POST /mcp?a=b HTTP/1.1\r\nhost: {host}\r\nAccept: x/y\r\ncontent-length: 4\r\n\r\n"
    assert body == b"body"


async def test_one_connection_serves_request_after_request() -> None:
    async with serving(always(OK)) as served, Pool(served.url) as pool:
        for _ in range(5):
            assert (await pool.request("POST", "/", body=b"x")).body == b"ok"
        assert len(served.lines) == 1


async def test_a_chunked_reply_in_single_bytes_with_trailers_leaves_the_connection_usable() -> None:
    whole = CHUNKED + b"3;note=x\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n"
    single = [whole[at : at + 1] for at in range(len(whole))]
    async with serving(always(*single)) as served, Pool(served.url) as pool:
        for _ in range(2):
            response = await pool.request("GET", "/")
            assert response.body == b"abcde"
            assert "x-trailer" not in response.headers
        assert len(served.lines) == 1


async def test_a_reply_that_ends_with_its_connection_is_whole() -> None:
    async with serving(once(b"HTTP/1.1 200 OK\r\n\r\n", b"abc", b"def")) as served, Pool(served.url) as pool:
        assert (await pool.request("GET", "/")).body == b"abcdef"
        assert (await pool.request("GET", "/")).body == b"abcdef"
        assert len(served.lines) == 2


@pytest.mark.parametrize(
    ("method", "reply", "status"),
    [
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", 304),
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", 200),
    ],
)
async def test_replies_without_a_body_are_whole_at_once(method: str, reply: bytes, status: int) -> None:
    async with serving(always(reply)) as served, Pool(served.url) as pool:
        for _ in range(2):
            response = await pool.request(method, "/")
            assert (response.status, response.body) == (status, b"")


async def test_interim_replies_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with serving(always(interim, OK)) as served, Pool(served.url) as pool:
        response = await pool.request("POST", "/")
        assert (response.status, response.headers) == (200, {"content-length": "2"})


async def test_a_redirect_is_a_reply_and_is_not_followed() -> None:
    async with serving(always(OK)) as elsewhere:
        moved = f"HTTP/1.1 302 Found\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n".encode()
        async with serving(always(moved)) as served, Pool(served.url) as pool:
            assert (await pool.request("GET", "/")).status == 302
        assert elsewhere.lines == []


# --- many at once ---------------------------------------------------------------------------------------


async def test_many_requests_share_few_connections_and_each_gets_its_own_reply() -> None:
    async def echo(line: Line) -> None:
        while True:
            _, body = await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with serving(echo) as served, Pool(served.url, limit=8) as pool:
        bodies = [str(number).encode() for number in range(300)]
        responses = await asyncio.gather(*(pool.request("POST", "/", body=body) for body in bodies))
        assert [response.body for response in responses] == bodies
        assert served.most_at_once <= 8
        assert pool.connections.open == pool.connections.idle <= 8


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    async with serving(silent) as served, Pool(served.url, limit=1, max_waiters=1) as pool:
        first = asyncio.create_task(pool.request("GET", "/"))
        second = asyncio.create_task(pool.request("GET", "/"))
        await asyncio.sleep(0)  # both have begun: one opens, one waits
        with pytest.raises(Overloaded, match="1 requests wait") as caught:
            await pool.request("GET", "/")
        assert caught.value.retry_after == 1.0
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)


async def test_a_deadline_counts_while_waiting_for_a_connection() -> None:
    async with serving(silent) as served, Pool(served.url, limit=1) as pool:
        busy = asyncio.create_task(pool.request("GET", "/"))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded, match=r"did not answer within 0\.05 s"):
            await pool.request("GET", "/", timeout=0.05)
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)


async def test_a_waiter_that_gives_up_leaves_its_turn_to_the_next() -> None:
    go = asyncio.Event()

    async def behave(line: Line) -> None:
        while True:
            await line.request()
            await go.wait()
            await line.send(OK)

    async with serving(behave) as served, Pool(served.url, limit=1) as pool:
        tasks = [asyncio.create_task(pool.request("GET", "/")) for _ in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[1], asyncio.CancelledError)
        assert [getattr(result, "status", None) for result in results] == [200, None, 200, 200]
        assert len(served.lines) == 1


async def test_what_is_handed_to_a_waiter_cancelled_in_that_moment_goes_to_the_next() -> None:
    async with serving(always(OK)) as served, Pool(served.url, limit=1) as pool:
        await pool.request("GET", "/")
        held = pool.connections.take_idle()
        assert held is not None
        first, second = (asyncio.create_task(pool.request("GET", "/")) for _ in range(2))
        await asyncio.sleep(0)  # both wait
        pool.connections.release(held)
        first.cancel()  # it has been given the connection, and has not run since
        assert (await second).status == 200
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(served.lines) == 1


async def test_a_place_freed_by_a_lost_connection_goes_to_who_waits() -> None:
    async def behave(line: Line) -> None:
        await line.request()
        if line.number > 1:
            await line.send(OK)

    async with serving(behave) as served, Pool(served.url, limit=1) as pool:
        results = await asyncio.gather(*(pool.request("POST", "/") for _ in range(3)), return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["Interrupted", "Response", "Response"]


# --- giving up ------------------------------------------------------------------------------------------


async def test_a_request_past_its_deadline_closes_its_connection() -> None:
    async with serving(silent) as served, Pool(served.url) as pool:
        with pytest.raises(DeadlineExceeded, match=r"127\.0\.0\.1:\d+ did not answer within 0\.05 s"):
            await pool.request("POST", "/", timeout=0.05)
        await served.lines[0].closed.wait()
        assert pool.connections.open == 0


async def test_a_cancelled_request_closes_its_connection_and_the_next_gets_no_stale_reply() -> None:
    arrived = asyncio.Event()

    async def behave(line: Line) -> None:
        if line.number == 1:
            await line.request()
            arrived.set()
            await line.until_left()
        else:
            await always(OK)(line)

    async with serving(behave) as served, Pool(served.url, limit=1) as pool:
        task = asyncio.create_task(pool.request("POST", "/"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pool.request("POST", "/")).body == b"ok"
        await served.lines[0].closed.wait()


async def test_closing_the_pool_ends_what_is_under_way_and_what_waits() -> None:
    arrived = asyncio.Event()

    async def behave(line: Line) -> None:
        await line.request()
        arrived.set()
        await line.until_left()

    async with serving(behave) as served:
        pool = Pool(served.url, limit=1)
        under_way = asyncio.create_task(pool.request("GET", "/"))
        await arrived.wait()
        waits = asyncio.create_task(pool.request("GET", "/"))
        await asyncio.sleep(0)
        await pool.aclose()
        assert pool.connections.open == 0
        with pytest.raises(Interrupted):
            await under_way
        with pytest.raises(Unavailable, match="this program is stopping"):
            await waits
        with pytest.raises(Unavailable, match="this program is stopping"):
            await pool.request("GET", "/")


# --- requests that must not be sent ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "http://other.example/", {}),
        ("GET", "/a b", {}),
        ("GET", "/\r\nx: y", {}),
        ("GET", "/é", {}),
        ("GET\r\nx: y\r\n", "/", {}),
        ("GET", "/", {"x": "secret\r\nhost: other.example"}),
        ("GET", "/", {"x": "secret\n"}),
        ("GET", "/", {"x": "secret\0"}),
        ("GET", "/", {"x: y\r\nz": "secret"}),
        ("GET", "/", {"x y": "secret"}),
        ("GET", "/", {"": "secret"}),
        ("GET", "/", {"host: other.example": "secret"}),
        ("GET", "/", {"Host": "other.example"}),
        ("GET", "/", {"Transfer-Encoding": "chunked"}),
        ("GET", "/", {"content-length": "0"}),
    ],
)
async def test_a_request_is_one_request_to_its_own_origin(
    method: str, path: str, headers: dict[str, str]
) -> None:
    async with serving(always(OK)) as served, Pool(served.url) as pool:
        with pytest.raises(InvalidRequest) as caught:
            await pool.request(method, path, headers)
        assert "secret" not in caught.value.text
        assert served.lines == []
