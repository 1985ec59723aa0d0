"""Calls on record as people look at them: lists in pages, newest first; how many are alike; what rules decided."""

from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_

from gateway.core.ports import (
    SEARCHED,
    UNDER_WAY,
    CallCount,
    CallFilter,
    CallKind,
    CallLine,
    CallPage,
    RuleHits,
)
from gateway.ledger.cursors import read_cursor, write_cursor
from gateway.ledger.days import Days
from gateway.ledger.tables import call_outcomes, call_payloads, call_records

MAX_PAGE = 1_000
"""Calls that one page has at most: pages for people have fewer, files more."""

_calls, _ends, _kept = call_records.c, call_outcomes.c, call_payloads.c


def find_calls(
    connection: Connection, tenant: str, only: CallFilter, *, size: int, cursor: str | None
) -> CallPage:
    """Raises InvalidRequest for a cursor that is none of ours."""
    size = min(max(size, 1), MAX_PAGE)
    chosen = [*_around(connection, tenant, only), *_facets(only)]
    if cursor:
        last = read_cursor(cursor, "calls")
        chosen.append(tuple_(_calls.at, _calls.id) < tuple_(last.at, last.id))
    found = select(_calls.id).where(and_(*chosen)).order_by(_calls.at.desc(), _calls.id.desc())
    if only.outcome:
        code = func.coalesce(_ends.code, UNDER_WAY) == only.outcome
        found = found.select_from(call_records).outerjoin(call_outcomes, _ended()).where(code)
    these = found.limit(size + 1).subquery()  # out of the indexes alone; the rows of one page come then
    query = (
        select(call_records, _ends.code, _ends.duration_us, _ends.message)
        .select_from(call_records)
        .join(these, these.c.id == _calls.id)
        .outerjoin(call_outcomes, _ended())
        .order_by(_calls.at.desc(), _calls.id.desc())
    )
    rows = connection.execute(query).all()
    lines = tuple(
        CallLine(
            *(row.id, row.at, row.principal, row.tool, row.effect, row.rule, row.code or UNDER_WAY),
            changes=bool(row.changes),
            run_id=row.run_id,
            agent=row.agent,
            duration_us=row.duration_us,
            message=row.message or "",
        )
        for row in rows[:size]
    )
    return CallPage(lines, write_cursor(lines[-1].at, lines[-1].id) if len(rows) > size else None)


def rule_hits(connection: Connection, tenant: str, since: int, until: int = 0) -> dict[str, RuleHits]:
    chosen = _around(connection, tenant, CallFilter(since=since, until=until))
    query = (
        select(_calls.rule, func.count().label("calls"), func.max(_calls.at).label("last_at"))
        .where(*chosen)
        .group_by(_calls.rule)
    )
    return {row.rule: RuleHits(row.calls, row.last_at) for row in connection.execute(query)}


def count_calls(connection: Connection, days: Days, tenant: str, only: CallFilter) -> tuple[CallCount, ...]:
    if not (only.run or only.text):
        counts: dict[CallKind, int] = {}
        for day in days.between(connection, tenant, only.since, only.until):
            for kind, calls in day.calls.items():
                counts[kind] = counts.get(kind, 0) + calls
        return tuple(CallCount(*kind, calls) for kind, calls in counts.items())
    code = func.coalesce(_ends.code, UNDER_WAY).label("code")
    alike = (_calls.tool, _calls.principal, _calls.effect, _calls.rule, code)
    query = (
        select(*alike, func.count())
        .select_from(call_records)
        .outerjoin(call_outcomes, _ended())
        .where(*_around(connection, tenant, only))
        .group_by(*alike)
    )
    return tuple(CallCount(*row) for row in connection.execute(query))


def _ended() -> ColumnElement[bool]:
    """Outcomes add up; the newest says how the call ended. By the call's id, too: so the index is enough."""
    ends = call_outcomes.alias()
    newest = select(func.max(ends.c.id)).where(ends.c.call_id == _calls.id).scalar_subquery()
    return and_(_ends.call_id == _calls.id, _ends.id == newest)


def _around(connection: Connection, tenant: str, only: CallFilter) -> list[ColumnElement[bool]]:
    """What bounds the calls among which people choose."""
    # Bare, the tenant would send SQLite through all of its calls where those of one run are wanted.
    conditions = [(func.coalesce(_calls.tenant, "") if only.run else _calls.tenant) == tenant]
    if only.since:
        conditions.append(_calls.at >= only.since)
    if only.until:
        conditions.append(_calls.at < only.until)
    if only.run:
        conditions.append(_calls.run_id == only.run)
    if only.text:
        body = select(_kept.call_id).where(_kept.call_id == _calls.id, _kept.outcome == 0)
        conditions.append(_calls.at >= _searched_from(connection, tenant, only))
        conditions.append(body.where(func.instr(_kept.body, only.text.encode()) > 0).exists())
    return conditions


def _searched_from(connection: Connection, tenant: str, only: CallFilter) -> int:
    """The time of the oldest call whose arguments are looked into."""
    times = select(_calls.at).where(_calls.tenant == tenant).order_by(_calls.at.desc(), _calls.id.desc())
    if only.until:
        times = times.where(_calls.at < only.until)
    return connection.execute(times.offset(SEARCHED - 1).limit(1)).scalar_one_or_none() or 0


def _facets(only: CallFilter) -> list[ColumnElement[bool]]:
    named = (("tool", only.tool), ("principal", only.principal), ("effect", only.effect))
    conditions: list[ColumnElement[bool]] = [_calls[name] == value for name, value in named if value]
    if only.rule is not None:
        conditions.append(_calls.rule == only.rule)
    return conditions
