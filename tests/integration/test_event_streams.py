"""Watching a run over HTTP with clients that read slowly, not at all, or leave in the middle of it."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.core.ports import ModelReply, ModelRequest, OnPiece, Piece
from gateway.runs.feed import PENDING_TEXT, Watcher
from gateway.runs.runner import Runs
from gateway.servers.rest import rest_app
from gateway.servers.sse import EventStream
from tests.contract.agent_drivers import RestAgents
from tests.integration.run_house import ADA, House, ended, says
from tests.integration.scripted_tools import Tools
from tests.twins import TwinModel
from toolward.auth import bearer
from toolward.doors.address import parse_address
from toolward.doors.serve import http_server
from toolward.types import RunState, ServerInfo, TextDelta

PIECE = "x" * 50_000


class Talkative(TwinModel):
    """Says more than anybody reads, from when it is let until it is enough."""

    def __init__(self) -> None:
        super().__init__([says("done")])
        self.go, self.enough = asyncio.Event(), asyncio.Event()
        self.said = 0  # characters of each kind

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        reply = await super().reply(request)
        assert on_piece is not None
        await self.go.wait()
        while not self.enough.is_set():
            on_piece(Piece("text", PIECE))
            on_piece(Piece("reasoning", PIECE))
            self.said += len(PIECE)
            await asyncio.sleep(0.0001)
        return reply


@asynccontextmanager
async def opened(tmp_path: Path, model: TwinModel) -> AsyncGenerator[tuple[Runs, int], None]:
    house = House(tmp_path / "ledger.db")
    house.model = model
    async with house.open() as runs:
        app = rest_app(ServerInfo("test", "1"), Tools(), runs, bearer({"adas": ADA}), lambda _: {})
        async with http_server(app, parse_address("127.0.0.1:0")) as port:
            yield runs, port


def deaf(port: int, run_id: str) -> socket.socket:
    """A client that asks for everything, and reads the beginning of it alone."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    path = f"/v1/runs/{run_id}/events?deltas=true"
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer adas\r\n\r\n".encode())
    return client


def watchers(runs: Runs, run_id: str) -> int:
    return len(runs._feed._watchers.get(run_id, ()))  # pyright: ignore[reportPrivateUsage]


async def until_watched_by(runs: Runs, run_id: str, count: int) -> None:
    async with asyncio.timeout(10):
        while watchers(runs, run_id) != count:  # noqa: ASYNC110 -- the sockets have no event for it
            await asyncio.sleep(0.005)


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters a watcher took, each time."""
    taken: list[int] = []
    plain = Watcher.taken

    def counted(self: Watcher) -> tuple[TextDelta, ...]:
        found = plain(self)
        taken.append(sum(len(piece.text) for piece in found))
        return found

    monkeypatch.setattr(Watcher, "taken", counted)
    return taken


async def until_nothing_is_taken(takes: list[int]) -> None:
    """Every buffer on the way is full."""
    async with asyncio.timeout(20):
        before = -1
        while before != len(takes) or not any(takes):
            before = len(takes)
            await asyncio.sleep(0.2)


async def test_a_client_that_reads_nothing_stalls_no_run_and_leaves_without_a_word_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, takes: list[int]
) -> None:
    model = Talkative()
    async with opened(tmp_path, model) as (runs, port):
        run = await runs.start_run(ADA, "support", "Hello.")
        client = await asyncio.to_thread(deaf, port, run.id)
        await until_watched_by(runs, run.id, 1)
        model.go.set()
        await until_nothing_is_taken(takes)
        model.enough.set()
        async with asyncio.timeout(10):
            assert (await ended(runs, run)).state is RunState.COMPLETED
        assert watchers(runs, run.id) == 1  # it still waits for its reader
        assert sum(takes) < model.said
        assert max(takes) <= 2 * PENDING_TEXT
        with caplog.at_level(logging.DEBUG):
            client.close()
            await until_watched_by(runs, run.id, 0)
            await asyncio.sleep(0)
    assert [one for one in caplog.records if one.levelno > logging.INFO or one.exc_info] == []


async def test_a_slow_reader_gets_fewer_and_longer_pieces_in_their_places_and_every_event(
    tmp_path: Path,
) -> None:
    model = Talkative()
    async with opened(tmp_path, model) as (runs, port):
        run = await runs.start_run(ADA, "support", "Hello.")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            seen: list[str] = []
            reached = {"text": 0, "reasoning": 0}
            async for news in RestAgents(client, "adas").watch_run(ADA, run.id, 0, True):
                model.go.set()
                if isinstance(news, TextDelta):
                    if news.offset > 100 * len(PIECE):
                        model.enough.set()
                    assert news.offset >= reached[news.kind]
                    reached[news.kind] = news.offset + len(news.text)
                else:
                    seen.append(news.type)
    assert seen == ["run_started", "run_taken_up", "model_replied", "run_completed"]
    assert max(reached.values()) <= model.said


async def test_silence_is_filled_so_that_nobody_takes_the_connection_for_dead() -> None:
    sent: list[bytes] = []
    pinged, never = asyncio.Event(), asyncio.Event()

    async def send(message: dict[str, bytes]) -> None:
        sent.append(message.get("body", b""))
        if len(sent) == 4:
            pinged.set()

    async def receive() -> dict[str, str]:
        await pinged.wait()
        return {"type": "http.disconnect"}

    closed = False

    async def items() -> AsyncGenerator[bytes, None]:
        nonlocal closed
        try:
            yield b"data: 1\n\n"
            await never.wait()
        finally:
            closed = True

    await EventStream(items(), ping=0.001)({}, receive, send)  # pyright: ignore[reportArgumentType]
    assert sent[:4] == [b"", b"data: 1\n\n", b": ping\n\n", b": ping\n\n"]
    assert closed


async def test_what_ends_it_before_the_run_is_told_as_a_problem(tmp_path: Path) -> None:
    model = Talkative()
    async with opened(tmp_path, model) as (runs, port):
        run = await runs.start_run(ADA, "support", "Hello.")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            events: list[tuple[str, str]] = []
            async for one in RestAgents(client, "adas").raw_events(run.id, {}):
                events.append((one.event, one.data))
                if one.event == "run_taken_up":
                    await runs._ledger.close()  # pyright: ignore
                    model.go.set()
                    model.enough.set()
    assert events[-1][0] == "problem"
    assert '"code":"unavailable"' in events[-1][1]
