"""Whether a world contradicts itself: what must hold between its records, whoever has changed them.

Each line is a query for what may not be there, in SQL that SQLite and PostgreSQL both speak.
"""

from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    CursorResult,
    Date,
    DateTime,
    Integer,
    bindparam,
    cast,
    func,
    select,
    text,
)

from toolservers.crm.kinds import PREFIXES
from toolservers.crm.machines import MACHINES, statuses
from toolservers.crm.money import DIGITS
from toolservers.crm.references import TABLES
from toolservers.crm.world import clock
from toolservers.crm.world.tables import counters, events, metadata, world

SHOWN = 5
"""Examples of one kind of contradiction that are named."""

_KINDS = {"today": Date, "now": DateTime}


class Never(NamedTuple):
    """`of` selects the ids of what may not be; `:today` is the shop's day, `:now` the world's time."""

    says: str
    of: str


_RECORDS = (
    Never(
        "has a customer_since after its first order",
        """
        SELECT c.id FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.ordered_on < c.customer_since""",
    ),
    Never(
        "has an e-mail address that is not in lower case",
        "SELECT id FROM customers WHERE email <> lower(email)",
    ),
    Never(
        "has no address",
        """
        SELECT c.id FROM customers c LEFT JOIN addresses a ON a.customer_id = c.id AND a.number = 1
        WHERE a.customer_id IS NULL""",
    ),
    Never("has less than nothing in stock", "SELECT id FROM products WHERE stock < 0"),
)

_ORDERS = (
    Never("has a total that is not that of its lines and its shipping", """
        SELECT o.id FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.total_minor, o.shipping_minor
        HAVING o.total_minor <> o.shipping_minor + coalesce(sum(l.quantity * l.unit_price_minor), 0)
        OR count(l.order_id) = 0"""),
    Never("has dates out of order", """
        SELECT id FROM orders WHERE ordered_on > :today OR packed_on < ordered_on OR shipped_on < packed_on
        OR delivered_on < shipped_on OR delivered_on > :today OR shipped_on > :today OR packed_on > :today
        OR cancelled_on < ordered_on OR cancelled_on > :today OR promised_on < ordered_on"""),
    Never("has dates that do not fit its status", """
        SELECT id FROM orders WHERE
        (status = 'placed' AND (packed_on IS NOT NULL OR shipped_on IS NOT NULL OR delivered_on IS NOT NULL))
        OR (status = 'packed' AND (packed_on IS NULL OR shipped_on IS NOT NULL OR delivered_on IS NOT NULL))
        OR (status = 'shipped' AND (shipped_on IS NULL OR delivered_on IS NOT NULL))
        OR (status = 'delivered' AND (shipped_on IS NULL OR delivered_on IS NULL))
        OR (status = 'returned' AND shipped_on IS NULL)
        OR (status = 'cancelled' AND (shipped_on IS NOT NULL OR cancelled_on IS NULL))
        OR (status <> 'cancelled' AND cancelled_on IS NOT NULL)"""),
    Never("has moved and has no shipment", """
        SELECT o.id FROM orders o LEFT JOIN shipments s ON s.order_id = o.id
        WHERE o.status IN ('packed', 'shipped', 'delivered', 'returned') AND s.id IS NULL"""),
    Never("is not packed and has a shipment", """
        SELECT o.id FROM orders o JOIN shipments s ON s.order_id = o.id WHERE o.status = 'placed'"""),
    Never("was cancelled and its shipment goes on", """
        SELECT o.id FROM orders o JOIN shipments s ON s.order_id = o.id
        WHERE o.status = 'cancelled' AND s.status <> 'stopped'"""),
    Never("is of another customer than its order", """
        SELECT s.id FROM shipments s JOIN orders o ON o.id = s.order_id WHERE s.customer_id <> o.customer_id
        UNION ALL
        SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.customer_id <> o.customer_id
        UNION ALL
        SELECT r.id FROM returns r JOIN orders o ON o.id = r.order_id WHERE r.customer_id <> o.customer_id
        UNION ALL
        SELECT m.id FROM credit_memos m JOIN orders o ON o.id = m.order_id WHERE m.customer_id <> o.customer_id
        UNION ALL
        SELECT t.id FROM tickets t JOIN orders o ON o.id = t.order_id WHERE t.customer_id <> o.customer_id"""),
    Never("has dates that do not fit its status", """
        SELECT id FROM shipments WHERE
        (status IN ('label_created', 'stopped') AND (shipped_on IS NOT NULL OR delivered_on IS NOT NULL))
        OR (status IN ('in_transit', 'delayed', 'lost') AND (shipped_on IS NULL OR delivered_on IS NOT NULL))
        OR (status = 'delivered' AND (shipped_on IS NULL OR delivered_on IS NULL))
        OR delivered_on < shipped_on OR shipped_on > :today OR delivered_on > :today"""),
)  # fmt: skip

