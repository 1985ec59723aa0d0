"""Budgets a day: what calls have taken of them, counted in the transaction that records their intent, and what
models have, in the one that records their reply."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from gateway.core.limits import DAY_MS, exceeded
from gateway.core.ports import ModelUse, Spend, Taken
from gateway.ledger.tables import budget_spends
from toolward.store import Prepared

KEPT = 31
"""Days for which it is remembered what was taken."""

MODELS = ""
"""Stands for the rule where models have taken something: no rule of a policy has this id."""

_TOKENS, _COST = "tokens", "cost"
_MOST = 2**62

_spent = budget_spends.c
# Prepared: they run in every turn of a run that has a budget.
_TOTAL = Prepared(
    select(_spent.total)
    .where(
        _spent.rule == MODELS,
        _spent.measure == bindparam("of"),
        _spent.scope == bindparam("shared"),
        _spent.day == bindparam("on"),
    )
    .order_by(_spent.id.desc())
    .limit(1)
)
_ADD = Prepared(
    insert(budget_spends), [column.name for column in budget_spends.columns if column.name != "id"]
)


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


def count(connection: Connection, name: str, use: ModelUse, at: int) -> None:
    """Add what models have taken on the day of `at` (Unix ms). It is taken already, so nothing is refused here.
    `name` is of the append that it belongs to."""
    day = at // DAY_MS
    for scope in use.scopes:
        for measure, amount in ((_TOKENS, use.tokens), (_COST, use.cost)):
            if not amount:
                continue
            found = _TOTAL.run(connection, {"of": measure, "shared": scope, "on": day}).fetchone()
            if found is None:
                connection.execute(delete(budget_spends).where(_spent.day < day - KEPT))
            before = found[0] if found else 0
            _ADD.run(
                connection,
                {
                    "call_id": name,
                    "rule": MODELS,
                    "measure": measure,
                    "scope": scope,
                    "day": day,
                    "amount": amount,
                    "total": min(before + amount, _MOST),
                },
            )


def taken(connection: Connection, scopes: Sequence[str], day: int) -> dict[str, Taken]:
    """By scope; without those in which nothing was taken on that day."""
    found = {
        scope: (_total(connection, _TOKENS, scope, day), _total(connection, _COST, scope, day))
        for scope in scopes
    }
    return {scope: Taken(*both) for scope, both in found.items() if any(both)}


def _total(connection: Connection, measure: str, scope: str, day: int) -> int:
    row = _TOTAL.run(connection, {"of": measure, "shared": scope, "on": day}).fetchone()
    return row[0] if row else 0
