"""An answer is taken only for the request that it answers, and a connection that gave another is not used again."""

from pathlib import Path

import msgspec
import pytest

from tests.integration.raw_server import Line, serving
from tests.integration.test_backends import ask, backends, call, listing, stdio, until
from toolward.client.mcp_plain import PlainCalls
from toolward.errors import InvalidResult
from toolward.outbound.reach import Reach
from toolward.types import CallContext, ToolCall


def reply(body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def result(id_: bytes, text: str = "mine") -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":{"text":"%b"}}' % (id_, text.encode())


class OverHttp:
    """A raw server whose n-th answer has the n-th of these ids: `same` = the request's own."""

    def __init__(self, *ids: str, sse: bool = False) -> None:
        self._ids = list(ids)
        self._sse = sse
        self.seen: list[int] = []

    async def __call__(self, line: Line) -> None:
        while True:
            _, body = await line.request()
            asked = msgspec.json.decode(body)["id"]
            self.seen.append(asked)
            given = self._ids.pop(0) if self._ids else "same"
            answer = result(str(asked).encode() if given == "same" else given.encode())
            if self._sse:
                news = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n'
                asks = b'data: {"jsonrpc":"2.0","id":77,"method":"ping"}\n\n'
                await line.send(reply(news + asks + b"data: " + answer + b"\n\n", "text/event-stream"))
            else:
                await line.send(reply(answer))


def plain(url: str) -> PlainCalls:
    return PlainCalls(f"{url}/mcp", {}, source="it", max_body=1_000_000, connect=5, reach=Reach())


async def once(calls: PlainCalls) -> bytes:
    return await calls.call(ToolCall("tool"), CallContext(), "2025-06-18")


@pytest.mark.parametrize("lie", ["41", '"1"', "true", "null", "1.0", "[1]"])
@pytest.mark.parametrize("sse", [False, True])
async def test_over_http_another_id_is_no_answer_and_ends_the_connection(lie: str, sse: bool) -> None:
    server = OverHttp(lie, sse=sse)
    async with serving(server) as served:
        calls = plain(served.url)
        with pytest.raises(InvalidResult, match="it answered another request"):
            await once(calls)
        assert msgspec.json.decode(await once(calls)) == {"text": "mine"}
        assert len(served.lines) == 2
        assert served.lines[0].closed.is_set()
        await calls.aclose()


async def test_over_http_a_late_answer_on_a_kept_connection_is_not_taken_for_the_next() -> None:
    server = OverHttp("same", "1")
    async with serving(server) as served:
        calls = plain(served.url)
        await once(calls)
        with pytest.raises(InvalidResult):
            await once(calls)
        assert len(served.lines) == 1
        await calls.aclose()
    assert server.seen == [1, 2]


@pytest.mark.parametrize("how", ["other_id", "stale_id"])
async def test_over_stdio_another_id_is_no_answer_and_the_server_is_started_again(
    tmp_path: Path, how: str
) -> None:
    async with backends(tmp_path, stdio("liar", "-m", "tests.servers.lying")) as pool:
        seen: list[str] = []
        pool.on_change(lambda: seen.append(listing(pool, "liar").problem))
        before = (await ask(pool, "liar", "ok"))["pid"]
        with pytest.raises(InvalidResult, match="liar answered another request than any it was sent"):
            await call(pool, "liar", how)
        await until(pool, lambda: len(seen) > 1 and not seen[-1])
        assert (await ask(pool, "liar", "ok"))["pid"] != before
