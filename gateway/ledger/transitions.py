"""Every transition of an input request is a row of its own, whatever made it: the request's row itself changes.

A trigger of this connection notes which requests were written, so nothing that answers, withdraws or uses up a
request can forget it. It does not outlive the connection: what another program writes into the file is not noted,
and so is found by `verify`.
"""

import sqlite3
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, event, func, insert, select, text

from gateway.ledger import tables
from gateway.ledger.chain import salted
from toolward.store import Prepared

_LATER = {"choices": "[]"}

_TRIGGERS = """
CREATE TEMP TABLE written_requests (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TRIGGER request_added AFTER INSERT ON main.input_requests
BEGIN INSERT OR IGNORE INTO written_requests VALUES (NEW.id); END;
CREATE TEMP TRIGGER request_changed AFTER UPDATE ON main.input_requests
BEGIN INSERT OR IGNORE INTO written_requests VALUES (NEW.id); END;
"""

_WRITTEN = Prepared(text("SELECT id FROM written_requests"))  # asked in every commit


def watch_requests(engine: Engine) -> None:
    """For every connection from now on; the tables must be there."""
    event.listen(engine, "connect", _watch)
    engine.dispose()


def _watch(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA temp_store=MEMORY")  # a full disk must not stand in the way of reading
    connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
    connection.executescript(_TRIGGERS)


def store_transitions(connection: Connection, now: int) -> list[dict[str, Any]]:
    """One for each request that was written in this transaction since the last time. `now` is in Unix ms."""
    written = [row[0] for row in _WRITTEN.run(connection, {}).fetchall()]
    if not written:
        return []
    connection.exec_driver_sql("DELETE FROM written_requests")
    made = [_transition(connection, request_id, now) for request_id in written]
    connection.execute(insert(tables.request_transitions), made)
    return made


def content_of(request: RowMapping) -> bytes:
    """What a transition's digest is of: the whole row, column by column. What came with a later schema counts where
    it has a value, so that older digests still fit."""
    columns = [column.name for column in tables.input_requests.columns if column.name not in _LATER]
    columns += [name for name, empty in _LATER.items() if request[name] != empty]
    return msgspec.json.encode([request[name] for name in columns])


def _transition(connection: Connection, request_id: str, now: int) -> dict[str, Any]:
    requests, transitions = tables.input_requests, tables.request_transitions
    row = connection.execute(select(requests).where(requests.c.id == request_id)).mappings().one()
    last = select(func.max(transitions.c.number)).where(transitions.c.request_id == request_id)
    salt, digest = salted(content_of(row))
    return {
        "request_id": request_id,
        "number": (connection.execute(last).scalar_one() or 0) + 1,
        "at": now,
        "state": row["state"],
        "answered_by": row["answered_by"],
        "salt": salt,
        "row_digest": digest,
    }
