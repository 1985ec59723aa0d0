"""What one transaction adds: gathered while its pieces work, then stored with one statement a table and entered in
the chain."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from gateway.ledger import tables
from gateway.ledger.chain import COVERED, Chain, Entry, entry, salted
from gateway.ledger.transitions import store_transitions
from toolward.store import Prepared

Row = dict[str, Any]


def _inserting(table: Table, *, if_new: bool = False) -> Prepared:
    statement = insert(table).prefix_with("OR IGNORE", dialect="sqlite") if if_new else insert(table)
    return Prepared(statement, [column.name for column in table.columns])


_INSERT = {
    kind: _inserting(covered.table) for kind, covered in COVERED.items() if kind not in ("run", "segment")
}
_LAST_OUTCOME = Prepared(select(func.max(tables.call_outcomes.c.id)))
_KEEP_PAYLOADS = _inserting(tables.call_payloads)
_KEEP_TEXTS = _inserting(tables.run_texts, if_new=True)


class Batch:
    """The Finish of the ledger's Writer. Rows of one kind are stored in the order in which they were added."""

    def __init__(self, chain: Chain, now: Callable[[], int]) -> None:
        self._chain = chain
        self._now = now
        self._covered: dict[str, list[Row]] = {}
        self._payloads: list[Row] = []
        self._texts: dict[tuple[str, str], bytes] = {}
        self._entries: list[Entry] = []  # of this piece, or pieces
        self._sealing: list[Entry] = []  # of those that went well

    def add(self, kind: str, values: Row) -> Row:
        """A row of a kind that the chain covers."""
        self._covered.setdefault(kind, []).append(values)
        return values

    def cover(self, kind: str, values: Mapping[str, Any]) -> None:
        """A row that is stored already."""
        self._entries.append(entry(kind, values))

    def transitions(self, connection: Connection) -> None:
        """After every piece that writes input requests, or two transitions in one commit would be one."""
        for transition in store_transitions(connection, self._now()):
            self.cover("transition", transition)

    def arguments(self, call_id: str, body: bytes) -> str:
        """Keeps them; their salted digest."""
        salt, digest = salted(body)
        self._payloads.append({"call_id": call_id, "outcome": 0, "salt": salt, "body": body})
        return digest

    def outcome(self, values: Row, result: bytes) -> None:
        """`values` want an id and a digest, which `flush` gives. Without a result, `result` is empty."""
        salt, digest = salted(result) if result else (b"", "")
        self.add("outcome", {**values, "result_digest": digest})
        if result:
            self._payloads.append(
                {
                    "call_id": values["call_id"],
                    "outcome": self._covered["outcome"][-1],
                    "salt": salt,
                    "body": result,
                }
            )

    def text(self, run_id: str, digest: str, body: bytes) -> None:
        """Kept once, however often it comes."""
        self._texts[run_id, digest] = body

    # --- for the writer

    def flush(self, connection: Connection) -> None:
        self.transitions(connection)
        if outcomes := self._covered.get("outcome"):
            _number(connection, outcomes)
        for payload in self._payloads:
            if payload["outcome"]:
                payload["outcome"] = payload["outcome"]["id"]
        for kind, rows in self._covered.items():
            _INSERT[kind].run_many(connection, rows)
            self._entries += [entry(kind, row) for row in rows]
        if self._payloads:
            _KEEP_PAYLOADS.run_many(connection, self._payloads)
        if self._texts:
            texts = [
                {"run_id": run, "digest": name, "body": body} for (run, name), body in self._texts.items()
            ]
            _KEEP_TEXTS.run_many(connection, texts)
        self._sealing += self._entries
        self.drop()

    def drop(self) -> None:
        self._covered = {}
        self._payloads = []
        self._texts = {}
        self._entries = []

    def seal(self, connection: Connection) -> None:
        self._chain.seal(connection, self._sealing)

    def ended(self, *, committed: bool) -> None:
        self.drop()
        self._sealing = []
        if committed:
            self._chain.committed()


def _number(connection: Connection, outcomes: list[Row]) -> None:
    """Numbers that grow, whichever process writes: this one holds the write lock."""
    last = _LAST_OUTCOME.run(connection, {}).fetchone()[0] or 0
    for number, outcome in enumerate(outcomes, last + 1):
        outcome["id"] = number
