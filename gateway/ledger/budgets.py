"""Budgets a day: what calls have taken of them, counted in the transaction that records their intent."""

from sqlalchemy import Connection, delete, insert, select

from gateway.core.limits import exceeded
from gateway.core.ports import Spend
from gateway.ledger.tables import budget_spends

KEPT = 31
"""Days for which it is remembered what was taken."""

_spent = budget_spends.c


def spend(connection: Connection, call_id: str, spends: tuple[Spend, ...], now: int) -> None:
    """Count what a call takes of its budgets; a repeat of the call, under the same id, takes nothing more.

    Raises Overloaded when there is not enough left. The transaction holds the write lock from its start, so nobody
    else counts between reading and writing, in whatever process. `now` is in Unix ms.
    """
    if not spends or _was_counted(connection, call_id):
        return
    for one in spends:
        used = _used(connection, one)
        if used is None:
            connection.execute(delete(budget_spends).where(_spent.day < one.day - KEPT))
        total = (used or 0) + one.amount
        if total > one.at_most:
            raise exceeded(one, used or 0, now)
        connection.execute(
            insert(budget_spends).values(
                call_id=call_id,
                rule=one.rule,
                measure=one.measure,
                scope=one.scope,
                day=one.day,
                amount=one.amount,
                total=total,
            )
        )


def _was_counted(connection: Connection, call_id: str) -> bool:
    query = select(_spent.id).where(_spent.call_id == call_id).limit(1)
    return connection.execute(query).first() is not None


def _used(connection: Connection, one: Spend) -> int | None:
    """What was taken of a budget before; None for the first on its day."""
    query = (
        select(_spent.total)
        .where(
            _spent.rule == one.rule,
            _spent.measure == one.measure,
            _spent.scope == one.scope,
            _spent.day == one.day,
        )
        .order_by(_spent.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()
