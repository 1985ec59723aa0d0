"""Which words are to be erased: of calls, of one run, of a principal, or of all that ended before a time."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select

from gateway.core.ports import ERASED
from gateway.ledger import tables
from gateway.ledger.erasure import What
from gateway.ledger.run_events import not_found
from gateway.ledger.unfinished import ENDED, undecided, unfinished
from toolward.errors import Conflict

_runs, _calls, _asked = tables.runs.c, tables.call_records.c, tables.input_requests.c
_payloads, _moved = tables.call_payloads.c, tables.request_transitions.c


def of_run(connection: Connection, run_id: str, now: int) -> What:
    """Raises NotFound, and Conflict for a run that is not over."""
    if connection.execute(select(_runs.id).where(_runs.id == run_id)).one_or_none() is None:
        raise not_found(run_id)
    if run_id in unfinished(connection):
        raise Conflict(
            f"The run {run_id} is not over, or one that was retried from it is not: its words are needed.",
            hint="Cancel it first: toolward run cancel.",
        )
    calls = _all(connection, _with_payloads(_calls.run_id == run_id))
    runs = _all(connection, select(_runs.id).where(_runs.id == run_id))
    which = and_(_asked.run_id == run_id, _not_erased())
    return What(calls, runs, _all(connection, select(_asked.id).where(which, ~undecided(now))))


def of_principal(connection: Connection, principal: str, tenant: str, now: int) -> What:
    busy = unfinished(connection)
    own = and_(_runs.owner == principal, _runs.tenant == tenant)
    runs = _all(connection, select(_runs.id).where(own, _words_left()))
    made = and_(_asked.principal == principal, _asked.tenant == tenant, _not_erased())
    requests = connection.execute(
        select(_asked.id, _asked.run_id, undecided(now).label("live")).where(made)
    ).all()
    whose = and_(_calls.principal == principal, _calls.tenant == tenant)
    waiting = [row.id for row in requests if row.live or row.run_id in busy]
    return What(
        _all(connection, _with_payloads(whose), busy),
        [run for run in runs if run not in busy],
        [row.id for row in requests if row.id not in set(waiting)],
        [*(run for run in runs if run in busy), *waiting],
    )


def ended_before(connection: Connection, before: int, now: int, at_most: int) -> What:
    """`before` is in Unix ms; of each kind `at_most` are given, the oldest."""
    busy = unfinished(connection)
    over = and_(_runs.state.in_(sorted(ENDED)), _runs.updated_at < before, _words_left())
    runs = _all(connection, select(_runs.id).where(over).order_by(_runs.created_at), busy, at_most)
    moved_since = exists().where(_moved.request_id == _asked.id, _moved.at >= before)
    quiet = and_(_asked.created_at < before, _not_erased(), ~undecided(now), ~moved_since)
    requests = connection.execute(select(_asked.id, _asked.run_id).where(quiet)).all()
    calls = _with_payloads(_calls.at < before).order_by(_calls.at)
    return What(
        _all(connection, calls, busy, at_most),
        runs,
        [row.id for row in requests if row.run_id not in busy][:at_most],
    )


def _words_left() -> ColumnElement[bool]:
    return _runs.erased_seq < _runs.last_seq


def _not_erased() -> ColumnElement[bool]:
    return _asked.prompt != ERASED


def _with_payloads(which: ColumnElement[bool]) -> Select[Any, Any]:
    return select(_calls.id, _calls.run_id).where(which, exists().where(_payloads.call_id == _calls.id))


def _all(connection: Connection, query: Any, busy: set[str] | None = None, at_most: int = -1) -> list[str]:
    """Ids, in order; without those that are, or are of, a busy run."""
    found: list[str] = []
    for row in connection.execute(query):
        if len(found) == at_most:
            break
        if busy is None or row[-1] not in busy:
            found.append(row[0])
    return found
