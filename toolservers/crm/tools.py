"""Tools over a demo company's CRM: find and read records, answer tickets, change orders, refund payments."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from toolservers.crm import kinds
from toolservers.crm.records import AddedMessage, Address, Changed, Found, Item, Record, RefundReceipt
from toolservers.crm.settings import Settings
from toolward.kit import Context, Effects, ToolServer, Transaction
from toolward.types import Principal, ToolCall, ToolResult

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from toolservers.crm.desk import Desk
    from toolservers.crm.worlds import Worlds
else:
    Connection = Desk = Worlds = Any  # they bring SQLAlchemy (0.3 s), which listing tools does not need


server = ToolServer(
    "crm",
    title="Fernhill Goods CRM",
    instructions=(
        "Customers, orders, payments and tickets of Fernhill Goods. Money is in integer minor units:"
        " amount_minor 8480 with currency EUR is 84.80 EUR. get_record shows under allowed_actions what may be"
        " done now, and why not."
    ),
    settings=Settings,
    commands={
        "world": "toolservers.crm.command:main",
        "scenario": "toolservers.crm.scenario_command:main",
    },
)

READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
ADDS = {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}
CHANGES = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": False}

Tx = Transaction[Connection]
Version = Annotated[int, Field(ge=0), "Refused if it has another by now; 0: any."]
Short = Annotated[str, Field(max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=500), "One sentence; the customer sees it."]
DryRun = Annotated[bool, "Only show before and after."]


@server.lifespan
async def lifespan(settings: Settings) -> AsyncGenerator[Worlds, None]:
    from toolservers.crm.worlds import Worlds

    worlds = await Worlds.open(settings)
    try:
        if settings.admin:
            from toolservers.crm.admin_tools import offered

            with offered(server):
                yield worlds
        else:
            yield worlds
    finally:
        await worlds.close()


@server.effects
def effects(desk: Desk) -> Effects[Connection]:
    return desk.effects()


@server.around
async def around(
    worlds: Worlds, principal: Principal, call: ToolCall, go: Callable[[Desk], Awaitable[ToolResult]]
) -> ToolResult:
    return await worlds.around(principal, call, go)


@server.tool(title="Find records", annotations=READ_ONLY)
async def find_records(
    ctx: Context[Desk],
    record_type: kinds.RecordType,
    query: Annotated[
        str, Field(max_length=200), "Words that must all occur: name, e-mail, title, product."
    ] = "",
    status: Annotated[str | None, "Such as open (ticket) or shipped (order)."] = None,
    customer_id: Annotated[str | None, "Such as CUS-2004, or an e-mail address."] = None,
    filters: Annotated[
        list[Short], Field(max_length=10), "FIELD OP VALUE: promised_on<today, total_minor>=5000, city~koln."
    ] = [],  # noqa: B006 -- read, and never written
    sort: Annotated[str, Field(max_length=100), "A field; -field for the largest first."] = "",
    fields: Annotated[list[Short], Field(max_length=20), "Also show these."] = [],  # noqa: B006
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
    cursor: Annotated[str, Field(max_length=1_000), "next_cursor of the page before."] = "",
) -> Found:
    """List records as short summaries, newest first. With an id at hand, call `get_record` at once."""
    desk = ctx.state
    wanted = desk.wanted(record_type, query, status, customer_id, filters, sort, fields, limit, cursor)
    return await desk.see(ctx.principal, desk.find_records, wanted)


@server.tool(title="Get a record", annotations=READ_ONLY)
async def get_record(
    ctx: Context[Desk],
    record_id: Annotated[
        str,
        "Such as ORD-1007; an e-mail address; the URL of its page.",
    ],
    record_type: Annotated[kinds.RecordType | None, "Only where the id does not say it."] = None,
) -> Record:
    """Look up one record with all its details, and with what may be done with it now (`allowed_actions`).

    An order comes with lines, payments, shipment and refunds; a customer with orders, tickets, subscriptions.
    """
    return await ctx.state.see(ctx.principal, ctx.state.get_record, record_id, record_type)


@server.tool(title="Create a ticket", annotations=ADDS)
async def create_ticket(
    ctx: Context[Desk],
    tx: Tx,
    customer_id: str,
    title: Short,
    body: Annotated[str, Field(min_length=1, max_length=10_000), "What is wanted, or happened."],
    order_id: str = "",
    priority: kinds.Priority = "normal",
    team: kinds.Team = "support",
) -> Changed:
    """Open a ticket for a customer, for support or for another team."""
    desk = ctx.state
    return await desk.do(
        tx, ctx, desk.changes.create_ticket, customer_id, title, body, order_id, priority, team
    )


@server.tool(title="Update a ticket", annotations=ADDS)
async def update_ticket(
    ctx: Context[Desk],
    tx: Tx,
    ticket_id: str,
    status: kinds.TicketStatus | None = None,
    priority: kinds.Priority | None = None,
    team: Annotated[kinds.Team | None, "Who takes it over; write an internal summary first."] = None,
    expected_version: Version = 0,
) -> Changed:
    """Change a ticket's status, priority or team: solve it, reopen it, hand it over."""
    desk = ctx.state
    return await desk.do(
        tx, ctx, desk.changes.update_ticket, ticket_id, status, priority, team, expected_version
    )


@server.tool(title="Add a message to a ticket", annotations=ADDS)
async def add_ticket_message(
    ctx: Context[Desk],
    tx: Tx,
    ticket_id: Annotated[str, "Such as TCK-3003."],
    body: Annotated[str, Field(min_length=1, max_length=10_000), "The message's text."],
    internal: Annotated[bool, "true: a note for colleagues only; false: the customer reads it."] = False,
) -> AddedMessage:
    """Write a reply to the customer, or an internal note, into a ticket."""
    desk = ctx.state
    return await desk.do(tx, ctx, desk.changes.add_ticket_message, ticket_id, body, internal)


