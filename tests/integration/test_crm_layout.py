"""The CRM's tables in databases of every age: made at once, or carried over from the layout before."""

import sqlite3
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, select, text

from tests import postgres
from tests.unit.crm_calls import DAMAGED, call, dump
from toolservers.crm.storage.database import open_world
from toolservers.crm.tools import Settings, server
from toolservers.crm.truth import contradictions
from toolservers.crm.world import layout
from toolservers.crm.world.layout import HEAD, MIGRATIONS, stamp, upgrade
from toolservers.crm.world.migrations import carrying
from toolservers.crm.world.tables import (
    addresses,
    counters,
    metadata,
    prices,
    shipments,
    subscriptions,
    world,
)
from toolward.errors import ConfigurationError
from toolward.store import open_store, read_transaction, write_transaction
from toolward.store.postgres import open_postgres

BEFORE = Path(__file__).parent.parent / "data" / "crm_layout_1.sql"
"""The world `tiny` as the program before made it, with a refund and a message under keys."""


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "crm.db"
    connection = sqlite3.connect(path)
    connection.executescript(BEFORE.read_text())
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Engine]:
    fresh: dict[str, Callable[[], Engine]] = {
        "sqlite": lambda: open_store(tmp_path / "crm.db"),
        "postgresql": lambda: open_postgres(postgres.fresh()),
    }
    engine = fresh[request.param]()
    yield engine
    engine.dispose()


def differences(connection: Connection) -> list[Any]:
    # alembic takes SQLite's own way to write an empty text for another default; `shape` compares those
    defaults = connection.dialect.name != "sqlite"
    options = {"compare_type": True, "compare_server_default": defaults, "include_object": of_ours}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def shape(connection: Connection) -> dict[str, tuple[Any, ...]]:
    """What alembic does not compare."""
    look = inspect(connection)
    return {
        table.name: (
            sorted(str(check["name"]) for check in look.get_check_constraints(table.name)),
            [column["default"] for column in look.get_columns(table.name)],
        )
        for table in metadata.sorted_tables
    }


def of_ours(_item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return not (kind == "table" and name in ("alembic_version", "toolward_keys"))


def everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with read_transaction(engine) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def test_migrations_make_the_tables_of_today(empty: Engine) -> None:
    """Where this fails and the newest revision was never released, copy world/tables.py to its layout_N.py; else
    write another revision."""
    with write_transaction(empty) as connection:
        stamp(connection, "0001")
        connection.execute(text("DELETE FROM alembic_version"))
        upgrade(connection, "", {"alembic_version"})
        assert differences(connection) == []
        migrated = shape(connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert differences(connection) == []
        assert shape(connection) == migrated


def test_the_newest_revision_is_the_one_that_new_databases_get() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_an_older_file_is_carried_over_with_every_row_and_key(old_file: Path) -> None:
    old = sqlite3.connect(old_file)
    kept = "customers products orders order_lines shipments payments refunds tickets messages toolward_keys"
    counts = {name: old.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in kept.split()}
    old.close()
    async with server.running(Settings(old_file)):
        refunded = await call("refund_payment", key="k1", **DAMAGED)
        assert refunded.structured["refund_id"] == "REF-9004"
        assert (await call("get_record", record_id="PAY-5007")).structured["remaining"][
            "amount_minor"
        ] == 7208
        more = await call("refund_payment", key="k3", **DAMAGED | {"amount_minor": 100})
        assert more.structured["refund_id"] == "REF-9005"
    engine = open_world(old_file, "tiny", 0)
    with read_transaction(engine) as connection:
        assert contradictions(connection) == []
        names = inspect(connection).get_table_names()
        assert not [name for name in names if name.startswith("old_")]
        assert str(connection.scalar(select(world.c.now))) == "2026-11-16 09:00:00"
        now = {name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in counts}
        assert now == counts | {
            "refunds": counts["refunds"] + 1,
            "toolward_keys": counts["toolward_keys"] + 1,
        }
        assert (
            connection.scalar(select(shipments.c.id).where(shipments.c.order_id == "ORD-1007")) == "SHP-6007"
        )
        assert (
            connection.scalar(select(addresses.c.city).where(addresses.c.customer_id == "CUS-2001"))
            == "Utrecht"
        )
        pounds = select(prices.c.amount_minor).where(
            prices.c.product_id == "PRD-7012", prices.c.currency == "GBP"
        )
        assert connection.scalar(pounds) == 2_800
        assert connection.scalars(select(subscriptions.c.plan).order_by(subscriptions.c.id)).all() == [
            "Team",
            "Scale",
        ]
        assert {row.record_type: row.last for row in connection.execute(select(counters))}["ticket"] == 3008
    engine.dispose()


@pytest.mark.parametrize("in_migration", [True, False])
def test_a_migration_that_fails_leaves_the_old_file_as_it_was(
    old_file: Path, monkeypatch: pytest.MonkeyPatch, in_migration: bool
) -> None:
    before = dump(old_file)

    def fail(*_arguments: object) -> Any:
        raise RuntimeError("no power")

    if in_migration:
        monkeypatch.setattr(carrying, "_counters", fail)
    else:
        monkeypatch.setattr(layout, "upgrade", fail)
    with pytest.raises(RuntimeError, match="no power"):
        open_world(old_file, "tiny", 0)
    assert dump(old_file) == before


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_is_newer_or_not_ours_is_refused_and_left_as_it_was(tmp_path: Path, database: str) -> None:
    where = tmp_path / "crm.db" if database == "sqlite" else postgres.fresh()
    engine = open_world(where, "tiny", 0)
    with write_transaction(engine) as connection:
        stamp(connection, "0099")
    before = everything(engine)
    with pytest.raises(ConfigurationError, match="has layout 0099, and this program knows them up to"):
        open_world(where, "tiny", 0)
    with write_transaction(engine) as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    with pytest.raises(ConfigurationError, match="is not a CRM database; it was left as it is"):
        open_world(where, "tiny", 0)
    assert everything(engine) == before
    engine.dispose()


def test_a_database_of_today_opens_without_alembic_and_a_list_of_tools_without_a_database(
    tmp_path: Path,
) -> None:
    program = """
import sys
from toolservers.crm import tools
assert not {"sqlalchemy", "alembic", "mimesis", "psycopg"} & set(sys.modules), "listing"
from toolservers.crm.storage.database import open_world
open_world(sys.argv[1], "tiny", 0).dispose()
open_world(sys.argv[1], "tiny", 0).dispose()
assert not {"alembic", "mimesis", "psycopg"} & set(sys.modules), "opening"
"""
    done = run(
        [sys.executable, "-c", program, str(tmp_path / "crm.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
