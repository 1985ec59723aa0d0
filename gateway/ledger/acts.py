"""Acts on the ledger itself, each signed and on record: payloads erased, a segment removed, a new key in force."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from gateway.ledger import tables
from gateway.ledger.batch import Batch
from gateway.ledger.keys import Keys, Signed

ActKind = Literal["erase", "remove_segment", "new_key"]


class RemovedSegment(msgspec.Struct, frozen=True):
    """What there was: its last entry's number and link (hexadecimal)."""

    segment: str
    entries: int
    link: str


class ErasedRun(msgspec.Struct, frozen=True):
    """What is left of a run's events: the digest (`left_of`) of those whose words were erased."""

    run: str
    left: str


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body that is signed. Times are Unix ms."""

    id: str
    kind: ActKind
    at: int
    calls: tuple[str, ...] = ()  # whose payloads were erased
    runs: tuple[ErasedRun, ...] = ()  # whose words were erased
    requests: tuple[str, ...] = ()
    removed: RemovedSegment | None = None
    key: str = ""  # the public key, in hexadecimal
    reason: str = ""


class Acts(NamedTuple):
    """What was done, by what is signed. `signed` is everything, for its signatures to be checked."""

    signed: tuple[tuple[str, Signed], ...]
    removed: dict[str, RemovedSegment]
    erased: frozenset[str]  # ids of calls
    runs: Mapping[str, frozenset[str]]  # ids of runs to what was left of each
    requests: frozenset[str]


def store_act(batch: Batch, keys: Keys, act: Act) -> None:
    """Raises ConfigurationError when the keys cannot be used."""
    signed = keys.sign(msgspec.json.encode(act).decode())
    batch.add("act", {"id": act.id, "at": act.at, **signed._asdict()})


def read_acts(connection: Connection) -> Acts:
    """An act whose body cannot be read counts for nothing; its signature is wrong as well."""
    signed: list[tuple[str, Signed]] = []
    removed: dict[str, RemovedSegment] = {}
    erased: set[str] = set()
    requests: set[str] = set()
    runs: dict[str, frozenset[str]] = {}
    for row in connection.execute(select(tables.ledger_acts).order_by(tables.ledger_acts.c.id)):
        signed.append((row.id, Signed(row.body, row.key_id, row.signature)))
        try:
            act = msgspec.json.decode(row.body, type=Act)
        except msgspec.MsgspecError:
            continue
        erased.update(act.calls)
        requests.update(act.requests)
        for run in act.runs:
            runs[run.run] = runs.get(run.run, frozenset()) | {run.left}
        if act.removed is not None:
            removed[act.removed.segment] = act.removed
    return Acts(tuple(signed), removed, frozenset(erased), runs, frozenset(requests))


def left_of(events: Iterable[tuple[int, str]]) -> str:
    """The digest of erased events, each its number and its data, in their order."""
    made = hashlib.sha256()
    for seq, data in events:
        made.update(msgspec.json.encode((seq, data)))
    return made.hexdigest()