@server.tool(title="Update a customer", annotations=CHANGES)
async def update_customer(
    ctx: Context[Desk],
    tx: Tx,
    customer_id: str,
    email: Annotated[str, "Counts once a link sent to the old address confirms it."] = "",
    phone: str = "",
    language: kinds.Language | None = None,
    address: Annotated[Address | None, "For future orders only."] = None,
    note: Annotated[str, Field(max_length=2_000), "For colleagues."] = "",
    expected_version: Version = 0,
) -> Changed:
    """Change a customer's data, or note something about them."""
    desk = ctx.state
    return await desk.do(
        tx,
        ctx,
        desk.changes.update_customer,
        customer_id,
        email,
        phone,
        language,
        address,
        note,
        expected_version,
    )


@server.tool(title="Change an order", annotations=CHANGES)
async def change_order(
    ctx: Context[Desk],
    tx: Tx,
    order_id: str,
    change: kinds.OrderChange,
    address: Annotated[Address | None, "For address."] = None,
    items: Annotated[
        list[Item] | None, Field(max_length=50), "For items: what shall be in it, all of it."
    ] = None,
    payment_method: Annotated[str, "For payment, such as Visa."] = "",
    reason: Annotated[str, Field(max_length=500)] = "",
    dry_run: DryRun = False,
    expected_version: Version = 0,
) -> Changed:
    """Cancel an order, or change where it goes, what is in it, or how it is paid."""
    desk = ctx.state
    return await desk.do(
        tx,
        ctx,
        desk.changes.change_order,
        order_id,
        change,
        address,
        items,
        payment_method,
        reason,
        expected_version,
        dry_run,
    )


@server.tool(title="Create a return", annotations=ADDS)
async def create_return(
    ctx: Context[Desk],
    tx: Tx,
    order_id: str,
    items: Annotated[list[Item], Field(min_length=1, max_length=50)],
    reason: kinds.ReturnReason,
    remedy: kinds.Remedy = "refund",
    note: Annotated[str, Field(max_length=2_000)] = "",
) -> Changed:
    """Register a return and send its label. Where the goods need not come back, the refund can follow at once."""
    desk = ctx.state
    return await desk.do(tx, ctx, desk.changes.create_return, order_id, items, reason, remedy, note)


@server.tool(title="Refund a payment", annotations=CHANGES)
async def refund_payment(
    ctx: Context[Desk],
    tx: Tx,
    payment_id: Annotated[str, "Such as PAY-5007; its order names it."],
    amount_minor: Annotated[int, Field(ge=1), "Minor units of the payment's currency: 1272 is 12.72 EUR."],
    reason: Reason,
    basis: Annotated[kinds.RefundBasis, "What gives the right to it."] = "goodwill",
    return_id: str = "",
) -> RefundReceipt:
    """Give back all or part of a payment. Money moves at once and cannot be called back."""
    desk = ctx.state
    return await desk.do(
        tx, ctx, desk.changes.refund_payment, payment_id, amount_minor, reason, basis, return_id
    )


@server.tool(title="Create a credit memo", annotations=CHANGES)
async def create_credit_memo(
    ctx: Context[Desk],
    tx: Tx,
    customer_id: str,
    amount_minor: Annotated[int, Field(ge=1)],
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")],
    reason: Reason,
    basis: kinds.CreditBasis,
    order_id: str = "",
) -> Changed:
    """Credit an amount against the customer's next invoice."""
    desk = ctx.state
    return await desk.do(
        tx,
        ctx,
        desk.changes.create_credit_memo,
        customer_id,
        amount_minor,
        currency,
        reason,
        basis,
        order_id,
    )


@server.tool(title="Change a subscription", annotations=CHANGES)
async def change_subscription(
    ctx: Context[Desk],
    tx: Tx,
    subscription_id: str,
    change: kinds.SubscriptionChange,
    plan: Annotated[str, "For upgrade, downgrade: small, large; Basic, Team, Scale."] = "",
    months: Annotated[int, Field(ge=0, le=12), "For pause: how long; for rhythm: every how many."] = 0,
    dry_run: DryRun = False,
    expected_version: Version = 0,
) -> Changed:
    """Move a subscription up or down, change its rhythm, pause, resume or end it. Ask which one is meant."""
    desk = ctx.state
    return await desk.do(
        tx,
        ctx,
        desk.changes.change_subscription,
        subscription_id,
        change,
        plan,
        months,
        expected_version,
        dry_run,
    )


@server.tool(title="Schedule a meeting", annotations=ADDS)
async def schedule_meeting(
    ctx: Context[Desk],
    tx: Tx,
    customer_id: str,
    starts_at: Annotated[datetime, "2026-11-20T10:00:00+01:00; without an offset: Amsterdam."],
    minutes: Annotated[int, "15, 30 or 60."],
    purpose: Short,
    participants: Annotated[list[Short], Field(min_length=1, max_length=8), "E-mail addresses."],
    agenda: Annotated[list[Short], Field(max_length=5)] = [],  # noqa: B006
    attachments: Annotated[list[Short], Field(max_length=10), "File names of reports (PDF)."] = [],  # noqa: B006
    ticket_id: str = "",
) -> Changed:
    """Record a video meeting with a business customer, its invitation and attachments. Nothing is sent."""
    desk = ctx.state
    return await desk.do(
        tx,
        ctx,
        desk.changes.schedule_meeting,
        customer_id,
        starts_at,
        minutes,
        purpose,
        participants,
        agenda,
        attachments,
        ticket_id,
    )