_MONEY = (
    Never(
        "has refunds that are not what its payment says",
        """
        SELECT p.id FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
        GROUP BY p.id, p.refunded_minor HAVING p.refunded_minor <> coalesce(sum(r.amount_minor), 0)""",
    ),
    Never(
        "has more refunded than was paid",
        """
        SELECT id FROM payments WHERE refunded_minor > amount_minor OR refunded_minor < 0""",
    ),
    Never(
        "has a status that does not fit what was refunded",
        """
        SELECT id FROM payments WHERE (status = 'refunded' AND refunded_minor <> amount_minor)
        OR (status = 'partially_refunded' AND (refunded_minor = 0 OR refunded_minor = amount_minor))
        OR (status IN ('pending', 'captured', 'failed', 'released') AND refunded_minor <> 0)""",
    ),
    Never(
        "was paid before its order, or in the future",
        """
        SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE p.paid_on < o.ordered_on OR p.paid_on > :today""",
    ),
    Never(
        "is in another currency than its order",
        """
        SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.currency <> o.currency
        UNION ALL SELECT r.id FROM returns r JOIN orders o ON o.id = r.order_id WHERE r.currency <> o.currency""",
    ),
    Never(
        "does not fit its payment in customer, currency or date",
        """
        SELECT r.id FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.customer_id <> p.customer_id
        OR r.currency <> p.currency OR r.refunded_on < p.paid_on OR r.refunded_on > :today""",
    ),
    Never(
        "is for a return of somebody else",
        """
        SELECT f.id FROM refunds f JOIN returns r ON r.id = f.return_id WHERE f.customer_id <> r.customer_id""",
    ),
    Never("was issued in the future", "SELECT id FROM credit_memos WHERE issued_on > :today"),
)

_AFTER_SALES = (
    Never(
        "sends back more than was ordered",
        """
        SELECT b.order_id FROM (
            SELECT r.order_id, l.product_id, sum(l.quantity) AS pieces FROM return_lines l
            JOIN returns r ON r.id = l.return_id WHERE r.status NOT IN ('rejected', 'expired')
            GROUP BY r.order_id, l.product_id
        ) b LEFT JOIN (
            SELECT order_id, product_id, sum(quantity) AS pieces FROM order_lines
            WHERE order_id IN (SELECT order_id FROM returns) GROUP BY order_id, product_id
        ) o ON o.order_id = b.order_id AND o.product_id = b.product_id
        WHERE b.pieces > coalesce(o.pieces, 0)""",
    ),
    Never(
        "has no lines",
        """
        SELECT r.id FROM returns r LEFT JOIN return_lines l ON l.return_id = r.id WHERE l.return_id IS NULL""",
    ),
    Never(
        "has dates out of order",
        """
        SELECT r.id FROM returns r JOIN orders o ON o.id = r.order_id WHERE r.opened_on < o.ordered_on
        OR r.opened_on > :today OR r.received_on < r.opened_on OR r.received_on > :today
        OR (r.status IN ('label_sent', 'in_transit', 'waived', 'expired') AND r.received_on IS NOT NULL)
        OR (r.status IN ('received', 'rejected') AND r.received_on IS NULL)""",
    ),
    Never(
        "has dates that do not fit its status",
        """
        SELECT id FROM subscriptions WHERE (status = 'paused' AND paused_until IS NULL)
        OR (status = 'ended' AND ended_on IS NULL) OR (status = 'active' AND next_on IS NULL)
        OR (status <> 'ended' AND ended_on IS NOT NULL AND ended_on <= :today) OR next_on < started_on
        OR started_on > :today OR ended_on < started_on OR pauses_this_year < 0 OR rhythm_months < 1""",
    ),
    Never("has a length that no meeting has", "SELECT id FROM meetings WHERE minutes NOT IN (15, 30, 60)"),
    Never(
        "is about somebody else's ticket",
        """
        SELECT m.id FROM meetings m JOIN tickets t ON t.id = m.ticket_id WHERE m.customer_id <> t.customer_id""",
    ),
)

