"""The tables of layout 2, and how their words are folded, as they were: a copy of `world.tables` by that time,
and as long; it must not follow that module once it is released."""

import unicodedata

from sqlalchemy import (
    BigInteger,
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
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# PostgreSQL would sort by the rules of a language, SQLite by bytes: cursors need one order for both.
_SORTED = String().with_variant(String(collation="C"), "postgresql")
_AMOUNT = BigInteger()
_WORDS = Text().with_variant(Text(collation="C"), "postgresql")


def _id() -> Column[str]:
    return Column("id", _SORTED, primary_key=True)


def _of(table: str, *, nullable: bool = False, name: str = "") -> Column[str]:
    """`customer_id`, a reference to `customers.id`."""
    column = name or f"{table.removesuffix('s')}_id"
    return Column(column, _SORTED, ForeignKey(f"{table}.id"), nullable=nullable, index=True)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, _SORTED, nullable=False, server_default=default)


def _version() -> Column[int]:
    return Column("version", Integer, nullable=False, server_default="1")


def _money(name: str = "amount_minor") -> Column[int]:
    return Column(name, _AMOUNT, nullable=False)


def _words() -> Column[str]:
    return Column("words", _WORDS, nullable=False)


def _address() -> list[Column[str]]:
    return [_text("street"), _text("postcode"), _text("city"), _text("country")]


def _day(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, Date, nullable=nullable)


# --- the world itself

world = Table(
    "world",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one"), primary_key=True, autoincrement=False),
    _text("pack"),
    Column("seed", Integer, nullable=False, server_default="0"),
    Column("now", DateTime, nullable=False),  # the clock: it stands still until somebody moves it
)

counters = Table(
    "counters",
    metadata,
    Column("record_type", String, primary_key=True),
    Column("last", Integer, nullable=False),  # the number of the newest record: ORD-1025 has 1025
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime, nullable=False),
    _text("type"),  # order.cancelled
    _text("record_type"),
    Column("record_id", _SORTED, nullable=False, index=True),
    Column("version", Integer, nullable=False),  # of the record, after the change
    _text("actor"),
    Column("changes", Text, nullable=False),  # JSON: {"status": ["placed", "cancelled"]}
)

# --- beside the world: what was told of it to others, on the machine's clock. No part of a digest, of a difference,
# nor of a snapshot: `world_tables` leaves it out.

BESIDE = "beside"

telling = Table(
    "telling",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one"), primary_key=True, autoincrement=False),
    _text("life"),  # of the world: a reset or a restored snapshot begins another, in which `seq` counts anew
    Column("told", Integer, nullable=False),  # the event up to which the webhook has had them all
    Column("tries", Integer, nullable=False, server_default="0"),  # of the next one
    Column("again_at", BigInteger, nullable=False, server_default="0"),  # Unix milliseconds
    info={BESIDE: True},
)

untold = Table(
    "untold",  # events that were set aside after too many tries
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("tries", Integer, nullable=False),
    _text("because"),
    info={BESIDE: True},
)

# --- who

customers = Table(
    "customers",
    metadata,
    _id(),
    _text("status"),
    _text("name"),
    Column("email", _SORTED, nullable=False, unique=True),  # in lower case
    _text("pending_email", ""),  # asked for, until a link sent to the old address confirms it
    _text("phone", ""),
    _text("language"),
    _text("company", ""),
    _text("loyalty_level", ""),
    Column("points", Integer, nullable=False, server_default="0"),
    _day("customer_since", nullable=False),
    _words(),
    _version(),
)

addresses = Table(
    "addresses",
    metadata,
    Column("customer_id", _SORTED, ForeignKey("customers.id"), primary_key=True),
    Column(
        "number", Integer, primary_key=True, autoincrement=False
    ),  # 1: where parcels go unless said otherwise
    _text("label"),
    *_address(),
)

contacts = Table(
    "contacts",
    metadata,
    Column("customer_id", _SORTED, ForeignKey("customers.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("name"),
    _text("email"),
    _text("role"),  # administrator, buyer, viewer
)

teams = Table(
    "teams",
    metadata,
    _id(),  # fraud, support-leads: a word, for people write it
    _text("name"),
    _text("purpose"),
    Column("answers_within_hours", Integer, nullable=False),
    _version(),
)

# --- what is sold

products = Table(
    "products",
    metadata,
    _id(),
    _text("status"),
    _text("title"),
    _text("category"),
    Column("stock", Integer, CheckConstraint("stock >= 0", name="stock"), nullable=False),
    Column("warranty_months", Integer, nullable=False),
    _words(),
    _version(),
)

prices = Table(
    "prices",
    metadata,
    Column("product_id", _SORTED, ForeignKey("products.id"), primary_key=True),
    Column("currency", String(3), primary_key=True),
    _money(),
)

orders = Table(
    "orders",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _day("ordered_on", nullable=False),
    _day("packed_on"),
    _day("shipped_on"),
    _day("delivered_on"),
    _day("cancelled_on"),
    _day("promised_on", nullable=False),
    _text("service"),  # standard, express, freight
    _text("payment_method"),
    _money("shipping_minor"),
    _money("total_minor"),
    Column("currency", String(3), nullable=False),
    *_address(),  # where it shall go; a shipment has where it goes
    _words(),
    _version(),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", _SORTED, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("product_id", _SORTED, ForeignKey("products.id"), nullable=False, index=True),
    _text("title"),  # as it was when it was ordered, like the price
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="quantity"), nullable=False),
    _money("unit_price_minor"),
)

