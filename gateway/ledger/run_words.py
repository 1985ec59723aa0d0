"""Whether the words of runs are as they were written: the data of every event, and every text that one names."""

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from gateway.core.digests import text_digest
from gateway.ledger import tables
from gateway.ledger.acts import left_of
from gateway.ledger.beside import Finding
from gateway.ledger.chain import salted_digest
from gateway.ledger.run_events import SHARED_RUN, chunks
from gateway.ledger.words import take_names

_AT_ONCE = 500
_events, _texts, _runs = tables.run_events.c, tables.run_texts.c, tables.runs.c


def findings(connection: Connection, erased: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """`erased` are the runs of which signed acts say that their words were erased, and what was left of each."""
    check = _Check(connection, erased)
    yield from check.texts(SHARED_RUN, None)
    query = select(_events.run_id, _events.seq, _events.salt, _events.data, _events.data_digest)
    rows = _rows(connection, query.order_by(_events.run_id, _events.seq))
    for run_id, events in groupby(rows, lambda row: row.run_id):
        yield from check.run(run_id, events)
    strange = select(_texts.run_id).where(
        _texts.run_id != SHARED_RUN, _texts.run_id.not_in(select(_events.run_id))
    )
    for run_id in connection.execute(strange.distinct()).scalars():
        yield Finding(f"run {run_id}", "has texts and no events: they were added by another hand")


class _Check:
    def __init__(self, connection: Connection, erased: Mapping[str, Collection[str]]) -> None:
        self._connection = connection
        self._erased = erased
        parents = select(_runs.id, _runs.parent).where(_runs.parent != "")
        self._parents = {run_id: parent for run_id, parent in connection.execute(parents)}  # noqa: C416 -- typed rows
        self._shared: set[str] = set()

    def run(self, run_id: str, events: Iterator[Any]) -> Iterator[Finding]:
        left: list[tuple[int, str]] = []
        named: dict[str, int] = {}  # the event that names a text first
        for row in events:
            where = f"event {row.seq} of the run {run_id}"
            if not row.salt:
                left.append((row.seq, row.data))
            elif salted_digest(row.salt, row.data.encode()) != row.data_digest:
                yield Finding(where, "its data were changed")
                continue
            for digest in _named(row.data):
                named.setdefault(digest, row.seq)
        if left and left_of(left) not in self._erased.get(run_id, ()):
            yield Finding(
                f"event {left[0][0]} of the run {run_id}",
                "its words are gone, and no act says that they were erased and this was left of the run",
            )
        yield from self.texts(run_id, named)

    def texts(self, run_id: str, named: Mapping[str, int] | None) -> Iterator[Finding]:
        """Those that lie under a run's id; `named` is what its events name (None: nobody knows)."""
        there: set[str] = set()
        where = f"run {run_id}" if run_id else "the texts that runs share"
        for row in _rows(self._connection, select(_texts.digest, _texts.body).where(_texts.run_id == run_id)):
            there.add(row.digest)
            if text_digest(row.body) != row.digest:
                yield Finding(self._at(run_id, row.digest, named), f"the text {row.digest} was changed")
            elif named is not None and row.digest not in named:
                yield Finding(where, f"no event names the text {row.digest}: it was added by another hand")
        if named is None:
            self._shared = there
            return
        for digest in self._missing(run_id, named.keys() - there - self._shared):
            yield Finding(self._at(run_id, digest, named), f"its text {digest} is gone")

    def _missing(self, run_id: str, digests: Collection[str]) -> list[str]:
        """Those that no run has with whose events this one begins, unless words of one were erased."""
        above = self._above(run_id)
        if not digests or any(name in self._erased for name in (run_id, *above)):
            return []
        found: set[str] = set()
        for some in chunks(sorted(digests)):
            query = select(_texts.digest).where(_texts.run_id.in_(above), _texts.digest.in_(some))
            found.update(self._connection.execute(query).scalars())
        return sorted(set(digests) - found)

    def _above(self, run_id: str) -> list[str]:
        above: list[str] = []
        while (run_id := self._parents.get(run_id, "")) and run_id not in above:
            above.append(run_id)
        return above

    def _at(self, run_id: str, digest: str, named: Mapping[str, int] | None) -> str:
        seq = (named or {}).get(digest)
        return (
            f"event {seq} of the run {run_id}"
            if seq
            else f"run {run_id}"
            if run_id
            else "the texts that runs share"
        )


def _named(data: str) -> list[str]:
    """The digests in an event's data. What cannot be read names nothing: its own digest says what happened."""
    try:
        names = take_names(msgspec.json.decode(data, type=dict[str, Any]))
    except (msgspec.MsgspecError, TypeError):
        return []
    return [*names.words.values(), *names.shared.values(), *names.others]


def _rows(connection: Connection, query: Any) -> Iterator[Any]:
    for rows in connection.execute(query).partitions(_AT_ONCE):
        yield from rows
