"""Which reminders of open input requests went out, and where to: one row for each request and address, of the
newest reminder. Whoever claims one sends it, be there any number of gateways on this ledger, and restarts between.

    claimed     somebody sends it, or has; whoever stopped while sending may have sent it, so it is not sent again
    failed      it did not arrive, so it may be claimed once more
    sent        it arrived
"""

from typing import Literal

from sqlalchemy import Connection, and_, delete, insert, select, update

from gateway.ledger.tables import input_requests, request_reminders
from toolward.types import RequestState

_rows = request_reminders.c
KEPT_MS = 90 * 86_400_000
"""How long a reminder is remembered at least, once its request is over."""


def claim(connection: Connection, request_id: str, hook: str, number: int, now: int) -> bool:
    """Whether the caller is to send reminder `number` (0, 1, 2 …) of this request. The transaction holds the write
    lock from its start, so nobody else claims it meanwhile, in whatever process. `now` is in Unix ms."""
    if not _is_open(connection, request_id):
        return False
    this = and_(_rows.request_id == request_id, _rows.hook == hook)
    known = connection.execute(select(request_reminders).where(this)).one_or_none()
    values = {"number": number, "state": "claimed", "at": now}
    if known is None:
        _forget(connection, now)
        connection.execute(insert(request_reminders).values(request_id=request_id, hook=hook, **values))
        return True
    if known.number > number or (known.number == number and known.state != "failed"):
        return False
    connection.execute(update(request_reminders).where(this).values(values))
    return True


def settle(
    connection: Connection,
    request_id: str,
    hook: str,
    number: int,
    state: Literal["sent", "failed"],
    now: int,
) -> None:
    """What became of one that was claimed."""
    this = and_(
        _rows.request_id == request_id,
        _rows.hook == hook,
        _rows.number == number,
        _rows.state == "claimed",
    )
    connection.execute(update(request_reminders).where(this).values(state=state, at=now))


def _is_open(connection: Connection, request_id: str) -> bool:
    asked = input_requests.c
    query = select(asked.id).where(asked.id == request_id, asked.state == RequestState.OPEN.value)
    return connection.execute(query).first() is not None


def _forget(connection: Connection, now: int) -> None:
    still_open = select(input_requests.c.id).where(input_requests.c.state == RequestState.OPEN.value)
    old = and_(_rows.at < now - KEPT_MS, _rows.request_id.not_in(still_open))
    connection.execute(delete(request_reminders).where(old))
