"""One record with everything that somebody who answers a customer wants to know."""

from collections.abc import Callable
from datetime import UTC

from sqlalchemy import Connection, RowMapping, select

from toolservers.crm import records
from toolservers.crm.finding import of_customer
from toolservers.crm.records import Record, RecordType, money
from toolservers.crm.references import parse, row_of
from toolservers.crm.tables import customers, messages, order_lines, payments, refunds, shipments, tickets


def get_record(connection: Connection, record_id: str, record_type: RecordType | None) -> Record:
    """Raises ToolError when `record_id` names nothing, or something of another type."""
    reference = parse(record_id, record_type)
    return _READERS[reference.record_type](connection, row_of(connection, reference))


def _customer(connection: Connection, row: RowMapping) -> Record:
    return records.Customer(
        id=row["id"],
        status=row["status"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        company=row["company"],
        plan=row["plan"],
        loyalty_level=row["loyalty_level"],
        customer_since=row["customer_since"],
        address=_address(row),
        orders=of_customer(connection, "order", row["id"]),
        tickets=of_customer(connection, "ticket", row["id"]),
    )


def _order(connection: Connection, row: RowMapping) -> Record:
    currency = row["currency"]
    lines = connection.execute(
        select(order_lines).where(order_lines.c.order_id == row["id"]).order_by(order_lines.c.number)
    )
    paid = (
        connection.execute(select(payments).where(payments.c.order_id == row["id"]).order_by(payments.c.id))
        .mappings()
        .all()
    )
    about = select(tickets.c.id).where(tickets.c.order_id == row["id"]).order_by(tickets.c.id)
    return records.Order(
        id=row["id"],
        status=row["status"],
        ordered_on=row["ordered_on"],
        delivered_on=row["delivered_on"],
        customer=_customer_ref(connection, row["customer_id"]),
        lines=[
            records.Line(line.product_id, line.title, line.quantity, money(line.unit_price_minor, currency))
            for line in lines
        ],
        shipping=money(row["shipping_minor"], currency),
        total=money(row["total_minor"], currency),
        payments=[_payment_ref(payment) for payment in paid],
        shipment=_shipment(connection, row["id"]),
        tickets=list(connection.scalars(about)),
        refunds=_refunds(connection, *(payment["id"] for payment in paid)),
    )


def _payment(connection: Connection, row: RowMapping) -> Record:
    currency = row["currency"]
    return records.Payment(
        id=row["id"],
        status=row["status"],
        order_id=row["order_id"],
        customer=_customer_ref(connection, row["customer_id"]),
        method=row["method"],
        paid_on=row["paid_on"],
        amount=money(row["amount_minor"], currency),
        refunded=money(row["refunded_minor"], currency),
        remaining=money(row["amount_minor"] - row["refunded_minor"], currency),
        refunds=_refunds(connection, row["id"]),
    )


def _ticket(connection: Connection, row: RowMapping) -> Record:
    written = connection.execute(
        select(messages).where(messages.c.ticket_id == row["id"]).order_by(messages.c.number)
    )
    return records.Ticket(
        id=row["id"],
        status=row["status"],
        title=row["title"],
        priority=row["priority"],
        customer=_customer_ref(connection, row["customer_id"]),
        order_id=row["order_id"],
        opened_on=row["opened_on"],
        messages=[
            records.Message(m.number, m.author, m.at.replace(tzinfo=UTC), m.internal, m.body) for m in written
        ],
    )


def _product(_connection: Connection, row: RowMapping) -> Record:
    return records.Product(
        id=row["id"],
        status=row["status"],
        title=row["title"],
        category=row["category"],
        price=money(row["price_minor"], row["currency"]),
        stock=row["stock"],
        warranty_months=row["warranty_months"],
    )


_READERS: dict[RecordType, Callable[[Connection, RowMapping], Record]] = {
    "customer": _customer,
    "order": _order,
    "payment": _payment,
    "ticket": _ticket,
    "product": _product,
}


def _customer_ref(connection: Connection, customer_id: str) -> records.CustomerRef:
    chosen = select(customers.c.id, customers.c.name, customers.c.email).where(customers.c.id == customer_id)
    return records.CustomerRef(*connection.execute(chosen).one())


def _payment_ref(row: RowMapping) -> records.PaymentRef:
    amount, currency = row["amount_minor"], row["currency"]
    remaining = money(amount - row["refunded_minor"], currency)
    return records.PaymentRef(row["id"], row["status"], row["method"], money(amount, currency), remaining)


def _refunds(connection: Connection, *payment_ids: str) -> list[records.Refund]:
    made = select(refunds).where(refunds.c.payment_id.in_(payment_ids)).order_by(refunds.c.number)
    return [
        records.Refund(
            f"REF-{refund.number}",
            refund.payment_id,
            money(refund.amount_minor, refund.currency),
            refund.reason,
            refund.refunded_on,
        )
        for refund in connection.execute(made)
    ]


def _shipment(connection: Connection, order_id: str) -> records.Shipment | None:
    row = connection.execute(select(shipments).where(shipments.c.order_id == order_id)).mappings().first()
    if row is None:
        return None
    return records.Shipment(
        carrier=row["carrier"],
        service=row["service"],
        tracking=row["tracking"],
        status=row["status"],
        shipped_on=row["shipped_on"],
        promised_on=row["promised_on"],
        last_scan=row["last_scan"],
        address=_address(row),
    )


def _address(row: RowMapping) -> records.Address:
    return records.Address(row["street"], row["postcode"], row["city"], row["country"])
