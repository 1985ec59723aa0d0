"""What is not over: its words are needed."""

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from gateway.ledger import tables
from gateway.ledger.run_events import chunks
from toolward.types import RequestState, RunState

ENDED = frozenset(state.value for state in RunState if state.ended)
_UNDECIDED = (RequestState.OPEN.value, RequestState.APPROVED.value)

_runs, _asked = tables.runs.c, tables.input_requests.c


def unfinished(connection: Connection) -> set[str]:
    """The ids of the runs that are not over, and of those with whose events they begin."""
    states = [state.value for state in RunState if not state.ended]
    query = select(_runs.id, _runs.parent).where(_runs.state.in_(states))
    found: set[str] = set()
    above: set[str] = set()
    for run_id, parent in connection.execute(query):
        found.add(run_id)
        above.add(parent)
    while above := above - found - {""}:
        found |= above
        parents = (select(_runs.parent).where(_runs.id.in_(some)) for some in chunks(sorted(above)))
        above = {parent for query in parents for parent in connection.execute(query).scalars()}
    return found


def undecided(now: int) -> ColumnElement[bool]:
    """Input requests that somebody may still answer or use. `now` is in Unix ms."""
    live = and_(_asked.state.in_(_UNDECIDED), or_(_asked.expires_at == 0, _asked.expires_at > now))
    return or_(live, _asked.state == RequestState.TAKEN.value)
