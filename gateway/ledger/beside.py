"""What lies beside the rows that the chain covers: payloads, and input requests as they are now. Each must still
fit the salted digest that its row has. Of the words of runs, see `run_words.py`."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, select

from gateway.ledger import tables
from gateway.ledger.chain import salted_digest
from gateway.ledger.transitions import content_of

_AT_ONCE = 500


class Finding(NamedTuple):
    """One break. `where` is a segment and an entry's number, a table's row, or the file outside."""

    where: str
    what: str


def payloads(connection: Connection, erased: Collection[str]) -> Iterator[Finding]:
    """`erased` are the calls of whose payloads a signed act says that they were erased."""
    records, outcomes, kept = tables.call_records.c, tables.call_outcomes.c, tables.call_payloads.c
    arguments = select(records.id, records.arguments_digest, kept.salt, kept.body).outerjoin_from(
        tables.call_records, tables.call_payloads, and_(kept.call_id == records.id, kept.outcome == 0)
    )
    results = (
        select(outcomes.call_id, outcomes.result_digest, kept.salt, kept.body)
        .outerjoin_from(
            tables.call_outcomes,
            tables.call_payloads,
            and_(kept.call_id == outcomes.call_id, kept.outcome == outcomes.id),
        )
        .where(outcomes.result_digest != "")
    )
    for what, query in (("arguments", arguments), ("result", results)):
        for call_id, digest, salt, body in _rows(connection, query):
            where = f"call {call_id}"
            if salt is None:
                if call_id not in erased:
                    yield Finding(where, f"its {what} are gone, and no act says that they were erased")
            elif salted_digest(salt, body) != digest:
                yield Finding(where, f"its {what} were changed")


def requests(connection: Connection) -> Iterator[Finding]:
    """A request must be as its last transition left it."""
    requests, transitions = tables.input_requests, tables.request_transitions
    newest = (
        select(transitions.c.request_id, func.max(transitions.c.number).label("number"))
        .group_by(transitions.c.request_id)
        .subquery()
    )
    last = {
        row.request_id: (row.salt, row.row_digest)
        for row in connection.execute(
            select(transitions).join(
                newest,
                and_(
                    transitions.c.request_id == newest.c.request_id, transitions.c.number == newest.c.number
                ),
            )
        )
    }
    for row in connection.execute(select(requests)).mappings():
        where = f"input request {row['id']}"
        known = last.pop(row["id"], None)
        if known is None:
            yield Finding(where, "has no transition: it was added by another hand")
        elif salted_digest(known[0], content_of(row)) != known[1]:
            yield Finding(where, "is not as its last transition left it: it was changed by another hand")
    for request_id in last:
        yield Finding(f"input request {request_id}", "is gone")


def _rows(connection: Connection, query: Any) -> Iterator[Any]:
    for rows in connection.execute(query).partitions(_AT_ONCE):
        yield from rows