_SAID = (
    Never(
        "has no message, or gaps in their numbers",
        """
        SELECT t.id FROM tickets t LEFT JOIN messages m ON m.ticket_id = t.id GROUP BY t.id
        HAVING count(m.number) = 0 OR min(m.number) <> 1 OR max(m.number) <> count(m.number)""",
    ),
    Never(
        "has messages out of order, or of the future",
        """
        SELECT m.ticket_id FROM messages m LEFT JOIN messages b
        ON b.ticket_id = m.ticket_id AND b.number = m.number - 1 WHERE m.at < b.at OR m.at > :now""",
    ),
    Never("was opened in the future", "SELECT id FROM tickets WHERE opened_on > :today"),
    Never(
        "was opened before its order",
        """
        SELECT t.id FROM tickets t JOIN orders o ON o.id = t.order_id WHERE t.opened_on < o.ordered_on""",
    ),
    Never("has a note of the future", "SELECT customer_id FROM notes WHERE at > :now"),
)


def contradictions(connection: Connection) -> list[str]:
    """One line for each kind, with a few of the records: none for a world that is true."""
    now = connection.execute(select(world.c.now)).scalar_one()
    moment: dict[str, Any] = {"today": clock.local(clock.aware(now)).date(), "now": now}
    found = [
        line
        for never in (*_RECORDS, *_ORDERS, *_MONEY, *_AFTER_SALES, *_SAID)
        if (line := _line(connection, never, moment))
    ]
    return [
        *found,
        *_off_the_machines(connection),
        *_miscounted(connection),
        *_untold(connection),
        *_unknown_money(connection),
    ]


def _line(connection: Connection, never: Never, moment: dict[str, Any]) -> str:
    asked = {name: value for name, value in moment.items() if f":{name}" in never.of}
    query = text(never.of).bindparams(*(bindparam(name, type_=_KINDS[name]) for name in asked))
    return _told(connection.execute(query, asked), never.says)


def _told(found: CursorResult[Any], says: str) -> str:
    """The records that were found, as far as they are named."""
    ids = [str(row[0]) for row in found.fetchmany(SHOWN + 1)]
    found.close()
    more = " and more" if len(ids) > SHOWN else ""
    return f"{', '.join(ids[:SHOWN])}{more}: {says}" if ids else ""


def _off_the_machines(connection: Connection) -> list[str]:
    """Statuses that their record's state machine has not."""
    lines = [
        _told(
            connection.execute(
                select(TABLES[record_type].c.id).where(
                    TABLES[record_type].c.status.not_in(statuses(record_type))
                )
            ),
            f"has a status that no {record_type} has",
        )
        for record_type in MACHINES
        if statuses(record_type)
    ]
    return [line for line in lines if line]


def _miscounted(connection: Connection) -> list[str]:
    """Counters below the newest record: the next one would be there already."""
    counted = {row.record_type: row.last for row in connection.execute(select(counters))}
    lines: list[str] = []
    for record_type, prefix in PREFIXES.items():
        if prefix:
            number = cast(func.substr(TABLES[record_type].c.id, len(prefix) + 1), Integer)
            newest = connection.execute(select(func.max(number))).scalar_one() or 0
            if counted.get(record_type, 0) < newest:
                lines.append(f"{prefix}{newest}: is beyond the counter, {counted.get(record_type, 0)}")
    return lines


def _untold(connection: Connection) -> list[str]:
    """Every version after a record's first is an event's, and no event is ahead of its record."""
    told = select(events.c.record_id, func.max(events.c.version).label("told")).group_by(events.c.record_id)
    newest = told.subquery()
    lines: list[str] = []
    for record_type, table in TABLES.items():
        joined = table.outerjoin(newest, newest.c.record_id == table.c.id)
        wrong = table.c.version != func.coalesce(newest.c.told, 1)
        found = connection.execute(select(table.c.id).select_from(joined).where(wrong))
        lines.append(_told(found, f"is a {record_type} whose version is not that of its newest event"))
    return [line for line in lines if line]


def _unknown_money(connection: Connection) -> list[str]:
    tables = [table for table in metadata.sorted_tables if "currency" in table.c]
    lines = [
        _told(
            connection.execute(
                select(next(iter(table.primary_key))).where(table.c.currency.not_in(sorted(DIGITS)))
            ),
            f"has a currency that there is not ({table.name})",
        )
        for table in tables
    ]
    return [line for line in lines if line]
