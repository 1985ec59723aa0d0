"""Whether the ledger is as it was written: the chain, the rows that it covers, the payloads beside them, the
checkpoints inside and outside. It only reads, also while a gateway writes.

It finds every changed, removed, added or reordered row that a checkpoint covers, and whatever was cut off the end
up to the last checkpoint in the file outside. It cannot find what was cut off behind that one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, ColumnElement, Connection, Integer, func, select, tuple_, type_coerce

from gateway.ledger import beside, run_words, tables
from gateway.ledger.acts import Acts, read_acts
from gateway.ledger.beside import Finding
from gateway.ledger.chain import COVERED, START, Entry, entry, link
from gateway.ledger.checkpoints import Checkpoint, Line, body_digest, read_file
from gateway.ledger.keys import Keys, Signed
from gateway.ledger.schema import check_current
from toolward.errors import NotFound
from toolward.store import reading

_TOO_LARGE = 2**63  # for a number in a database
_AT_ONCE = 500


class Verified(msgspec.Struct):
    """What was looked at, and what was found. `covered_until` is the time of the last checkpoint outside (Unix ms):
    what was cut off behind it cannot be found."""

    entries: int = 0
    segments: int = 0
    removed_segments: int = 0  # by retention, with a signed act
    checkpoints: int = 0
    covered_until: int = 0
    erased: int = 0  # calls whose payloads are gone, with a signed act
    erased_runs: int = 0
    erased_requests: int = 0
    findings: list[Finding] = msgspec.field(default_factory=list[Finding])

    @property
    def is_whole(self) -> bool:
        return not self.findings


Progress = Callable[[int], None]


def verify(where: Path, keys: Keys, outside: Path, progress: Progress = lambda _: None) -> Verified:
    """Findings come in the order of the segments; `progress` is told how many entries were looked at. Raises
    ConfigurationError when there is no such file, Unavailable when it cannot be read."""
    lines = list(read_file(outside))  # before the moment that is looked at: each is in the database by then
    with reading(where) as connection, connection.begin():  # one moment, whoever writes
        check_current(connection, str(where))
        return _Check(connection, keys, outside.name, lines, progress).made()


class _Check:
    def __init__(
        self,
        connection: Connection,
        keys: Keys,
        outside: str,
        lines: Sequence[Line | None],
        progress: Progress,
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._outside = outside
        self._outside_lines = lines
        self._progress = progress
        self._said = Verified()
        self._counted = dict.fromkeys(COVERED, 0)
        self._heads: dict[str, int] = {}

    def made(self) -> Verified:
        acts = read_acts(self._connection)
        for act_id, signed in acts.signed:
            self._check_signature(signed, f"act {act_id}")
        wanted = self._checkpoints(acts)
        for name in self._connection.execute(select(tables.chain.c.segment).distinct()).scalars().all():
            self._segment(name, wanted.pop(name, {}))
        for name, heads in wanted.items():
            known = acts.removed.get(name)
            if known is None:
                self._find(f"segment {name}", f"is gone, with at least {max(heads)} entries")
            elif max(heads) > known.entries or heads.get(known.entries, known.link) != known.link:
                self._find(f"segment {name}", "is not the one of which an act says that it was removed")
        self._said.removed_segments = len(acts.removed)
        self._added_rows(acts)
        self._said.erased = len(acts.erased)
        self._said.erased_runs = len(acts.runs)
        self._said.erased_requests = len(acts.requests)
        self._said.findings += beside.payloads(self._connection, acts.erased)
        self._said.findings += run_words.findings(self._connection, acts.runs)
        self._said.findings += beside.requests(self._connection)
        return self._said

    def _find(self, where: str, what: str) -> None:
        self._said.findings.append(Finding(where, what))

    # --- the chain

    def _segment(self, name: str, wanted: dict[int, str]) -> None:
        """`wanted` is what checkpoints say: number of an entry to its link."""
        self._said.segments += 1
        before, last = START, 0
        for rows in self._entries(name):
            contents = self._contents(rows)
            for row in rows:
                last += 1
                where = f"segment {name}, entry {row.seq} ({row.kind} {row.key})"
                if row.seq != last:
                    self._find(f"segment {name}", f"lacks the entries {last} to {row.seq - 1}")
                    last = row.seq
                made = Entry(row.kind, row.key, row.digest)
                if link(before, name, row.seq, made) != row.link:
                    self._find(
                        where, "does not follow from the entry before: something was changed or removed"
                    )
                found = contents.get((row.kind, row.key))
                if found != row.digest:
                    self._find(where, "its row is gone" if found is None else "its row was changed")
                self._counted[row.kind] = self._counted.get(row.kind, 0) + 1
                if wanted.get(row.seq, row.link.hex()) != row.link.hex():
                    self._find(where, "is not what a checkpoint signed")
                before = row.link
            self._said.entries += len(rows)
            self._progress(self._said.entries)
        if wanted and max(wanted) > last:
            self._find(
                f"segment {name}", f"ends at entry {last}; a checkpoint has signed {max(wanted)}: cut off"
            )

    def _entries(self, name: str) -> Iterator[Any]:
        chain = tables.chain.c
        last = 0
        while rows := self._connection.execute(
            select(tables.chain)
            .where(chain.segment == name, chain.seq > last)
            .order_by(chain.seq)
            .limit(_AT_ONCE)
        ).all():
            yield rows
            last = rows[-1].seq

    def _contents(self, rows: Any) -> dict[tuple[str, str], bytes]:
        """The digests of the rows that these entries cover, as they are now."""
        keys: dict[str, list[str]] = {}
        for row in rows:
            keys.setdefault(row.kind, []).append(row.key)
        found: dict[tuple[str, str], bytes] = {}
        for kind, wanted in keys.items():
            if kind not in COVERED:
                continue
            for values in self._rows(kind, wanted):
                made = entry(kind, values)
                found[kind, made.key] = made.digest
        return found

    def _rows(self, kind: str, keys: list[str]) -> Any:
        covered = COVERED[kind]
        columns = [covered.table.c[name] for name in covered.key]
        wanted = [values for key in keys if (values := _key_values(columns, key)) is not None]
        query = select(*(_as_stored(covered.table.c[name]) for name in (*covered.columns, *covered.later)))
        if len(columns) == 1:
            query = query.where(columns[0].in_([values[0] for values in wanted]))
        else:
            query = query.where(tuple_(*columns).in_(wanted))
        return self._connection.execute(query).mappings()

    def _added_rows(self, acts: Acts) -> None:
        """A row that no entry covers was put in by another hand."""
        chain = tables.chain.c
        for kind, covered in COVERED.items():
            if acts.removed and kind in ("act", "checkpoint"):  # signed, so they may outlive their segment
                continue
            there = self._connection.execute(select(func.count()).select_from(covered.table)).scalar_one()
            if there <= self._counted[kind]:
                continue
            entered = set(self._connection.execute(select(chain.key).where(chain.kind == kind)).scalars())
            for values in self._connection.execute(select(covered.table)).mappings():
                if (key := covered.key_of(values)) not in entered:
                    self._find(
                        f"{covered.table.name} {key}", "is in no segment: it was added by another hand"
                    )

    # --- checkpoints

    def _checkpoints(self, acts: Acts) -> dict[str, dict[int, str]]:
        """Segment to (number of an entry to its link), from everything that is signed."""
        rows = self._connection.execute(select(tables.checkpoints)).all()
        inside = self._signed((f"checkpoint {row.number}", _signed(row)) for row in rows)
        outside = self._signed(self._lines())
        known = inside | outside
        oldest = min((body.number for body in known.values()), default=0)
        wanted: dict[str, dict[int, str]] = {}
        for body in known.values():
            if body.number > oldest and body.previous not in known:
                self._find(f"checkpoint {body.number}", "the one before it is gone")
            for name, (seq, linked) in body.heads.items():
                if wanted.setdefault(name, {}).setdefault(seq, linked) != linked:
                    self._find(f"segment {name}, entry {seq}", "two checkpoints have signed different ones")
        for digest in outside.keys() - inside.keys():
            if not acts.removed:  # else it went with its segment
                self._find(
                    f"checkpoint {outside[digest].number}",
                    "is outside only: the ledger was cut off, or it removed",
                )
        self._said.checkpoints = len(known)
        self._said.covered_until = max((body.at for body in outside.values()), default=0)
        return wanted

    def _signed(self, found: Iterable[tuple[str, Signed]]) -> dict[str, Checkpoint]:
        """Those that are signed as they should be, by the digest of their body."""
        good: dict[str, Checkpoint] = {}
        for where, signed in found:
            if self._check_signature(signed, where):
                good[body_digest(signed.body)] = msgspec.json.decode(signed.body, type=Checkpoint)
        return good

    def _lines(self) -> Iterator[tuple[str, Signed]]:
        for number, line in enumerate(self._outside_lines, 1):
            where = f"{self._outside}, line {number}"
            if line is None:
                self._find(where, "cannot be read")
            else:
                yield where, _signed(line)

    def _check_signature(self, signed: Signed, where: str) -> bool:
        try:
            if self._keys.is_valid(signed):
                return True
            self._find(where, f"its signature by the key {signed.key_id} is wrong")
        except NotFound as error:
            self._find(where, error.text)
        return False


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """A truth is stored as a number, and any but 0 would be read as true."""
    return type_coerce(column, Integer).label(column.name) if isinstance(column.type, Boolean) else column


def _signed(found: Any) -> Signed:
    return Signed(found.body, found.key_id, found.signature)


def _key_values(columns: Sequence[Column[Any]], key: str) -> tuple[Any, ...] | None:
    """What `Covered.key_of` wrote: all values but the first are numbers. None for what it never wrote."""
    parts = key.rsplit("/", len(columns) - 1)
    try:
        values = tuple(column.type.python_type(part) for column, part in zip(columns, parts, strict=True))
    except ValueError:
        return None
    return values if all(value < _TOO_LARGE for value in values if isinstance(value, int)) else None
