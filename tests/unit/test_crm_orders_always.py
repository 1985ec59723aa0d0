"""What is so of orders, stock and payments, whatever is asked of them and in whatever order."""

import json
from collections import defaultdict
from collections.abc import Generator
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, func, select

from tests.unit.crm_order_world import WORLD, set_clock
from tests.unit.crm_worlds import filled, undone
from toolservers.crm.actor import Actor
from toolservers.crm.changes.orders import change_order
from toolservers.crm.kinds import OrderChange, RuleMode
from toolservers.crm.machines import MACHINES, may_become
from toolservers.crm.packs.pack import rows
from toolservers.crm.records import Address, Changed, Item
from toolservers.crm.references import TABLES
from toolservers.crm.work import Work
from toolservers.crm.world.tables import (
    events,
    order_lines,
    orders,
    payments,
    prices,
    products,
    refunds,
    shipments,
)
from toolward.errors import ToolError

PLACED = [f"ORD-{number}" for number in (1018, 1017, 1025, 1028, 1030, 1031, 1035, 1036, 1037, 1046)]
OTHERS = [f"ORD-{number}" for number in (1027, 1015, 1016, 1029, 1032, 1034)]
SOLD = {"ORD-1030": ["PRD-7016", "PRD-7017"], "ORD-1031": ["PRD-7017", "PRD-7016"], "ORD-1037": ["PRD-7009"]}
EVERYWHERE = ["PRD-7012", "PRD-7001", "PRD-7010", "PRD-7005", "PRD-7007"]
NOWHERE = ["PRD-7013", "PRD-7015", "PRD-7099"]
METHODS = ["PayPal", "Visa", "bank transfer", "iDEAL", "Mastercard", "invoice", "cash", ""]


