"""Lists of runs: by what they are filtered, in pages, newest first."""

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select, tuple_

from gateway.core.ports import RunRecord
from gateway.ledger import tables
from gateway.ledger.cursors import read_cursor, write_cursor
from gateway.ledger.runs import record_of
from toolward.types import RunFilter, RunPage

MAX_PAGE = 200

_runs = tables.runs.c


def find(connection: Connection, tenant: str, only: RunFilter, *, size: int, cursor: str | None) -> RunPage:
    """Raises InvalidRequest for a cursor that is none of ours."""
    size = min(max(size, 1), MAX_PAGE)
    found: list[RunRecord] = [
        record_of(row) for row in connection.execute(query(tenant, only, cursor).limit(size + 1))
    ]
    page = tuple(record.run for record in found[:size])
    return RunPage(page, write_cursor(page[-1].created_at, page[-1].id) if len(found) > size else None)


def query(tenant: str, only: RunFilter, cursor: str | None) -> Select[tuple[object, ...]]:
    chosen = and_(_runs.tenant == tenant, *_conditions(only))
    if cursor:
        last = read_cursor(cursor, "runs")
        chosen = and_(chosen, tuple_(_runs.created_at, _runs.id) < tuple_(last.at, last.id))
    return select(tables.runs).where(chosen).order_by(_runs.created_at.desc(), _runs.id.desc())


def _conditions(only: RunFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if only.owner:
        conditions.append(_runs.owner == only.owner)
    if only.agent:
        conditions.append(_runs.agent == only.agent)
    if only.state is not None:
        conditions.append(_runs.state == only.state.value)
    if only.since:
        conditions.append(_runs.created_at >= only.since)
    if only.until:
        conditions.append(_runs.created_at < only.until)
    if only.min_tokens:
        conditions.append(_runs.input_tokens + _runs.output_tokens >= only.min_tokens)
    if only.tool:
        calls = tables.call_records.c
        called = and_(calls.run_id == _runs.id, calls.tool == only.tool, calls.effect != "deny")
        conditions.append(exists().where(called))
    return conditions
