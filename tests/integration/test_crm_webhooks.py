"""What happens in the CRM is told to a real server over HTTP: signed, in order, at least once."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.integration.raw_server import Line, serving
from tests.unit.crm_calls import call
from toolservers.crm import outbox
from toolservers.crm.admin_tools import reset
from toolservers.crm.desk import Desk
from toolservers.crm.passing import advance
from toolservers.crm.tools import Settings, server
from toolservers.crm.webhooks import Pace, Target, signing_key
from toolservers.crm.work import View, Work
from toolward.errors import ConfigurationError
from toolward.kit import Context, Transaction
from toolward.kit.effects.once import KeyedCall
from toolward.types import NO_CONTEXT, Principal, ToolResult, text_result

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
HURRY = Pace(tries=3, first=0.01, longest=0.05, poll=0.05)
OPS = Principal("ops", roles=("operator",))


@dataclass
class Receiver:
    """Keeps what comes; answers with `answer(n)` to its n-th request."""

    url: str = ""
    answer: Callable[[int], int] = lambda _: 204
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list[Any])
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def behave(self, line: Line) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head, body = await line.request()
                pairs = (one.split(": ", 1) for one in head.split("\r\n")[1:] if ": " in one)
                headers = {name.lower(): value for name, value in pairs}
                assert hmac.compare_digest(headers["webhook-signature"], expected(headers, body))
                self.got.append((headers, msgspec.json.decode(body)))
                status = self.answer(len(self.got))
                await line.send(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
                async with self.news:
                    self.news.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.got) >= count)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


def expected(headers: dict[str, str], body: bytes) -> str:
    """As the receiver works it out, from the secret that both know."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver, None]:
    found = Receiver()
    async with serving(found.behave) as served:
        found.url = f"{served.url}/hooks/crm?from=here"
        yield found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "crm.db"


@contextlib.asynccontextmanager
async def telling(database: Path, receiver: Receiver) -> AsyncGenerator[Desk]:
    desk = await Desk.open(database, "tiny", 0, "enforce")
    try:
        await desk.tell(Target.of(receiver.url, SECRET), pace=HURRY)
        yield desk
    finally:
        await desk.close()


async def change(desk: Desk, *what: Any) -> None:
    async def done(tx: Transaction[Any]) -> ToolResult:
        await desk.do(tx, Context(desk, OPS, "", "", NO_CONTEXT), *what)
        return text_result("done")

    await desk.effects().change(KeyedCall("test", None), done)
    if desk.webhook is not None:
        desk.webhook.look()


def escalate(work: Work, *tickets: str) -> None:
    for identity in tickets:
        work.change("ticket", work.row(identity), "updated", priority="high")


async def told(desk: Desk) -> outbox.Events:
    def listed(view: View) -> outbox.Events:
        return outbox.listed(view, 0, [], "", None, 200)

    return await desk.see(OPS, listed)


async def until_told(desk: Desk, seq: int) -> outbox.Events:
    assert desk.webhook is not None
    desk.webhook.look()
    async with asyncio.timeout(20):
        await desk.webhook.rested.wait()
    found = await told(desk)
    assert found.told == seq
    return found


async def test_events_arrive_signed_and_in_order(
    database: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLWARD_CRM_WEBHOOK_SECRET", SECRET)
    async with server.running(Settings(database, webhook_url=receiver.url)):
        await asyncio.gather(
            *(call("add_ticket_message", ticket_id="TCK-3003", body=f"No. {n}") for n in range(5))
        )
        await receiver.until(5)
    assert [body["data"]["seq"] for _, body in receiver.got] == [1, 2, 3, 4, 5]
    headers, first = receiver.got[0]
    assert first == {
        "type": "ticket.message_added",
        "timestamp": "2026-11-16T09:00:00Z",
        "data": {
            "seq": 1,
            "record_type": "ticket",
            "record_id": "TCK-3003",
            "version": 2,
            "actor": "ada",
            "changes": {"messages": [2, 3]},
        },
    }
    assert headers["content-type"] == "application/json"
    assert len({name.rpartition("_")[0] for name in receiver.ids}) == 1


async def test_what_is_not_taken_is_told_again_in_its_turn_and_then_set_aside(
    database: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda n: 204 if n == 2 else 302 if n == 1 else 500  # no redirect is followed
    async with telling(database, receiver) as desk:
        await change(desk, escalate, "TCK-3001", "TCK-3003")
        found = await until_told(desk, 2)
        assert [body["data"]["seq"] for _, body in receiver.got] == [1, 1, 2, 2, 2]
        assert receiver.ids[0] == receiver.ids[1]
        assert len(set(receiver.ids)) == 2
        assert [(one.seq, one.tries, one.because) for one in found.set_aside] == [(2, 3, "it answered 500")]
        receiver.answer = lambda _: 200
        await change(desk, escalate, "TCK-3006")
        await until_told(desk, 3)


async def test_a_restart_goes_on_where_it_was_and_a_reset_begins_another_life(
    database: Path, receiver: Receiver
) -> None:
    async with telling(database, receiver) as desk:
        await change(desk, escalate, "TCK-3001")
        await until_told(desk, 1)
    desk = await Desk.open(database, "tiny", 0, "enforce")  # without a webhook, something happens
    await change(desk, escalate, "TCK-3003")
    await desk.close()
    async with telling(database, receiver) as desk:
        await until_told(desk, 2)
        assert [body["data"]["seq"] for _, body in receiver.got] == [1, 2]

        def anew(work: Work) -> None:
            reset(work.connection, desk, "", None)

        await change(desk, anew)
        await change(desk, advance, 1)
        await receiver.until(3)
    first, second, other = receiver.ids[:3]
    assert first.rpartition("_")[0] == second.rpartition("_")[0] != other.rpartition("_")[0]
    assert other.endswith("_1")


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.integration.test_crm_webhooks import Receiver, change, escalate, telling

async def main():
    async with telling(Path(sys.argv[1]), Receiver(sys.argv[2])) as desk:
        await change(desk, escalate, "TCK-3003")
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_who_is_killed_between_the_answer_and_the_mark_tells_it_again(
    database: Path, receiver: Receiver
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(database), receiver.url, cwd=Path(__file__).parents[2]
    )

    def kill(n: int) -> int:
        if n == 1:
            os.kill(program.pid, signal.SIGKILL)
        return 204

    receiver.answer = kill
    await receiver.until(1)
    assert await program.wait() == -signal.SIGKILL
    async with telling(database, receiver) as desk:
        await until_told(desk, 1)
    assert len(receiver.got) == 2
    assert receiver.ids[0] == receiver.ids[1]
    assert receiver.got[0][1] == receiver.got[1][1]


@pytest.mark.parametrize(
    "secret", ["", "secret", "whsec_", "whsec_c2hvcnQ=", f"whsec_{'!' * 44}", SECRET[6:]]
)
def test_a_weak_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="whsec_ and the base64 of 24 to 64 bytes") as refused:
        signing_key(secret)
    assert len(secret) < 10 or secret not in refused.value.text


@pytest.mark.parametrize(
    "url", ["http://shop.example/hook", "ftp://127.0.0.1/", "https://user:pw@shop.example/"]
)
async def test_an_address_that_must_not_be_told_anything_stops_the_start(database: Path, url: str) -> None:
    with pytest.raises(ConfigurationError):
        Target.of(url, SECRET)