class Wish(NamedTuple):
    order_id: str
    change: OrderChange
    country: str = ""
    items: tuple[Item, ...] = ()
    method: str = ""
    dry_run: bool = False
    mode: RuleMode = "enforce"
    at: tuple[int, int] | None = None


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Most of what is asked for is possible, or the histories would be short."""

    def mostly(usual: list[Any], seldom: list[Any]) -> Any:
        return draw(st.sampled_from(usual if draw(st.integers(0, 9)) < 9 else seldom))

    order_id = draw(st.sampled_from(PLACED + OTHERS))
    wish = Wish(
        order_id,
        mostly(["items", "payment", "address"], ["cancel"]),
        dry_run=mostly([False], [True]),
        mode=mostly(["enforce", "off"], ["advise"]),
        at=mostly([None], [(16, 16), (20, 9), (26, 9)]),
    )
    if wish.change == "address":
        return wish._replace(country=draw(st.sampled_from(["Germany", "Italy", "Netherlands"])))
    if wish.change == "payment":
        return wish._replace(method=draw(st.sampled_from(METHODS)))
    if wish.change == "items":
        names = [mostly(SOLD.get(order_id, EVERYWHERE), NOWHERE) for _ in range(draw(st.integers(1, 3)))]
        return wish._replace(items=tuple(Item(name, mostly([1, 2, 3, 12], [40, 9_999])) for name in names))
    return wish


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connection]:
    with filled(tmp_path_factory.mktemp("orders") / "crm.db", WORLD) as connection:
        yield connection


def fulfil(connection: Connection, wish: Wish) -> Changed | None:
    """What came of it, as a door would: all of it, or with a refusal nothing."""
    address = Address("Street 1", "10000", "Town", wish.country) if wish.country else None
    items = list(wish.items) if wish.change == "items" else None
    if wish.at is not None:
        set_clock(connection, *wish.at)
    transaction = connection.begin_nested()
    work = Work(connection, Actor("ada"), wish.mode)
    try:
        done = change_order(
            work, wish.order_id, wish.change, address, items, wish.method, "", 0, wish.dry_run
        )
    except ToolError:
        transaction.rollback()
        return None
    transaction.commit()
    return done


def content(connection: Connection) -> list[Any]:
    told = sorted({*(table for table, _ in rows(WORLD)), events}, key=lambda table: table.name)
    return [connection.execute(select(table)).all() for table in told if table.name != "world"]


def reserved(connection: Connection) -> dict[str, int]:
    """Of each product: what is in stock and what is in orders that were not cancelled."""
    live = (
        select(order_lines.c.product_id, func.sum(order_lines.c.quantity))
        .join(orders)
        .where(orders.c.status != "cancelled")
        .group_by(order_lines.c.product_id)
    )
    pieces = {row.id: row.stock for row in connection.execute(select(products))}
    assert min(pieces.values()) >= 0
    for name, quantity in connection.execute(live):
        pieces[name] += quantity
    return pieces


def by_order(connection: Connection, table: Table) -> defaultdict[str, list[Any]]:
    own: defaultdict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(select(table).order_by(*table.primary_key)):
        own[row.order_id].append(row)
    return own


def unpaid(connection: Connection) -> dict[str, int]:
    """Of each order that is not cancelled and has payments that stand: how far they are from its total."""
    owed: dict[str, int] = {}
    paid = by_order(connection, payments)
    for order in connection.execute(select(orders)):
        live = [one for one in paid[order.id] if one.status not in ("failed", "released", "refunded")]
        standing = sum(one.amount_minor - one.refunded_minor for one in live)
        if order.status == "cancelled":
            assert standing == 0, order.id
        elif live:
            owed[order.id] = order.total_minor - standing
    return owed


def check_sums(connection: Connection) -> None:
    ordered = by_order(connection, order_lines)
    for order in connection.execute(select(orders)):
        lines = ordered[order.id]
        goods = sum(line.quantity * line.unit_price_minor for line in lines)
        assert order.total_minor == goods + order.shipping_minor, order.id
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))
        assert len({line.product_id for line in lines}) == len(lines)
    sold_in = {(row.product_id, row.currency) for row in connection.execute(select(prices))}
    for product_id, currency in connection.execute(
        select(order_lines.c.product_id, orders.c.currency).join(orders)
    ):
        assert (product_id, currency) in sold_in
    given: defaultdict[str, int] = defaultdict(int)
    for refund in connection.execute(select(refunds)):
        given[refund.payment_id] += refund.amount_minor
    for payment in connection.execute(select(payments)):
        assert payment.refunded_minor == given[payment.id] <= payment.amount_minor


def check_histories(connection: Connection) -> None:
    """Every record's events are a path of its state machine, and count its versions without a gap."""
    told: defaultdict[tuple[Any, str], list[Any]] = defaultdict(list)
    for event in connection.execute(select(events).order_by(events.c.seq)):
        told[event.record_type, event.record_id].append(event)
    for (record_type, record_id), history in told.items():
        table = TABLES[record_type]
        now = connection.execute(select(table).where(table.c.id == record_id)).one()
        first = history[0].version
        assert [event.version for event in history] == list(range(first, first + len(history)))
        assert (first, history[-1].version) == (1 if history[0].type.endswith(".created") else 2, now.version)
        steps = [json.loads(event.changes).get("status") for event in history]
        path = [step for step in steps if step is not None]
        for step, following in pairwise(path):
            assert step[1] == following[0]
        for before, after in path:
            assert (
                after in MACHINES[record_type] if before is None else may_become(record_type, before, after)
            )
        assert not path or path[-1][1] == now.status


@settings(max_examples=25, deadline=None)
@given(st.lists(wishes(), min_size=1, max_size=12))
def test_stock_totals_payments_and_histories_always_agree(once: Connection, asked: list[Wish]) -> None:
    with undone(once) as connection:
        pieces, owed = reserved(connection), unpaid(connection)
        for wish in asked:
            before = content(connection) if wish.dry_run else None
            done = fulfil(connection, wish)
            assert before is None or content(connection) == before
            assert done is None or done.changes
        assert reserved(connection) == pieces
        for order_id, amount in unpaid(connection).items():
            assert amount == owed.get(order_id, 0), order_id
        check_sums(connection)
        check_histories(connection)
        stopped = select(shipments.c.order_id).join(orders).where(orders.c.status == "cancelled")
        assert not connection.execute(stopped.where(shipments.c.status != "stopped")).all()