shipments = Table(
    "shipments",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _of("orders"),
    _text("carrier"),
    _text("service"),
    Column("tracking", _SORTED, nullable=False, index=True),
    _day("shipped_on"),
    _day("promised_on", nullable=False),
    _day("delivered_on"),
    _day("expected_on"),  # when time will bring it; no carrier tells it, and no tool shows it
    _text("last_scan"),
    Column("redirected", Boolean, nullable=False, server_default=false()),
    *_address(),
    _words(),
    _version(),
)

# --- money

payments = Table(
    "payments",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _of("orders"),
    _text("method"),
    _day("paid_on", nullable=False),
    _money(),
    _money("refunded_minor"),
    Column("currency", String(3), nullable=False),
    _words(),
    _version(),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunds_within_payment"),
)

refunds = Table(
    "refunds",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _of("payments"),
    _of("returns", nullable=True),
    _money(),
    Column("currency", String(3), nullable=False),
    _text("basis"),
    Column("reason", Text, nullable=False),
    _day("refunded_on", nullable=False),
    _day("expected_on"),  # when the bank will have paid it
    _words(),
    _version(),
    CheckConstraint("amount_minor > 0", name="amount"),
)

credit_memos = Table(
    "credit_memos",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _of("orders", nullable=True),
    _money(),
    Column("currency", String(3), nullable=False),
    _text("basis"),
    Column("reason", Text, nullable=False),
    _day("issued_on", nullable=False),
    _words(),
    _version(),
    CheckConstraint("amount_minor > 0", name="amount"),
)

# --- what follows a sale

returns = Table(
    "returns",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _of("orders"),
    _text("reason"),
    _text("remedy"),
    Column("note", Text, nullable=False, server_default=""),
    _money("label_fee_minor"),
    Column("currency", String(3), nullable=False),
    _day("opened_on", nullable=False),
    _day("received_on"),
    _day("expected_on"),  # when time will bring it back
    _words(),
    _version(),
)

return_lines = Table(
    "return_lines",
    metadata,
    Column("return_id", _SORTED, ForeignKey("returns.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("product_id", _SORTED, ForeignKey("products.id"), nullable=False, index=True),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="quantity"), nullable=False),
)

service_levels = Table(
    "service_levels",
    metadata,
    _id(),
    _text("plan"),
    Column("delivery_days", Integer, nullable=False),
    Column("first_answer_hours", Integer, nullable=False),
    Column("penalty_percent", Integer, nullable=False),  # of the order value, for each working day of delay
    Column("penalty_at_most_percent", Integer, nullable=False),
    _version(),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _text("kind"),  # refill_club, connect
    _text("plan"),  # small, large; Basic, Team, Scale
    Column("rhythm_months", Integer, nullable=False),
    _money("price_minor"),
    Column("currency", String(3), nullable=False),
    _day("started_on", nullable=False),
    _day("next_on"),  # the next delivery, or the next month that is charged
    _day("paused_until"),
    Column("pauses_this_year", Integer, nullable=False, server_default="0"),
    _text("pending_plan", ""),
    Column("pending_rhythm_months", Integer),
    _day("pending_on"),
    _day("ended_on"),
    _words(),
    _version(),
)

meetings = Table(
    "meetings",
    metadata,
    _id(),
    _text("status"),
    _of("customers"),
    _of("tickets", nullable=True),
    Column("starts_at", DateTime, nullable=False),
    Column("minutes", Integer, nullable=False),
    _text("purpose"),
    Column(
        "invitation", Text, nullable=False
    ),  # JSON: participants, agenda, attachments, as it would be sent
    _words(),
    _version(),
)

# --- what is said

tickets = Table(
    "tickets",
    metadata,
    _id(),
    _text("status"),
    _text("title"),
    _text("priority"),
    _of("customers"),
    _of("orders", nullable=True),
    _of("teams", nullable=True),
    _day("opened_on", nullable=False),
    Column("answer_due_at", DateTime),
    _words(),
    _version(),
)

messages = Table(
    "messages",
    metadata,
    Column("ticket_id", _SORTED, ForeignKey("tickets.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("author"),
    Column("at", DateTime, nullable=False),
    Column("internal", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("customer_id", _SORTED, ForeignKey("customers.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("author"),
    Column("at", DateTime, nullable=False),
    Column("body", Text, nullable=False),
)

# Lists are newest first.
Index("customers_by_date", customers.c.customer_since.desc(), customers.c.id)
Index("orders_by_date", orders.c.ordered_on.desc(), orders.c.id)
Index("shipments_by_date", shipments.c.promised_on.desc(), shipments.c.id)
Index("payments_by_date", payments.c.paid_on.desc(), payments.c.id)
Index("tickets_by_date", tickets.c.opened_on.desc(), tickets.c.id)


def world_tables() -> list[Table]:
    """The world's own, parents before children."""
    return [table for table in metadata.sorted_tables if BESIDE not in table.info]


def fold(text: str) -> str:
    """`Åsa Müller` -> `asa muller`."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def words(*parts: str) -> str:
    return fold(" ".join(parts))
