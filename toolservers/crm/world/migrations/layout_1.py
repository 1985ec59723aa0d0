"""The tables of layout 1, as they were: never changed again."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

world = Table(
    "world",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("layout", Integer, nullable=False),  # of these tables; another one is not ours to read
    Column("pack", String, nullable=False),
    Column("today", Date, nullable=False),
)

customers = Table(
    "customers",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False, unique=True),  # kept in lower case
    Column("language", String, nullable=False),
    Column("company", String, nullable=False),
    Column("plan", String, nullable=False),
    Column("loyalty_level", String, nullable=False),
    Column("customer_since", Date, nullable=False),
    Column("street", String, nullable=False),
    Column("postcode", String, nullable=False),
    Column("city", String, nullable=False),
    Column("country", String, nullable=False),
    Column("words", Text, nullable=False),
)

products = Table(
    "products",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("title", String, nullable=False),
    Column("category", String, nullable=False),
    Column("price_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("stock", Integer, CheckConstraint("stock >= 0"), nullable=False),
    Column("warranty_months", Integer, nullable=False),
    Column("words", Text, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("customer_id", String, ForeignKey("customers.id"), nullable=False, index=True),
    Column("ordered_on", Date, nullable=False),
    Column("delivered_on", Date),
    Column("shipping_minor", Integer, nullable=False),
    Column("total_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("words", Text, nullable=False),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", String, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("product_id", String, ForeignKey("products.id"), nullable=False),
    Column("title", String, nullable=False),  # as it was when it was ordered, like the price
    Column("quantity", Integer, CheckConstraint("quantity > 0"), nullable=False),
    Column("unit_price_minor", Integer, nullable=False),
)

shipments = Table(
    "shipments",
    metadata,
    Column("order_id", String, ForeignKey("orders.id"), primary_key=True),
    Column("carrier", String, nullable=False),
    Column("service", String, nullable=False),
    Column("tracking", String, nullable=False),
    Column("status", String, nullable=False),
    Column("shipped_on", Date),
    Column("promised_on", Date, nullable=False),
    Column("last_scan", String, nullable=False),
    Column("street", String, nullable=False),
    Column("postcode", String, nullable=False),
    Column("city", String, nullable=False),
    Column("country", String, nullable=False),
)

payments = Table(
    "payments",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("order_id", String, ForeignKey("orders.id"), nullable=False, index=True),
    Column("customer_id", String, ForeignKey("customers.id"), nullable=False, index=True),
    Column("method", String, nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("amount_minor", Integer, CheckConstraint("amount_minor > 0"), nullable=False),
    Column("refunded_minor", Integer, nullable=False, default=0),
    Column("currency", String(3), nullable=False),
    Column("words", Text, nullable=False),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunds_within_payment"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("number", Integer, primary_key=True),  # 9001 is shown as REF-9001
    Column("payment_id", String, ForeignKey("payments.id"), nullable=False, index=True),
    Column("amount_minor", Integer, CheckConstraint("amount_minor > 0"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", Text, nullable=False),
    Column("refunded_on", Date, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("title", String, nullable=False),
    Column("priority", String, nullable=False),
    Column("customer_id", String, ForeignKey("customers.id"), nullable=False, index=True),
    Column("order_id", String, ForeignKey("orders.id"), index=True),
    Column("opened_on", Date, nullable=False),
    Column("words", Text, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("ticket_id", String, ForeignKey("tickets.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("author", String, nullable=False),
    Column("at", DateTime, nullable=False),  # UTC
    Column("internal", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

Index("orders_by_date", orders.c.ordered_on.desc(), orders.c.id)
