"""Reminders of what waits in the inbox: over a real ledger file, to a real HTTP server on loopback."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ports import RequestSpec
from gateway.core.questions import question_request
from gateway.core.requests import answered, taken
from gateway.core.spec import ReminderSpec
from gateway.ledger.ledger import Ledger
from gateway.runs.reminders import Reminders, due_number
from gateway.runs.webhook import Delivery, Webhooks
from tests.twins import START_MS, TwinClock
from toolward.types import Answer, Principal, RequestKind, RunScope

ADA = Principal("ada", ("support",))
RUN = RunScope("run_1", "clerk", ("*",))
HOUR = 3600.0
SECRET = "a secret of 24 characters or more"


class Hook:
    """An endpoint that keeps what it is sent, and answers with `statuses`, one a request; then with 204. A status
    of 0 hangs up without an answer."""

    def __init__(self) -> None:
        self.port = 0
        self.statuses: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                first, *rest = head.strip().split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)
                }
                body = await reader.readexactly(int(headers["content-length"]))
                assert first == "POST /hook?key=k HTTP/1.1"
                self.got.append((headers, body))
                status = self.statuses.pop(0) if self.statuses else 204
                if not status:
                    return
                more = "location: http://127.0.0.1:9/\r\n" if status == 302 else ""
                writer.write(f"HTTP/1.1 {status} x\r\n{more}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def hook() -> AsyncGenerator[Hook]:
    hook = Hook()
    server = await asyncio.start_server(hook.serve, "127.0.0.1", 0)
    hook.port = server.sockets[0].getsockname()[1]
    async with server:
        yield hook


class Place:
    def __init__(self, file: Path, hook: Hook) -> None:
        self.file = file
        self.clock = TwinClock()
        self.specs: tuple[ReminderSpec, ...] = (self.spec(f"http://127.0.0.1:{hook.port}/hook?key=k"),)

    def spec(self, url: str, **more: Any) -> ReminderSpec:
        bounds: dict[str, Any] = {"after": HOUR, "every": 4 * HOUR, "at_most": 3} | more
        return ReminderSpec(url=url, secret=SECRET, **bounds)

    @asynccontextmanager
    async def gateway(self) -> AsyncGenerator[tuple[Ledger, Reminders]]:
        """One process's part of it."""
        async with Ledger.open(self.file, now=self.clock.now_ms) as ledger, Webhooks() as post:
            yield ledger, Reminders(lambda: self.specs, ledger, post, self.clock)

    def question(self, number: int = 1) -> RequestSpec:
        text = f"Which of the {number} orders of Ms. Lindqvist?"
        now = self.clock.now_ms()
        return question_request(
            f"req_{number}", ADA, RUN, text, tool="people.ask_person", now=now, lifetime=0
        )


@pytest.fixture
def place(tmp_path: Path, hook: Hook) -> Place:
    return Place(tmp_path / "ledger.db", hook)


# --- when and what --------------------------------------------------------------------------------------


async def test_it_comes_after_a_while_and_again_until_there_were_enough(place: Place, hook: Hook):
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        for hours, so_far in ((0, 0), (0.9, 0), (0.1, 1), (3.9, 1), (0.1, 2), (4, 3), (4, 3), (400, 3)):
            place.clock.advance(hours * HOUR)
            await reminders.look()
            await reminders.look()
            assert len(hook.got) == so_far
    assert [(one["id"], one["reminder"], one["of"]) for one in hook.bodies] == [
        ("req_1", 1, 3),
        ("req_1", 2, 3),
        ("req_1", 3, 3),
    ]
    assert reminders.status() == [{"url": f"http://127.0.0.1:{hook.port}", "sent": 3, "problem": ""}]


