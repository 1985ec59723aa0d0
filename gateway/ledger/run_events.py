"""The events of runs: on their way to the log, and read back with their words in their places."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select

from gateway.core.digests import text_digest
from gateway.core.ports import ERASED, StoredEvent
from gateway.ledger import tables
from gateway.ledger.batch import Batch
from gateway.ledger.chain import salted, salted_digest
from gateway.ledger.words import Named, packed, put_back, take_names
from toolward.errors import Internal, NotFound
from toolward.types import RunEvent

SHARED_RUN = ""
"""Under this id lie the texts that runs share."""

_AT_ONCE = 500
_events = tables.run_events.c
_texts = tables.run_texts.c
_runs = tables.runs.c
# Built once: a log is read whenever work on its run begins.
_ROWS = (
    select(tables.run_events)
    .where(
        _events.run_id == bindparam("of"),
        _events.seq > bindparam("after"),
        _events.seq <= bindparam("last"),
    )
    .order_by(_events.seq)
)
_BODIES = select(_texts.digest, _texts.body).where(
    _texts.run_id.in_(bindparam("runs", expanding=True)),
    _texts.digest.in_(bindparam("names", expanding=True)),
)
_LINEAGE = select(_runs.parent, _runs.parent_seq, _runs.last_seq, _runs.erased_seq).where(
    _runs.id == bindparam("run")
)


class Damaged(Internal):
    """What the ledger has of a run is not what was written."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(
            f"{where} is damaged: {what}.",
            hint="`toolward ledger verify` says what else is; restore the ledger from a copy.",
        )


class Part(NamedTuple):
    """A run whose events from `after` up to `last` are a part of a log; up to `erased` words are gone on
    purpose."""

    run_id: str
    after: int
    last: int
    erased: int


def add_events(batch: Batch, run_id: str, after: int, stored: Sequence[StoredEvent], at: int) -> None:
    for seq, event in enumerate(stored, after + 1):
        data = packed(event)
        salt, digest = salted(data)
        batch.add(
            "event",
            {
                "run_id": run_id,
                "seq": seq,
                "type": event.type,
                "version": event.version,
                "at": at,
                "salt": salt,
                "data": data.decode(),
                "data_digest": digest,
            },
        )
        shared = event.shared.values()
        for name, body in event.texts.items():
            batch.text(SHARED_RUN if name in shared else run_id, name, body)


def lineage(connection: Connection, run_id: str) -> list[Part]:
    """The parts of a run's log, the newest first: its own, its parent's … Empty for an unknown run. Raises Damaged
    where a parent is gone."""
    parts: list[Part] = []
    name, limit = run_id, None
    while name:
        row = connection.execute(_LINEAGE, {"run": name}).one_or_none()
        if row is None and not parts:
            return []
        if row is None or any(name == part.run_id for part in parts):
            raise Damaged(f"The log of the run {run_id}", f"the run {name}, with which it begins, is gone")
        last = row.last_seq if limit is None else limit
        limit = min(last, row.parent_seq)
        parts.append(Part(name, limit, last, row.erased_seq))
        name = row.parent
    return parts


def read_events(connection: Connection, run_id: str, after: int) -> tuple[RunEvent, ...]:
    """Raises Damaged, naming the run and the event."""
    parts = lineage(connection, run_id)
    rows: list[Any] = []
    for part in reversed(parts):
        if part.last > after:
            rows += _rows(connection, part, after)
    erased = {part.run_id: part.erased for part in parts}
    opened = [_opened(row, erased[row.run_id]) for row in rows]
    texts = _Texts(connection, parts)
    texts.load(digest for _, named in opened for digest in (*named.words.values(), *named.shared.values()))
    return tuple(
        RunEvent(run_id, row.seq, row.type, row.at, _restored(row, data, named, texts))
        for row, (data, named) in zip(rows, opened, strict=True)
    )


def read_texts(connection: Connection, run_id: str, digests: Sequence[str]) -> Mapping[str, bytes]:
    """Raises NotFound, Damaged."""
    if not (parts := lineage(connection, run_id)):
        raise not_found(run_id)
    texts = _Texts(connection, parts)
    texts.load(digests)
    for name in digests:
        texts.check(name, f"The log of the run {run_id}")
    return texts.found


def _rows(connection: Connection, part: Part, after: int) -> Sequence[Any]:
    after = max(after, part.after)
    rows = connection.execute(_ROWS, {"of": part.run_id, "after": after, "last": part.last}).all()
    for seq, row in enumerate(rows, after + 1):
        if row.seq != seq:
            raise Damaged(f"The log of the run {part.run_id}", f"its event {seq} is gone")
    if len(rows) < part.last - after:
        raise Damaged(f"The log of the run {part.run_id}", f"its event {after + len(rows) + 1} is gone")
    return rows


def _opened(row: Any, erased: int) -> tuple[dict[str, Any], Named]:
    body = row.data.encode() if isinstance(row.data, str) else row.data
    if (not row.salt and row.seq > erased) or (row.salt and salted_digest(row.salt, body) != row.data_digest):
        raise Damaged(_where(row), "its data were changed")
    try:
        data = msgspec.json.decode(body, type=dict[str, Any])
        return data, take_names(data)
    except (msgspec.MsgspecError, TypeError):
        raise Damaged(_where(row), "its data cannot be read") from None


def _restored(row: Any, data: dict[str, Any], named: Named, texts: "_Texts") -> dict[str, Any]:
    try:
        for name, digest in named.shared.items():
            data[name] = msgspec.json.decode(texts.of(digest, row, erased=None))
        for path, digest in named.words.items():
            put_back(data, path, texts.of(digest, row).decode())
    except (LookupError, TypeError, ValueError):  # UnicodeDecodeError and msgspec's are ValueErrors
        raise Damaged(_where(row), "a text has no place in it") from None
    return data


class _Texts:
    """Those of a log that were asked for, by digest."""

    def __init__(self, connection: Connection, parts: Sequence[Part]) -> None:
        self._connection = connection
        self._runs = [SHARED_RUN, *(part.run_id for part in parts)]
        self._erased = any(part.erased for part in parts)
        self._checked: set[str] = set()
        self.found: dict[str, bytes] = {}

    def load(self, digests: Iterable[str]) -> None:
        for some in chunks(sorted(set(digests))):
            rows = self._connection.execute(_BODIES, {"runs": self._runs, "names": some})
            self.found.update((digest, body) for digest, body in rows)

    def check(self, digest: str, where: str) -> None:
        if digest in self._checked or digest not in self.found:
            return
        if text_digest(self.found[digest]) != digest:
            raise Damaged(where, f"the text {digest} was changed")
        self._checked.add(digest)

    def of(self, digest: str, row: Any, erased: bytes | None = ERASED.encode()) -> bytes:
        """`erased` is what stands for one that is gone on purpose, where it may be."""
        self.check(digest, _where(row))
        if digest in self.found:
            return self.found[digest]
        if self._erased and erased is not None:
            return erased
        raise Damaged(_where(row), f"its text {digest} is gone")


def _where(row: Any) -> str:
    return f"Event {row.seq} of the run {row.run_id}"


def not_found(run_id: str) -> NotFound:
    return NotFound(f"There is no run {run_id[:128]!r}.", hint="List your runs.")


def chunks(values: Iterable[Any], size: int = _AT_ONCE) -> Iterator[list[Any]]:
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
