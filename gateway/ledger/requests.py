"""Input requests: what people must answer, each bound to exactly one call of one run.

Every write of one is here: `_insert` makes a row, and `_move` is the one way from state to state, by the table of
legal transitions (`gateway.core.requests.SOURCES`).
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, insert, or_, select, update

from gateway.core.ports import ApprovalGone, Binding, RequestSpec
from gateway.core.requests import SOURCES
from gateway.ledger import tables
from gateway.ledger.tables import input_requests
from toolward.errors import Conflict, NotFound, Overloaded
from toolward.types import InputRequest, RequestKind, RequestState, RunScope, RunState

_columns = input_requests.c
_WITH_PEOPLE = (RequestState.OPEN, RequestState.TAKEN)
_EXPIRING = (RequestState.OPEN, RequestState.APPROVED)
_ANSWERED = (RequestState.APPROVED, RequestState.DENIED)


def find(connection: Connection, binding: Binding, now: int) -> RequestSpec | None:
    """The newest open, approved or denied, not expired request of the same call."""
    return _newest(connection, binding, now, (*_EXPIRING, RequestState.DENIED))


def used_by(connection: Connection, run_id: str, call_id: str) -> RequestSpec | None:
    """The approval that this call has used up."""
    this = and_(_columns.run_id == run_id, _in({RequestState.CONSUMED}), _columns.call_id == call_id)
    return next(iter(_all(connection, this)), None)


def open_or_get(connection: Connection, spec: RequestSpec, now: int, at_most: int = 0) -> InputRequest:
    """Opens the request; when it was opened before, or the same call has an open or taken one already, or one that
    was approved or denied in this moment, gives that. Raises Overloaded."""
    if (opened := connection.execute(_by_id(spec.request.id)).one_or_none()) is not None:
        return _spec(opened).request
    known = _newest(connection, spec.binding, now, {*_WITH_PEOPLE, *_ANSWERED})
    if known is not None and (known.request.state in _WITH_PEOPLE or known.tool_digest == spec.tool_digest):
        return known.request
    whose = and_(_columns.tenant == spec.tenant, _columns.principal == spec.principal)
    _expire(connection, now, whose)
    if at_most:
        query = select(func.count()).where(whose, _columns.state == RequestState.OPEN.value)
        if connection.execute(query).scalar_one() >= at_most:
            raise Overloaded(
                f"{spec.principal} has {at_most} open input requests, and no more are taken.",
                hint="Answer or withdraw some: `toolward inbox list` shows them.",
            )
    _insert(connection, spec)
    return spec.request


def get(connection: Connection, request_id: str) -> RequestSpec:
    """Raises NotFound."""
    row = connection.execute(_by_id(request_id)).one_or_none()
    if row is None:
        raise not_found(request_id)
    return _spec(row)


def open_ones(connection: Connection, tenant: str, run_id: str | None, now: int) -> tuple[RequestSpec, ...]:
    """The open and the taken ones, oldest first."""
    chosen = and_(_columns.tenant == tenant, _in(_WITH_PEOPLE), _unexpired(now))
    if run_id is not None:
        chosen = and_(chosen, _columns.run_id == run_id)
    return _all(connection, chosen)


def live_ones(connection: Connection, now: int) -> tuple[RequestSpec, ...]:
    """Open, taken or approved, of all tenants; oldest first."""
    return _all(connection, and_(_in({*_WITH_PEOPLE, *_EXPIRING}), _unexpired(now)))


def left_open(connection: Connection, run_id: str = "") -> tuple[RequestSpec, ...]:
    """Open, taken or approved, of runs that were cancelled."""
    runs = tables.runs.c
    cancelled = exists().where(runs.id == _columns.run_id, runs.state == RunState.CANCELLED.value)
    chosen = and_(_in({*_WITH_PEOPLE, *_EXPIRING}), cancelled)
    return _all(connection, and_(chosen, _columns.run_id == run_id) if run_id else chosen)


def close(
    connection: Connection, request_id: str, request: InputRequest, answered_by: str, sent_digest: str = ""
) -> None:
    """Raises Conflict when it cannot come into this state any more, NotFound when it never was."""
    values = {
        "prompt": request.prompt,
        "detail": _json(request.detail),
        "approvers": _json(request.approvers),
        "expires_at": request.expires_at,
    }
    values |= {"answered_by": answered_by} if answered_by else {}
    values |= {"sent_digest": sent_digest} if sent_digest else {}
    if not _move(connection, _columns.id == request_id, request.state, values):
        state = get(connection, request_id).request.state
        raise Conflict(
            f"The input request {request_id} is {state.value} already.",
            hint="List the requests that are open.",
        )


def replace(
    connection: Connection, request_id: str, void: InputRequest, spec: RequestSpec, answered_by: str
) -> None:
    """The one void, the other open in its place. Raises as `close`."""
    close(connection, request_id, void, answered_by)
    _insert(connection, spec)


def use_up(connection: Connection, request_id: str, now: int, call_id: str = "") -> None:
    """Raises ApprovalGone when it is not approved (any more), or expired."""
    this = and_(_columns.id == request_id, _unexpired(now))
    if not _move(connection, this, RequestState.CONSUMED, {"call_id": call_id}):
        raise ApprovalGone(
            f"The approval {request_id} cannot be used: it was used before, withdrawn, or has expired.",
            hint="Make the call again to ask for a new one.",
        )


def expire(connection: Connection, now: int) -> tuple[RequestSpec, ...]:
    """Closes what is open or approved and over its time; which they were."""
    late = _all(connection, and_(_in(_EXPIRING), _columns.expires_at > 0, _columns.expires_at <= now))
    if late:
        _expire(connection, now, _columns.id.in_([spec.request.id for spec in late]))
    return late


def not_found(request_id: str) -> NotFound:
    return NotFound(
        f"There is no input request {request_id[:128]!r}.", hint="List the requests that you may answer."
    )


# --- writing --------------------------------------------------------------------------------------------


def _insert(connection: Connection, spec: RequestSpec) -> None:
    connection.execute(insert(input_requests).values(**_values(spec)))


def _move(
    connection: Connection, which: ColumnElement[bool], to: RequestState, values: dict[str, Any]
) -> int:
    """Those of `which` that may come into this state come into it; how many they were."""
    changed = connection.execute(
        update(input_requests).where(which, _in(SOURCES[to])).values(state=to.value, **values)
    )
    return changed.rowcount


def _expire(connection: Connection, now: int, which: ColumnElement[bool]) -> None:
    late = and_(which, _columns.expires_at > 0, _columns.expires_at <= now)
    _move(connection, late, RequestState.EXPIRED, {})


# --- reading --------------------------------------------------------------------------------------------


def _by_id(request_id: str) -> Select[Any]:
    return select(input_requests).where(_columns.id == request_id)


def _newest(
    connection: Connection, binding: Binding, now: int, states: Iterable[RequestState]
) -> RequestSpec | None:
    tenant, principal, tool, digest, run_id = binding
    query = (
        select(input_requests)
        .where(
            _columns.tenant == tenant,
            _columns.principal == principal,
            _columns.tool == tool,
            _columns.arguments_digest == digest,
            _columns.run_id == run_id,
            _in(states),
            _unexpired(now),
        )
        .order_by(_columns.created_at.desc(), _columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _spec(row)


def _all(connection: Connection, chosen: ColumnElement[bool]) -> tuple[RequestSpec, ...]:
    query = select(input_requests).where(chosen).order_by(_columns.created_at, _columns.id)
    return tuple(_spec(row) for row in connection.execute(query))


def _in(states: Iterable[RequestState]) -> ColumnElement[bool]:
    return _columns.state.in_(sorted(state.value for state in states))


def _unexpired(now: int) -> ColumnElement[bool]:
    """A case that a person has taken over does not expire."""
    taken = _columns.state == RequestState.TAKEN.value
    return or_(_columns.expires_at == 0, _columns.expires_at > now, taken)


def _values(spec: RequestSpec) -> dict[str, Any]:
    request = spec.request
    return {
        "id": request.id,
        "run_id": request.run_id,
        "tenant": spec.tenant,
        "principal": spec.principal,
        "tool": spec.tool,
        "arguments_digest": spec.arguments_digest,
        "tool_digest": spec.tool_digest,
        "version": spec.version,
        "roles": _json(spec.roles),
        "scope": _json(spec.run),
        "sent_digest": spec.sent_digest,
        "kind": request.kind.value,
        "state": request.state.value,
        "prompt": request.prompt,
        "detail": _json(request.detail),
        "approvers": _json(request.approvers),
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "choices": _json(request.choices),
    }


def _spec(row: Row[Any]) -> RequestSpec:
    request = InputRequest(
        id=row.id,
        kind=RequestKind(row.kind),
        state=RequestState(row.state),
        prompt=row.prompt,
        run_id=row.run_id,
        detail=msgspec.json.decode(row.detail),
        approvers=tuple(msgspec.json.decode(row.approvers)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        choices=tuple(msgspec.json.decode(row.choices)),
    )
    return RequestSpec(
        request,
        row.principal,
        row.tenant,
        row.tool,
        row.arguments_digest,
        row.tool_digest,
        tuple(msgspec.json.decode(row.roles)),
        msgspec.json.decode(row.scope, type=RunScope | None),
        row.version,
        row.sent_digest,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