async def test_it_is_signed_and_tells_neither_the_question_nor_whose_it_is(place: Place, hook: Hook):
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        await reminders.look()
    ((headers, body),) = hook.got
    assert json.loads(body) == {
        "type": "input_request.waiting",
        "version": 1,
        "id": "req_1",
        "kind": "question",
        "tenant": "default",
        "agent": "clerk",
        "run_id": "run_1",
        "asked_at": START_MS,
        "expires_at": 0,
        "reminder": 1,
        "of": 3,
        "text": "A question waits for an answer.",
        "see": "toolward inbox show req_1",
    }
    at = str(START_MS // 1000 + 3600)
    content = f"req_1.0.{at}.".encode() + body
    mac = base64.b64encode(hmac.new(SECRET.encode(), content, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == "req_1.0"
    assert headers["webhook-timestamp"] == at
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert b"Lindqvist" not in body
    assert b"ada" not in body


async def test_what_is_answered_taken_or_of_another_kind_is_not_reminded_of(place: Place, hook: Hook):
    only = msgspec.structs.replace(place.specs[0], kinds=(RequestKind.QUESTION,))
    async with place.gateway() as (ledger, reminders):
        for number in (1, 2, 3):
            await ledger.open_request(place.question(number))
        for number, request in (
            (1, answered(place.question(1).request, Answer(text="x"), ADA, START_MS)),
            (2, taken(place.question(2).request, ADA, START_MS)),
        ):
            await ledger.close_request(f"req_{number}", request, "ada")
        place.clock.advance(HOUR)
        place.specs = (msgspec.structs.replace(only, kinds=(RequestKind.APPROVAL,)),)
        await reminders.look()
        assert hook.got == []
        place.specs = (only,)
        await reminders.look()
    assert [one["id"] for one in hook.bodies] == ["req_3"]


async def test_after_a_long_stop_only_the_newest_is_sent(place: Place, hook: Hook):
    async with place.gateway() as (ledger, _):
        await ledger.open_request(place.question())
    place.clock.advance(7 * HOUR)
    async with place.gateway() as (_, reminders):
        await reminders.look()
    assert [one["reminder"] for one in hook.bodies] == [2]


# --- once -----------------------------------------------------------------------------------------------


async def test_none_is_sent_twice_after_a_restart(place: Place, hook: Hook):
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        await reminders.look()
    async with place.gateway() as (_, reminders):
        await reminders.look()
        assert len(hook.got) == 1
        place.clock.advance(4 * HOUR)
        await reminders.look()
    assert [one["reminder"] for one in hook.bodies] == [1, 2]


async def test_of_several_gateways_on_one_ledger_one_sends_it(place: Place, hook: Hook):
    async with AsyncExitStack() as stack:
        three = [await stack.enter_async_context(place.gateway()) for _ in range(3)]
        for number in range(8):
            await three[0][0].open_request(place.question(number))
        place.clock.advance(HOUR)
        for _ in range(2):
            await asyncio.gather(*(reminders.look() for _, reminders in three))
    assert sorted(one["id"] for one in hook.bodies) == [f"req_{number}" for number in range(8)]


async def test_one_that_stopped_while_sending_may_have_sent_it(place: Place, hook: Hook):
    async with place.gateway() as (ledger, _):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        reminders = Reminders(lambda: place.specs, ledger, _Dying(), place.clock)
        with pytest.raises(asyncio.CancelledError):
            await reminders.look()
    async with place.gateway() as (_, reminders):
        await reminders.look()
        assert hook.got == []
        place.clock.advance(4 * HOUR)
        await reminders.look()
    assert [one["reminder"] for one in hook.bodies] == [2]


class _Dying:
    async def post(self, spec: ReminderSpec, delivery_id: str, at: int, body: bytes) -> Delivery:
        raise asyncio.CancelledError


# --- when it does not arrive ----------------------------------------------------------------------------


async def test_what_was_refused_is_sent_at_the_next_look_and_stops_nothing(
    place: Place, hook: Hook, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    hook.statuses = [500, 302]
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question(1))
        await ledger.open_request(place.question(2))
        place.clock.advance(HOUR)
        await reminders.look()
        assert len(hook.got) == 1  # the other would fail alike
        assert reminders.status()[0]["problem"] == "It answers with HTTP 500."
        await reminders.look()
        assert reminders.status()[0]["problem"] == "It answers with HTTP 302."  # and is not followed
        await reminders.look()
        await reminders.look()
        assert reminders.status()[0] | {"url": ""} == {"url": "", "sent": 2, "problem": ""}
    assert sorted(headers["webhook-id"] for headers, _ in hook.got) == ["req_1.0"] * 3 + ["req_2.0"]
    said = [record.getMessage() for record in caplog.records if record.name == "gateway.runs.reminders"]
    assert [text.partition(": ")[2] for text in said[:2]] == [
        "It answers with HTTP 500.",
        "It answers with HTTP 302.",
    ]
    assert said[2].endswith("again")
    assert all("key=k" not in text and "/hook" not in text for text in said)


async def test_it_is_tried_again_by_whoever_comes_after_a_restart(place: Place, hook: Hook):
    hook.statuses = [503]
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        await reminders.look()
    async with place.gateway() as (_, reminders):
        await reminders.look()
    assert [headers["webhook-id"] for headers, _ in hook.got] == ["req_1.0", "req_1.0"]


async def test_where_nobody_listens_it_is_told_and_the_others_go_out(place: Place):
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        place.specs = (place.spec(f"http://127.0.0.1:{port}/"), *place.specs)
        await _told_and_the_others_go_out(place)


async def _told_and_the_others_go_out(place: Place) -> None:
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        await reminders.look()
        bad, good = reminders.status()
        assert bad["problem"]
        assert (good["sent"], good["problem"]) == (1, "")


async def test_without_an_answer_it_may_have_arrived_and_is_not_sent_again(place: Place, hook: Hook):
    hook.statuses = [0]
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        await reminders.look()
        await reminders.look()
        assert reminders.status()[0]["problem"]
    async with place.gateway() as (_, reminders):
        await reminders.look()
    assert len(hook.got) == 1


async def test_an_address_that_the_one_road_out_refuses_is_not_reached(place: Place):
    place.specs = (place.spec("http://0.0.0.0:1/hook"),)
    async with place.gateway() as (ledger, reminders):
        await ledger.open_request(place.question())
        place.clock.advance(HOUR)
        await reminders.look()
        assert "No request may go to 0.0.0.0" in reminders.status()[0]["problem"]


# --- due times ------------------------------------------------------------------------------------------


@given(st.floats(60, 1e6), st.floats(60, 1e6), st.integers(1, 100), st.lists(st.floats(0, 1e7), max_size=20))
def test_numbers_only_grow_and_stay_below_the_most(
    after: float, every: float, most: int, waited: list[float]
):
    spec = ReminderSpec(url="http://h", secret=SECRET, after=after, every=every, at_most=most)
    request = question_request("req_1", ADA, RUN, "?", now=START_MS, lifetime=0).request
    numbers = [due_number(spec, request, START_MS + round(seconds * 1000)) for seconds in sorted(waited)]
    found = [number for number in numbers if number is not None]
    assert found == sorted(found)
    assert numbers[: len(numbers) - len(found)] == [None] * (len(numbers) - len(found))
    assert all(0 <= number < most for number in found)


def test_what_has_expired_is_not_due() -> None:
    spec = ReminderSpec(url="http://h", secret=SECRET, after=60, every=60, at_most=5)
    request = question_request("req_1", ADA, RUN, "?", now=START_MS, lifetime=90).request
    assert due_number(spec, request, START_MS + 89_000) == 0
    assert due_number(spec, request, START_MS + 90_000) is None
    assert due_number(spec, request, START_MS - 90_000) is None  # the clock was set back
