"""What was used: by day what calls and models took, the runs that were started, and how long people were waited
for."""

from sqlalchemy import ColumnElement, Connection, func, select

from gateway.core.ports import HumanWait, RunKind, Used
from gateway.ledger.days import DAY, Days
from gateway.ledger.tables import input_requests, request_transitions, runs
from toolward.types import RequestState

_runs, _asked, _moved = runs.c, input_requests.c, request_transitions.c
_ANSWERS = tuple(
    state.value
    for state in (RequestState.TAKEN, RequestState.APPROVED, RequestState.DENIED, RequestState.ANSWERED)
)
"""The states into which a person brings a request; what expires or becomes void was not answered."""


def used(connection: Connection, days: Days, tenant: str, since: int, until: int) -> Used:
    """Times in Unix ms; 0 is no bound."""
    there = days.between(connection, tenant, since, until)
    return Used(
        tuple(day for day in there if day.calls or day.replies),
        _started(connection, tenant, since, until),
        _waits(connection, tenant, since, until),
    )


def _started(connection: Connection, tenant: str, since: int, until: int) -> dict[tuple[int, RunKind], int]:
    day = (_runs.created_at // DAY).label("day")
    query = (
        select(day, _runs.agent, _runs.state, func.count())
        .where(_runs.tenant == tenant, *_within(_runs.created_at, since, until))
        .group_by(day, _runs.agent, _runs.state)
    )
    return {(int(at), (agent, state)): count for at, agent, state, count in connection.execute(query)}


def _waits(connection: Connection, tenant: str, since: int, until: int) -> tuple[HumanWait, ...]:
    """By the day on which they were asked."""
    answered = (
        select(_moved.request_id, func.min(_moved.at).label("at"))
        .where(_moved.state.in_(_ANSWERS))
        .group_by(_moved.request_id)
        .subquery()
    )
    query = (
        select(_asked.created_at, func.coalesce(_runs.agent, ""), answered.c.at)
        .select_from(input_requests)
        .join(answered, answered.c.request_id == _asked.id)
        .outerjoin(runs, _runs.id == _asked.run_id)
        .where(_asked.tenant == tenant, *_within(_asked.created_at, since, until))
    )
    return tuple(
        HumanWait(asked // DAY, agent, max(at - asked, 0)) for asked, agent, at in connection.execute(query)
    )


def _within(column: ColumnElement[int], since: int, until: int) -> list[ColumnElement[bool]]:
    return [*([column >= since] if since else ()), *([column < until] if until else ())]
