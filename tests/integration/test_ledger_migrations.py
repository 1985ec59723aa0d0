"""Ledgers of older schemas are brought forward when they are opened, and are whole afterwards."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.agent.events import RunStarted
from gateway.agent.stored import decode
from gateway.core.digests import text_digest
from gateway.core.ports import RunAppend, StoredEvent
from gateway.ledger import schema
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.migrations import STEPS
from gateway.ledger.verify import Verified, verify
from toolward.errors import ConfigurationError
from toolward.types import RequestState, RunFilter, RunState

RECORDED = Path(__file__).parent / "ledgers"
"""Files as a Toolward of that schema wrote them, as SQL, with its checkpoints outside; the first line is its public
key. For a new schema: record one before it changes."""


def recorded(folder: Path, version: int) -> Path:
    """The recorded ledger of a schema, as a file."""
    path = folder / "ledger.db"
    text = (RECORDED / f"schema_{version}.sql").read_text()
    _, _, key_id, key = text.partition("\n")[0].split()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(text)
    (folder / "ledger-keys").mkdir(mode=0o700)
    (folder / "ledger-keys" / f"{key_id}.pub").write_bytes(bytes.fromhex(key))
    outside(str(path)).write_bytes((RECORDED / f"schema_{version}.jsonl").read_bytes())
    return path


def verified(path: Path) -> Verified:
    return verify(path, keys_beside(str(path)), outside(str(path)))


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def shape(path: Path) -> dict[str, Any]:
    """Columns, keys and indexes, whatever their order."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        tables = {
            name: sorted(tuple(row)[1:] for row in connection.execute(f"PRAGMA table_info({name})"))
            for name in names
        }
        indexes = {
            row[0]: (row[1], list(connection.execute(f"PRAGMA index_xinfo({row[0]})")))
            for row in connection.execute(
                "SELECT name, tbl_name FROM sqlite_schema WHERE sql LIKE 'CREATE INDEX%'"
            )
        }
        return {"tables": tables, "indexes": sorted(indexes), "on": {k: v[0] for k, v in indexes.items()}}


@pytest.mark.parametrize("version", [version - 1 for version in STEPS])
async def test_every_older_ledger_becomes_what_a_new_one_is(
    tmp_path: Path, version: int, caplog: pytest.LogCaptureFixture
):
    path = recorded(tmp_path, version)
    with pytest.raises(ConfigurationError, match=rf"older Toolward \(schema {version}") as caught:
        verified(path)
    assert "toolward up" in (caught.value.hint or "")
    with caplog.at_level(logging.WARNING):
        async with Ledger.open(path):
            pass
    assert f"brought from schema {version} to {version + 1}" in caplog.text
    assert f"has schema {schema.SCHEMA_VERSION} now" in caplog.text
    assert verified(path).findings == []
    fresh = tmp_path / "fresh.db"
    async with Ledger.open(fresh):
        pass
    assert shape(path) == shape(fresh)
    caplog.clear()
    async with Ledger.open(path):  # once is enough
        pass
    assert "brought from" not in caplog.text


async def test_what_schema_2_kept_is_read_and_goes_on(tmp_path: Path):
    path = recorded(tmp_path, 2)
    async with Ledger.open(path) as ledger:
        events = await ledger.events("run_1")
        assert isinstance(decode(events[0]), RunStarted)
        assert [event.type for event in events][-2:] == ["model_replied", "run_completed"]
        assert events[-1].data == {"version": 1, "answer": "Ada, it is on its way."}
        page = await ledger.find("default", RunFilter(state=RunState.COMPLETED), size=5, cursor=None)
        assert [(run.id, run.parent) for run in page.runs] == [("run_1", "")]
        assert (await ledger.get_request("req_2")).request.state is RequestState.CONSUMED
        assert [one.request.id for one in await ledger.list_requests("default")] == ["req_1"]
        lease = await ledger.take("run_2", "one", 10)
        assert lease is not None
        digest = text_digest(b"Yes.")
        answered = StoredEvent("input_answered", 1, b'{"version":1}', {"text": digest}, {}, {digest: b"Yes."})
        run = (await ledger.get("run_2")).run
        await ledger.append(RunAppend("run_2", 5, (answered,), run, lease.epoch))
        assert [event.data.get("text") for event in (await ledger.events("run_2"))[2:]] == [
            "",
            None,
            None,
            "Yes.",
        ]
    assert verified(path).findings == []


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = recorded(tmp_path, 2)
    before = dump(path)
    monkeypatch.setattr(schema, "STEPS", {3: (*STEPS[3], "ALTER TABLE nothing ADD COLUMN x")})
    with pytest.raises(ConfigurationError, match=r"ledger\.db cannot be used.*It is as it was") as caught:
        async with Ledger.open(path):
            pass
    assert caught.value.hint
    assert dump(path) == before
    monkeypatch.undo()
    async with Ledger.open(path) as ledger:
        assert len(await ledger.events("run_1")) == 7
    assert verified(path).findings == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET parent = 'run_2', parent_seq = 2 WHERE id = 'run_1'",
        "UPDATE runs SET parent_seq = 2 WHERE id = 'run_1'",
        """UPDATE input_requests SET choices = '["go_on"]' WHERE id = 'req_1'""",
    ],
)
async def test_what_a_hand_puts_into_newer_columns_is_found(tmp_path: Path, statement: str):
    path = recorded(tmp_path, 2)
    async with Ledger.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    assert not verified(path).is_whole
