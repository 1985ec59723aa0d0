"""Checkpoints: the heads of all segments that moved, signed, each naming the checkpoint before it; in the database
and in a file outside it. What is cut off the end of the database is found up to the last one in that file."""

import hashlib
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select, update

from gateway.ledger import tables
from gateway.ledger.batch import Batch
from gateway.ledger.chain import SEGMENT_MS
from gateway.ledger.keys import Keys

log = logging.getLogger(__name__)

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line that are read."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The body that is signed. `heads` is segment to (number of its last entry, that one's link in hexadecimal)."""

    number: int
    at: int  # Unix ms
    heads: dict[str, tuple[int, str]]
    previous: str = ""  # the digest of the body before
    lost: int = 0  # records that this process could not store since it began
    version: int = 1


class Line(msgspec.Struct, frozen=True):
    """A line of the file outside."""

    body: str
    key_id: str
    signature: str


def body_digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


class Checkpoints:
    """What one process signs. `file` is made where there is none."""

    def __init__(self, keys: Keys, file: Path) -> None:
        self._keys = keys
        self._file = file
        self._told: dict[str, int] = {}
        self._stored: tuple[Line, dict[str, int]] | None = None
        self._unwritten: list[Line] = []

    def store(self, connection: Connection, batch: Batch, now: int, lost: int) -> None:
        """A checkpoint of what is committed by anybody. `write` it after the commit. Raises ConfigurationError when
        the keys cannot be used."""
        saved = tables.checkpoints.c
        newest = select(saved.number, saved.body).order_by(saved.number.desc()).limit(1)
        last = connection.execute(newest).one_or_none()
        heads = {name: head for name, head in _heads(connection) if self._told.get(name) != head[0]}
        _forget_old(connection, heads, now)
        number, previous = (last.number + 1, body_digest(last.body)) if last else (1, "")
        body = msgspec.json.encode(Checkpoint(number, now, heads, previous, lost)).decode()
        signed = self._keys.sign(body)
        batch.add("checkpoint", {"number": number, "at": now, **signed._asdict()})
        self._stored = Line(*signed), {name: head[0] for name, head in heads.items()}

    def write(self) -> None:
        """Append what was stored to the file outside; what cannot be written now is tried again the next time."""
        if self._stored is not None:
            line, told = self._stored
            self._told |= told
            self._unwritten.append(line)
            self._stored = None
        if not self._unwritten:
            return
        lines = b"".join(msgspec.json.encode(line) + b"\n" for line in self._unwritten)
        try:
            _append(self._file, lines)
            self._unwritten.clear()
        except OSError as error:
            log.error("the checkpoint cannot be written to %s: %s", self._file, error.strerror)


def read_file(file: Path) -> Iterator[Line | None]:
    """The lines; None for one that cannot be read. There may be no file yet."""
    try:
        with file.open("rb") as lines:
            while line := lines.readline(MAX_LINE):
                try:
                    yield msgspec.json.decode(line, type=Line)
                except msgspec.MsgspecError:
                    yield None
    except FileNotFoundError:
        return


def _heads(connection: Connection) -> Iterator[tuple[str, tuple[int, str]]]:
    """Of the segments that may still grow, by any process."""
    chain, segments = tables.chain.c, tables.chain_segments.c
    for name in connection.execute(select(segments.id).where(segments.open)).scalars().all():
        last = select(func.max(chain.seq)).where(chain.segment == name).scalar_subquery()
        head = select(chain.seq, chain.link).where(chain.segment == name, chain.seq == last)
        for seq, link in connection.execute(head):
            yield name, (seq, link.hex())


def _forget_old(connection: Connection, moved: Collection[str], now: int) -> None:
    """Segments too old to grow, whose head was signed before, need not be looked at any more."""
    segments = tables.chain_segments.c
    over = segments.open & (segments.opened_at < now - 2 * SEGMENT_MS) & segments.id.not_in(moved)
    connection.execute(update(tables.chain_segments).where(over).values(open=False))


def _append(file: Path, lines: bytes) -> None:
    """All of it on disk, or nothing of it."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, lines) < len(lines):
            os.ftruncate(descriptor, before)
            raise OSError(28, "the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
