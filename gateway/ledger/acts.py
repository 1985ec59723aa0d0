"""Acts on the ledger itself, each signed and on record: payloads erased, a segment removed, a new key in force."""

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


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body that is signed. Times are Unix ms."""

    id: str
    kind: ActKind
    at: int
    calls: tuple[str, ...] = ()  # whose payloads were erased
    removed: RemovedSegment | None = None
    key: str = ""  # the public key, in hexadecimal
    reason: str = ""


class Acts(NamedTuple):
    """What was done, by what is signed. `signed` is everything, for its signatures to be checked."""

    signed: tuple[tuple[str, Signed], ...]
    removed: dict[str, RemovedSegment]
    erased: frozenset[str]  # ids of calls


def store_act(batch: Batch, keys: Keys, act: Act) -> None:
    """Raises ConfigurationError when the keys cannot be used."""
    signed = keys.sign(msgspec.json.encode(act).decode())
    batch.add("act", {"id": act.id, "at": act.at, **signed._asdict()})


def read_acts(connection: Connection) -> Acts:
    """An act whose body cannot be read counts for nothing; its signature is wrong as well."""
    signed: list[tuple[str, Signed]] = []
    removed: dict[str, RemovedSegment] = {}
    erased: set[str] = set()
    for row in connection.execute(select(tables.ledger_acts).order_by(tables.ledger_acts.c.id)):
        signed.append((row.id, Signed(row.body, row.key_id, row.signature)))
        try:
            act = msgspec.json.decode(row.body, type=Act)
        except msgspec.MsgspecError:
            continue
        erased.update(act.calls)
        if act.removed is not None:
            removed[act.removed.segment] = act.removed
    return Acts(tuple(signed), removed, frozenset(erased))
