"""What the CRM promises of its database, in SQLite and in PostgreSQL alike."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from tests import postgres
from tests.unit.crm_calls import ADA, DAMAGED, call, call_as
from toolservers.crm.storage.database import Database, open_world
from toolservers.crm.tools import Settings, server
from toolservers.crm.truth import contradictions
from toolservers.crm.world.tables import events, orders, payments, refunds
from toolward.errors import ConfigurationError, Conflict, Unavailable
from toolward.store import read_transaction, write_transaction


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "crm.db" if request.param == "sqlite" else postgres.fresh(postgres.tiny_world())


@pytest.fixture
async def crm(where: Path | str) -> AsyncGenerator[None]:
    async with server.running(Settings(where)):
        yield


@pytest.fixture
def engine(where: Path | str) -> Generator[Engine]:
    engine = open_world(where, "tiny", 0)
    yield engine
    engine.dispose()


async def test_records_are_found_read_and_changed(crm: None, engine: Engine) -> None:
    found = await call("find_records", record_type="order", query="dinner set")
    assert "ORD-1007" in [record["id"] for record in found.structured["records"]]
    page = (await call("find_records", record_type="customer", query="nystrom")).structured["records"]
    assert [record["id"] for record in page] == ["CUS-2010"]
    first = (await call("find_records", record_type="order", limit=10)).structured
    second = (
        await call("find_records", record_type="order", limit=10, cursor=first["next_cursor"])
    ).structured
    ids = [record["id"] for record in (*first["records"], *second["records"])]
    assert len(set(ids)) == 20
    assert ids[0] == "ORD-1025"
    assert (await call("get_record", record_id="ORD-1007")).structured["total"]["display"] == "84.80 EUR"
    refunded = await call("refund_payment", key="k", **DAMAGED)
    assert await call("refund_payment", key="k", **DAMAGED) == refunded
    said = await call("add_ticket_message", key="m", ticket_id="TCK-3003", body="Nous sommes désolés 🦄\n")
    assert said.structured["message_number"] == 3
    with pytest.raises(Conflict):
        await call("refund_payment", key="k", **(DAMAGED | {"amount_minor": 1}))
    with read_transaction(engine) as connection:
        assert contradictions(connection) == []
        told = list(connection.scalars(select(events.c.type).order_by(events.c.seq)))
    assert told[:2] == ["refund.created", "payment.refunded"]


async def test_a_hundred_repeats_at_once_have_one_effect(crm: None, engine: Engine) -> None:
    results = await asyncio.gather(*(call("refund_payment", key="k", **DAMAGED) for _ in range(100)))
    assert len({result.structured["refund_id"] for result in results}) == 1
    with read_transaction(engine) as connection:
        assert len(connection.execute(select(refunds).where(refunds.c.payment_id == "PAY-5007")).all()) == 1


def test_a_reader_sees_one_moment_and_a_writer_what_was_committed_before_it(engine: Engine) -> None:
    stock = select(payments.c.refunded_minor).where(payments.c.id == "PAY-5007")
    change = payments.update().where(payments.c.id == "PAY-5007")
    with read_transaction(engine) as reader:
        assert reader.scalar(stock) == 0
        for amount in (5, 7):
            with write_transaction(engine) as writer:
                assert writer.scalar(stock) in (0, 5)
                writer.execute(change.values(refunded_minor=amount))
        assert reader.scalar(stock) == 0
    with read_transaction(engine) as reader:
        assert reader.scalar(stock) == 7


async def test_a_text_with_nul_is_refused_wherever_it_comes_from(crm: None) -> None:
    found = await call("find_records", record_type="order", query="dinner\0 set")
    assert not found.is_error
    for body, key in (("a\0b", ""), ("ab", "a\0b")):
        said = await call_as(ADA, "add_ticket_message", key, {"ticket_id": "TCK-3003", "body": body})
        assert said.is_error
        assert "U+0000" in said.text
    assert len((await call("get_record", record_id="TCK-3003")).structured["messages"]) == 2


_KILLED = """
import asyncio, os, signal, sys
from tests.unit.crm_calls import DAMAGED, call
from toolservers.crm.tools import Settings, server
from toolward.kit.effects.sqlalchemy_store import SqlAlchemyStore

commit = SqlAlchemyStore.commit
def commit_and_die(self, connection):
    last = connection.exec_driver_sql("SELECT count(*) FROM refunds WHERE payment_id = 'PAY-5007'").scalar()
    commit(self, connection)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)
SqlAlchemyStore.commit = commit_and_die

async def main():
    async with server.running(Settings(sys.argv[1])):
        await call("refund_payment", key="k", **DAMAGED)
asyncio.run(main())
"""


async def test_a_server_that_dies_between_commit_and_answer_has_done_it_once(where: Path | str) -> None:
    done = await asyncio.to_thread(run, [sys.executable, "-c", _KILLED, str(where)], check=False)
    assert done.returncode == -signal.SIGKILL
    async with server.running(Settings(where)):
        repeated = await call("refund_payment", key="k", **DAMAGED)
        payment = (await call("get_record", record_id="PAY-5007")).structured
    assert [refund["id"] for refund in payment["refunds"]] == [repeated.structured["refund_id"]]
    assert payment["remaining"]["amount_minor"] == 8480 - 1272


async def test_several_that_open_an_empty_postgres_at_once_fill_it_once() -> None:
    url = postgres.fresh()
    databases = await asyncio.gather(*(Database.open(url, "tiny", 0) for _ in range(3)))

    def count(connection: Connection) -> int:
        return len(connection.execute(select(orders.c.id)).all())

    assert [await database.read(count) for database in databases] == [25] * 3
    for database in databases:
        await database.close()


async def test_what_takes_too_long_is_unavailable_and_says_so(crm: None, where: Path | str) -> None:
    if isinstance(where, Path):
        pytest.skip("SQLite has no bound on one statement")
    database = await Database.open(where, "tiny", 0)

    def slow(connection: Connection) -> Any:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 5")
        return connection.exec_driver_sql("SELECT pg_sleep(20)").all()

    with pytest.raises(Unavailable, match="a statement took too long"):
        await database.read(slow)

    def write(connection: Connection) -> None:
        connection.execute(orders.update().values(status="lost"))

    with pytest.raises(Unavailable, match="it may only be read"):
        await database.read(write)
    await database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql://ada:hunter2@127.0.0.1:1/crm",
            "127.0.0.1:1/crm cannot be opened: its server cannot be reached",
        ),
        ("postgresql://ada:hunter2@127.0.0.1:port/crm", "URL cannot be read"),
        ("mysql://ada:hunter2@db/crm", "no world in a database of the kind mysql"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_named_without_its_password(
    url: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        async with server.running(Settings(url)):
            pass
    told = f"{caught.value} {caught.value.hint} {Settings(url)!r} {caplog.text}"
    assert "hunter2" not in told
