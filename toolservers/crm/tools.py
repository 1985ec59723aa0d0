"""Tools over a demo company's CRM: find and read records, answer tickets, refund payments."""

import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from toolservers.crm.records import AddedMessage, Found, Record, RecordType, RefundReceipt
from toolward.kit import Context, Effects, ToolServer, Transaction

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from toolservers.crm.desk import Desk
else:
    Connection = Desk = Any  # they bring SQLAlchemy (0.3 s), which listing tools does not need


def _default_database() -> Path:
    home = os.environ.get("TOOLWARD_HOME")
    if home:
        return Path(home) / "crm.db"
    from platformdirs import user_data_path

    return user_data_path("toolward", appauthor=False) / "crm.db"


@dataclass(frozen=True)
class Settings:
    database: Annotated[Path, "SQLite file, made at the first start; default: crm.db in the data folder"] = (
        field(default_factory=_default_database)
    )


server = ToolServer(
    "crm",
    title="Fernhill Goods CRM",
    instructions=(
        "Customers, orders, payments and tickets of Fernhill Goods. Money is in integer minor units:"
        " amount_minor 8480 with currency EUR is 84.80 EUR."
    ),
    settings=Settings,
)

READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
ADDS = {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}
PAYS = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": False}


@server.lifespan
async def lifespan(settings: Settings) -> AsyncGenerator[Desk, None]:
    from toolservers.crm.desk import Desk

    desk = await Desk.open(settings.database)
    try:
        yield desk
    finally:
        await desk.close()


@server.effects
def effects(desk: Desk) -> Effects[Connection]:
    return desk.effects()


@server.tool(title="Find records", annotations=READ_ONLY)
async def find_records(
    ctx: Context[Desk],
    record_type: RecordType,
    query: Annotated[
        str, Field(max_length=200), "Words that must all occur: id, name, e-mail address, title, product."
    ] = "",
    status: Annotated[str | None, "Only this status, such as open (ticket) or shipped (order)."] = None,
    customer_id: Annotated[
        str | None, "Only this customer's: an id such as CUS-2004, or e-mail address."
    ] = None,
    limit: Annotated[int, Field(ge=1, le=100), "How many at most."] = 20,
) -> Found:
    """List customers, orders, payments, tickets or products, newest first, as short summaries.

    Read one in full with `get_record`. With an id at hand, call `get_record` at once.
    """
    return await ctx.state.find(record_type, query, status, customer_id, limit)


@server.tool(title="Get a record", annotations=READ_ONLY)
async def get_record(
    ctx: Context[Desk],
    record_id: Annotated[
        str,
        "Order number (ORD-1007), payment, ticket, customer or product id, or a customer's e-mail address.",
    ],
    record_type: Annotated[RecordType | None, "Only where the id does not say it."] = None,
) -> Record:
    """Look up one order, customer, payment, ticket or product with all its details.

    An order comes with its customer, lines, total, payments, shipment, tickets and refunds; a customer with
    orders and tickets; a payment with what is left to refund; a ticket with its messages.
    """
    return await ctx.state.get(record_id, record_type)


@server.tool(title="Add a message to a ticket", annotations=ADDS)
async def add_ticket_message(
    ctx: Context[Desk],
    tx: Transaction[Connection],
    ticket_id: Annotated[str, "Such as TCK-3003."],
    body: Annotated[str, Field(min_length=1, max_length=10_000), "The message's text."],
    internal: Annotated[bool, "true: a note for colleagues only; false: the customer reads it."] = False,
) -> AddedMessage:
    """Write a reply to the customer, or an internal note, into a ticket."""
    return await ctx.state.add_message(tx, ctx.principal.id, ticket_id, body, internal=internal)


@server.tool(title="Refund a payment", annotations=PAYS)
async def refund_payment(
    ctx: Context[Desk],
    tx: Transaction[Connection],
    payment_id: Annotated[str, "Such as PAY-5007; an order's record names its payments."],
    amount_minor: Annotated[int, Field(ge=1), "Minor units of the payment's currency: 1272 is 12.72 EUR."],
    reason: Annotated[str, Field(min_length=1, max_length=500), "One sentence; the customer sees it."],
) -> RefundReceipt:
    """Give back all or part of a payment. Money moves at once and cannot be called back.

    Refused beyond what is left of the payment, and for payments that are pending, failed or disputed.
    """
    return await ctx.state.refund(tx, payment_id, amount_minor, reason)
