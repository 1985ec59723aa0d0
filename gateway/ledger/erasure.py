"""What people, models and tools said is erased: payloads of calls, words of runs, what input requests show. The
records stay, the chain still fits, and a signed act says what was done.

What is not over is not touched: a run that goes on would lose what it needs, and so would one that was retried from
it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, func, select, update

from gateway.core.ports import ERASED
from gateway.ledger import tables
from gateway.ledger.acts import Act, ErasedRun, left_of, store_act
from gateway.ledger.batch import Batch
from gateway.ledger.keys import Keys
from gateway.ledger.run_events import chunks, lineage
from gateway.ledger.unfinished import unfinished
from gateway.ledger.words import without_words
from toolward.types import JsonObject, RunScope

_KEPT_DETAIL = frozenset({"tool", "changes", "rule", "principal", "tenant", "edited_by"})
_KEPT_SAYING = frozenset({"by", "at", "approve", "choice", "again", "replaced_by"})

_runs, _events, _texts = tables.runs.c, tables.run_events.c, tables.run_texts.c
_asked = tables.input_requests.c
_NO_SALT = b""
_REWRITE = (
    update(tables.run_events)
    .where(_events.run_id == bindparam("of_run"), _events.seq == bindparam("number"))
    .values(data=bindparam("left"), salt=_NO_SALT)
)


class Erased(msgspec.Struct, frozen=True):
    """How much was erased. `kept` are the ids of runs and input requests that are not over."""

    payloads: int = 0
    runs: int = 0
    requests: int = 0
    kept: tuple[str, ...] = ()

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(
            self.payloads + other.payloads,
            self.runs + other.runs,
            self.requests + other.requests,
            tuple(sorted({*self.kept, *other.kept})),
        )

    @property
    def any(self) -> bool:
        return bool(self.payloads or self.runs or self.requests)


class What(NamedTuple):
    """Ids of what is to be erased; `kept` is what is not over."""

    calls: Sequence[str] = ()
    runs: Sequence[str] = ()
    requests: Sequence[str] = ()
    kept: Sequence[str] = ()


class Eraser(NamedTuple):
    """For one transaction. `now` is in Unix ms."""

    connection: Connection
    batch: Batch
    keys: Keys
    now: int
    act_id: str

    def erase(self, what: What, reason: str) -> Erased:
        """Looks again whether the runs are over."""
        busy = unfinished(self.connection) if what.runs else set[str]()
        runs = [self._run(run_id) for run_id in what.runs if run_id not in busy]
        calls, payloads = self._payloads(what.calls)
        requests = self._requests(what.requests)
        if calls or runs or requests:
            erased = (tuple(calls), tuple(runs), tuple(requests))
            store_act(self.batch, self.keys, Act(self.act_id, "erase", self.now, *erased, reason=reason))
        kept = tuple(sorted({*what.kept, *busy.intersection(what.runs)}))
        return Erased(payloads, len(runs), len(requests), kept)

    def _payloads(self, ids: Sequence[str]) -> tuple[list[str], int]:
        """Of which calls, and how many."""
        payloads = tables.call_payloads.c
        there = select(payloads.call_id).distinct().where(payloads.call_id.in_(ids))
        calls = list(self.connection.execute(there).scalars())
        gone = self.connection.execute(delete(tables.call_payloads).where(payloads.call_id.in_(calls)))
        return calls, gone.rowcount

    def _run(self, run_id: str) -> ErasedRun:
        known = [part.run_id for part in lineage(self.connection, run_id)]
        digests = set(
            self.connection.execute(select(_texts.digest).where(_texts.run_id.in_(known))).scalars()
        )
        query = select(_events.seq, _events.data, func.length(_events.salt).label("whole"), _events.version)
        rows = self.connection.execute(query.where(_events.run_id == run_id).order_by(_events.seq)).all()
        left = {row.seq: _left(row, digests) if row.whole else row.data for row in rows}
        changes = [{"of_run": run_id, "number": row.seq, "left": left[row.seq]} for row in rows if row.whole]
        if changes:
            self.connection.execute(_REWRITE, changes)
        self.connection.execute(delete(tables.run_texts).where(_texts.run_id == run_id))
        said = {
            column.name: _erased_column(column) for column in (_runs.input, _runs.answer, _runs.error_message)
        }
        self.connection.execute(
            update(tables.runs).where(_runs.id == run_id).values(said | {"erased_seq": _runs.last_seq})
        )
        return ErasedRun(run_id, left_of(left.items()))

    def _requests(self, ids: Sequence[str]) -> list[str]:
        """Each is changed, which is a transition of its own; the salts of those before go."""
        rows = self.connection.execute(
            select(_asked.id, _asked.detail, _asked.scope).where(_asked.id.in_(ids))
        ).all()
        moved = tables.request_transitions.c
        self.connection.execute(
            update(tables.request_transitions)
            .where(moved.request_id.in_([row.id for row in rows]))
            .values(salt=_NO_SALT)
        )
        for row in rows:
            left = msgspec.json.encode(_left_of_detail(msgspec.json.decode(row.detail))).decode()
            values = {"prompt": ERASED, "detail": left, "arguments_digest": ERASED, "sent_digest": ""}
            values["scope"] = _left_of_scope(row.scope)
            self.connection.execute(update(tables.input_requests).where(_asked.id == row.id).values(values))
        self.batch.transitions(self.connection)
        return [row.id for row in rows]


def slices(what: What, size: int) -> list[What]:
    """Small transactions, so that nobody waits long for the writer."""
    return [
        *(What(runs=some) for some in chunks(what.runs, size)),
        *(What(calls=some) for some in chunks(what.calls, size)),
        *(What(requests=some) for some in chunks(what.requests, size)),
    ]


def _left(row: Any, digests: Collection[str]) -> str:
    """What cannot be read is not kept."""
    try:
        data = msgspec.json.decode(row.data, type=dict[str, Any])
        return msgspec.json.encode(without_words(data, digests)).decode()
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError):
        return msgspec.json.encode({"version": row.version}).decode()


def _erased_column(column: Any) -> ColumnElement[str]:
    return case((column == "", ""), else_=ERASED)


def _left_of_detail(detail: JsonObject) -> JsonObject:
    left = {name: value for name, value in detail.items() if name in _KEPT_DETAIL}
    for name in ("answer", "void"):
        said: Mapping[str, Any] = detail.get(name) or {}
        if said:
            left[name] = {key: value for key, value in said.items() if key in _KEPT_SAYING}
    return left


def _left_of_scope(scope: str) -> str:
    """Without where values came from: that names them by their places, and those may be words, too."""
    run = msgspec.json.decode(scope, type=RunScope | None)
    left = None if run is None else msgspec.structs.replace(run, origins=None)
    return msgspec.json.encode(left).decode()
