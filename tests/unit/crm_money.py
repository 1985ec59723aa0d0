"""What the tests of money and returns share: the tiny world in memory, put into the state that a test asks for, and
what must be true of its books whatever was done."""

import json
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, create_engine, event, select
from sqlalchemy.pool import StaticPool

from toolservers.crm.actor import Actor
from toolservers.crm.changes import create_credit_memo, create_return, refund_payment
from toolservers.crm.kinds import RefundBasis, RuleMode
from toolservers.crm.machines import MACHINES
from toolservers.crm.packs.pack import rows
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.records import Changed, Item, RefundReceipt
from toolservers.crm.references import TABLES, parse
from toolservers.crm.work import Work
from toolservers.crm.world import tables

AGENT = Actor("ada")
LEAD = Actor("lea", frozenset({"support-lead"}))
FINANCE = Actor("fin", frozenset({"finance"}))
MARTA = Actor("CUS-2004", frozenset({"customer"}), "CUS-2004")

NO_SETUP: dict[str, Any] = {}
LATE_4 = {"ORD_1007": {"promised_on": date(2026, 11, 6)}}
NOVEMBER_19 = {"now": {"month": 11, "day": 19}}


@contextmanager
def tiny() -> Generator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def ours(opened: object, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        opened.isolation_level = None  # pyright: ignore[reportAttributeAccessIssue]

    tables.metadata.create_all(engine)
    with engine.connect() as opened:
        for table, content in rows(PACK):
            if content:
                opened.execute(table.insert(), content)
        opened.commit()
        yield opened
    engine.dispose()


@contextmanager
def undone(connection: Connection) -> Generator[Connection]:
    """What is done inside is undone."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield connection
    finally:
        connection.rollback()


@contextmanager
def undone_step(connection: Connection) -> Generator[None]:
    """The same within what is undone already."""
    with connection.begin_nested() as step:
        yield
        step.rollback()


def work(connection: Connection, by: Actor = AGENT, mode: RuleMode = "enforce") -> Work:
    return Work(connection, by, mode)


def put(connection: Connection, **records: dict[str, Any]) -> None:
    """`put(connection, PAY_5007={"status": "disputed"}, now={...})`: as if it had always been so."""
    for name, values in records.items():
        if name == "now":
            noon = datetime(2026, values["month"], values["day"], 12)  # noqa: DTZ001 -- as the database holds it
            connection.execute(tables.world.update().values(now=noon))
            continue
        reference = parse(name.replace("_", "-"))
        table = TABLES[reference.record_type]
        connection.execute(table.update().where(table.c.id == reference.value).values(**values))


def in_currency(connection: Connection, number: int, currency: str, total: int, shipping: int = 0) -> None:
    """The order of one line and its payment, as if they had been made in another currency."""
    order_id = f"ORD-{number}"
    lines = tables.order_lines
    connection.execute(lines.delete().where(lines.c.order_id == order_id, lines.c.number > 1))
    price = {"quantity": 1, "unit_price_minor": total - shipping}
    connection.execute(lines.update().where(lines.c.order_id == order_id).values(**price))
    put(
        connection,
        **{
            f"ORD_{number}": {"currency": currency, "total_minor": total, "shipping_minor": shipping},
            f"PAY_{number + 4000}": {"currency": currency, "amount_minor": total},
        },
    )


def all_rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(table)).mappings()]


def the_books_are_true(connection: Connection, *, enforced: bool = True) -> None:
    """Whatever the mode; and where the rules are enforced, what a return gave is what it gives a right to."""
    refunded: Counter[str] = Counter()
    for refund in all_rows(connection, tables.refunds):
        refunded[refund["payment_id"]] += refund["amount_minor"]
    for payment in all_rows(connection, tables.payments):
        back, paid = refunded[payment["id"]], payment["amount_minor"]
        assert payment["refunded_minor"] == back <= paid, payment
        fits = "refunded" if back == paid else "partially_refunded" if back else None
        assert payment["status"] in (fits, "disputed") if fits else payment["status"] not in ("refunded",)
    for product in all_rows(connection, tables.products):
        assert product["stock"] >= 0
        assert product["status"] == "discontinued" or (product["status"] == "available") == (
            product["stock"] > 0
        )
    _returns_are_within_orders(connection, enforced)
    _histories_are_paths(connection)


def _returns_are_within_orders(connection: Connection, enforced: bool) -> None:
    ordered: Counter[tuple[str, str]] = Counter()
    price: dict[tuple[str, str], int] = {}
    for line in all_rows(connection, tables.order_lines):
        ordered[line["order_id"], line["product_id"]] += line["quantity"]
        price[line["order_id"], line["product_id"]] = line["unit_price_minor"]
    back: Counter[tuple[str, str]] = Counter()
    made = {row["id"]: row for row in all_rows(connection, tables.returns)}
    worth: Counter[str] = Counter()
    for line in all_rows(connection, tables.return_lines):
        row = made[line["return_id"]]
        bought = (row["order_id"], line["product_id"])
        worth[row["id"]] += line["quantity"] * price[bought]
        if row["status"] not in ("expired", "rejected"):
            back[bought] += line["quantity"]
    assert all(pieces <= ordered[bought] for bought, pieces in back.items())
    refunded: Counter[str] = Counter()
    for refund in all_rows(connection, tables.refunds):
        if refund["return_id"]:
            refunded[refund["return_id"]] += refund["amount_minor"]
    for identity, amount in refunded.items() if enforced else ():
        assert amount <= worth[identity] - made[identity]["label_fee_minor"]
        assert made[identity]["remedy"] == "refund"


def _histories_are_paths(connection: Connection) -> None:
    """Every event goes on from the one before, by a step of the state machine, and counts the version up."""
    histories: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for told in all_rows(connection, tables.events):
        histories[told["record_id"]].append(told)
    for identity, history in histories.items():
        machine = MACHINES[history[0]["record_type"]]
        versions = [told["version"] for told in history]
        assert versions == list(range(versions[0], versions[0] + len(versions))), identity
        state = None
        for told in history:
            before, after = json.loads(told["changes"]).get("status", (state, state))
            assert state is None or before == state, identity
            assert before is None or before == after or after in machine[before], (identity, before, after)
            state = after
        table = TABLES[history[0]["record_type"]]
        now = connection.execute(select(table).where(table.c.id == identity)).mappings().one()
        assert now["version"] == versions[-1]
        assert state is None or now["status"] == state


def on(month: int, day: int) -> date:
    return date(2026, month, day)


def refund(
    crm: Connection,
    payment_id: str,
    amount: int,
    basis: RefundBasis = "goodwill",
    by: Actor = AGENT,
    return_id: str = "",
    reason: str = "As agreed.",
    mode: RuleMode = "enforce",
) -> RefundReceipt:
    return refund_payment(work(crm, by, mode), payment_id, amount, reason, basis, return_id)


def send_back(
    crm: Connection, order_id: str, pieces: dict[str, int], reason: Any = "change_of_mind", **more: Any
) -> Changed:
    items = [Item(product_id, quantity) for product_id, quantity in pieces.items()]
    by = more.pop("by", AGENT)
    asked: dict[str, Any] = {"remedy": "refund", "note": ""} | more
    return create_return(work(crm, by), order_id, items, reason, **asked)


def credit(crm: Connection, amount: int, basis: Any, by: Actor = LEAD, **more: Any) -> Changed:
    asked = {"customer_id": "CUS-2008", "currency": "EUR", "order_id": "ORD-1013", "reason": "Late."} | more
    return create_credit_memo(work(crm, by), amount_minor=amount, basis=basis, **asked)


def arrive(crm: Connection, return_id: str) -> None:
    """The warehouse's part."""
    desk = work(crm)
    moved = desk.change("return", desk.row(return_id), "scanned", status="in_transit")
    desk.change("return", moved, "received", status="received", received_on=desk.today)
