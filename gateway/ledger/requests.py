"""Input requests: what people must answer, each bound to exactly one call of one run."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from gateway.core.ports import RequestSpec
from gateway.ledger.tables import input_requests
from toolward.errors import Conflict, NotFound
from toolward.types import InputRequest, RequestKind, RequestState

_columns = input_requests.c


def find(connection: Connection, spec: RequestSpec, now: int) -> InputRequest | None:
    """The newest open or approved, not expired request of the same call."""
    return _newest(connection, spec, now, (RequestState.OPEN, RequestState.APPROVED))


def open_or_get(connection: Connection, spec: RequestSpec, now: int) -> InputRequest:
    """Opens the request; when the same call has an open one already, gives that."""
    if (known := _newest(connection, spec, now, (RequestState.OPEN,))) is not None:
        return known
    connection.execute(insert(input_requests).values(**_values(spec)))
    return spec.request


def get(connection: Connection, request_id: str) -> RequestSpec:
    """Raises NotFound."""
    row = connection.execute(select(input_requests).where(_columns.id == request_id)).one_or_none()
    if row is None:
        raise not_found(request_id)
    return _spec(row)


def open_ones(connection: Connection, tenant: str, run_id: str | None, now: int) -> tuple[RequestSpec, ...]:
    """Oldest first."""
    chosen = and_(_columns.tenant == tenant, _columns.state == RequestState.OPEN.value, _unexpired(now))
    if run_id is not None:
        chosen = and_(chosen, _columns.run_id == run_id)
    query = select(input_requests).where(chosen).order_by(_columns.created_at, _columns.id)
    return tuple(_spec(row) for row in connection.execute(query))


def close(connection: Connection, request_id: str, request: InputRequest, answered_by: str) -> None:
    """Raises Conflict when it is not open any more, NotFound when it never was."""
    changed = connection.execute(
        update(input_requests)
        .where(_columns.id == request_id, _columns.state == RequestState.OPEN.value)
        .values(state=request.state.value, detail=_json(request.detail), answered_by=answered_by)
    )
    if changed.rowcount == 0:
        state = get(connection, request_id).request.state
        raise Conflict(
            f"The input request {request_id} is {state.value} already.",
            hint="List the requests that are open.",
        )


def use_up(connection: Connection, request_id: str, now: int) -> None:
    """Raises Conflict when it is not approved (any more), or expired."""
    changed = connection.execute(
        update(input_requests)
        .where(_columns.id == request_id, _columns.state == RequestState.APPROVED.value, _unexpired(now))
        .values(state=RequestState.CONSUMED.value)
    )
    if changed.rowcount == 0:
        raise Conflict(
            f"The approval {request_id} cannot be used: it was used before, withdrawn, or has expired.",
            hint="Make the call again to ask for a new one.",
        )


def not_found(request_id: str) -> NotFound:
    return NotFound(
        f"There is no input request {request_id[:128]!r}.", hint="List the requests that you may answer."
    )


def _newest(
    connection: Connection, spec: RequestSpec, now: int, states: Iterable[RequestState]
) -> InputRequest | None:
    query = (
        select(input_requests)
        .where(
            _columns.tenant == spec.tenant,
            _columns.principal == spec.principal,
            _columns.tool == spec.tool,
            _columns.arguments_digest == spec.arguments_digest,
            _columns.run_id == spec.request.run_id,
            _columns.state.in_([state.value for state in states]),
            _unexpired(now),
        )
        .order_by(_columns.created_at.desc(), _columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _spec(row).request


def _unexpired(now: int) -> ColumnElement[bool]:
    return or_(_columns.expires_at == 0, _columns.expires_at > now)


def _values(spec: RequestSpec) -> dict[str, Any]:
    request = spec.request
    return {
        "id": request.id,
        "run_id": request.run_id,
        "tenant": spec.tenant,
        "principal": spec.principal,
        "tool": spec.tool,
        "arguments_digest": spec.arguments_digest,
        "kind": request.kind.value,
        "state": request.state.value,
        "prompt": request.prompt,
        "detail": _json(request.detail),
        "approvers": _json(request.approvers),
        "created_at": request.created_at,
        "expires_at": request.expires_at,
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
    )
    return RequestSpec(request, row.principal, row.tenant, row.tool, row.arguments_digest)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
