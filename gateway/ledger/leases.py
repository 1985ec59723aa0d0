"""Leases: the right to work on a run, for a time by the database's clock, which is one for all processes. Whoever
has the newest epoch may append, also when its time is over and nobody else took the run.

A lease that would last longer than when it was given was given before the clock was set back: it has expired.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    insert,
    literal_column,
    not_,
    or_,
    outerjoin,
    select,
    update,
)

from gateway.core.ports import Lease, Superseded
from gateway.ledger import tables
from toolward.store import Prepared
from toolward.types import RequestState, RunState

DATABASE_CLOCK: ColumnElement[int] = literal_column(
    "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)", BigInteger
)
"""The database's Unix time in milliseconds, as SQLite says it."""

_lease = tables.run_leases.c
_runs = tables.runs.c
_GIVEN = Prepared(
    select(_lease.holder, _lease.epoch, _lease.attempts).where(_lease.run_id == bindparam("run"))
)
_RELEASE = Prepared(
    update(tables.run_leases)
    .where(_lease.run_id == bindparam("run"), _lease.epoch == bindparam("given"), _lease.holder != "")
    .values(holder="", expires_at=0, attempts=_lease.attempts - bindparam("less"))
)
_LENGTH = Prepared(select(_runs.last_seq).where(_runs.id == bindparam("run")))
_CLOSED = [
    state.value
    for state in (
        RequestState.APPROVED,
        RequestState.DENIED,
        RequestState.ANSWERED,
        RequestState.EXPIRED,
        RequestState.VOID,
    )
]


class Leases:
    """`clock` is an expression of SQL: the time now, in Unix ms."""

    def __init__(self, clock: ColumnElement[int]) -> None:
        self._clock = clock
        left = _lease.expires_at - clock
        self._in_force = and_(_lease.holder != "", left > 0, left <= _lease.lasts)
        self._look = Prepared(
            select(_runs.last_seq, _lease.epoch, _lease.attempts, self._in_force)
            .select_from(outerjoin(tables.runs, tables.run_leases, _lease.run_id == _runs.id))
            .where(_runs.id == bindparam("run"))
        )
        so_long = bindparam("so_long", type_=BigInteger)
        given: dict[str, Any] = {
            "holder": bindparam("who"),
            "expires_at": clock + so_long,
            "lasts": so_long,
            "epoch": bindparam("next"),
            "attempts": bindparam("attempt"),
        }
        self._first = Prepared(insert(tables.run_leases).values(run_id=bindparam("run"), **given))
        self._again = Prepared(
            update(tables.run_leases).where(_lease.run_id == bindparam("run")).values(**given)
        )

    def take(self, connection: Connection, run_id: str, holder: str, seconds: float) -> Lease | None:
        found = self._look.run(connection, {"run": run_id}).fetchone()
        if found is None or found[3]:
            return None
        length, epoch, attempts, _ = found
        lease = Lease(run_id, (epoch or 0) + 1, (attempts or 0) + 1, length)
        given = {"run": run_id, "who": holder, "so_long": _ms(seconds)}
        given |= {"next": lease.epoch, "attempt": lease.attempts}
        (self._first if epoch is None else self._again).run(connection, given)
        return lease

    def renew(self, connection: Connection, holder: str, seconds: float) -> Mapping[str, int]:
        lasts = _ms(seconds)
        connection.execute(
            update(tables.run_leases)
            .where(_lease.holder == holder)
            .values(expires_at=self._clock + lasts, lasts=lasts)
        )
        query = (
            select(_runs.id, _runs.last_seq)
            .join_from(tables.run_leases, tables.runs, _runs.id == _lease.run_id)
            .where(_lease.holder == holder)
        )
        return {row.id: row.last_seq for row in connection.execute(query)}

    def holders(self, connection: Connection) -> tuple[str, ...]:
        return tuple(connection.execute(select(_lease.holder).where(self._in_force).distinct()).scalars())

    def ready(self, connection: Connection) -> tuple[str, ...]:
        """Oldest first."""
        free = ~exists().where(_lease.run_id == _runs.id, self._in_force)
        waits = _runs.state == RunState.INPUT_REQUIRED.value
        query = (
            select(_runs.id)
            .where(
                _runs.state.in_([*_WORKED_ON, RunState.INPUT_REQUIRED.value]),
                free,
                or_(not_(waits), _answered(), not_(_asked())),
            )
            .order_by(_runs.created_at, _runs.id)
        )
        return tuple(connection.execute(query).scalars())


_WORKED_ON = (RunState.QUEUED.value, RunState.RUNNING.value)


def release(connection: Connection, lease: Lease, *, undone: bool) -> int:
    values = {"run": lease.run_id, "given": lease.epoch, "less": int(undone)}
    _RELEASE.run(connection, values)
    found = _LENGTH.run(connection, values).fetchone()
    return 0 if found is None else found[0]


def bury(connection: Connection, holder: str) -> None:
    connection.execute(
        update(tables.run_leases).where(_lease.holder == holder).values(holder="", expires_at=0)
    )


def check(connection: Connection, run_id: str, epoch: int) -> None:
    """For an append under the lease of this epoch, or under none (0): the log goes on, so attempts count from here.
    Raises Superseded."""
    holder, given, attempts = _GIVEN.run(connection, {"run": run_id}).fetchone() or ("", 0, 0)
    if epoch and (given != epoch or not holder):
        raise Superseded(
            f"The lease {epoch} on the run {run_id} is not in force any more: another works on it.",
            hint="Leave the run to whoever has it.",
        )
    if attempts != (begun := 1 if holder else 0):
        connection.execute(update(tables.run_leases).where(_lease.run_id == run_id).values(attempts=begun))


def counted(run: str, epoch: str) -> ColumnElement[bool]:
    """Whether the lease of this epoch is in force, and its attempts count from where the log ends: nothing is left
    for `check` to do. `run` and `epoch` are names of parameters."""
    return exists().where(
        _lease.run_id == bindparam(run),
        _lease.epoch == bindparam(epoch),
        _lease.holder != "",
        _lease.attempts == 1,
    )


def _asked() -> ColumnElement[bool]:
    """Whether a person still has something to answer, or has taken the case over."""
    asked = tables.input_requests.c
    open_ones = [RequestState.OPEN.value, RequestState.TAKEN.value]
    return exists().where(asked.run_id == _runs.id, asked.state.in_(open_ones))


def _answered() -> ColumnElement[bool]:
    """Whether a request of the run was closed at or after its last event."""
    asked, moved = tables.input_requests.c, tables.request_transitions.c
    return exists().where(
        asked.run_id == _runs.id,
        moved.request_id == asked.id,
        moved.state.in_(_CLOSED),
        moved.at >= _runs.updated_at,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
