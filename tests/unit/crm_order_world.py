"""What the tests of orders share: the tiny world with orders that it has not (packed today, of new customers, in
yen and in dinars, disputed), and how they are changed."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, update

from toolservers.crm import records
from toolservers.crm.actor import Actor
from toolservers.crm.changes.orders import change_order
from toolservers.crm.kinds import OrderChange, RuleMode
from toolservers.crm.packs.pack import Customer, Order, Product
from toolservers.crm.packs.tiny import PACK
from toolservers.crm.reading import get_record
from toolservers.crm.records import Address, Changed, Item
from toolservers.crm.work import View, Work
from toolservers.crm.world.tables import world

ADA = Actor("ada")
ELSEWHERE = {"street": "Via Roma 3", "postcode": "40033", "city": "Casalecchio"}
TODAY = date(2026, 11, 16)


def _customer(number: int, name: str, city: str, country: str) -> Customer:
    email = f"{name.split(maxsplit=1)[0].lower()}@example.net"
    return Customer(f"CUS-{number}", name, email, "en", "", TODAY, "Main Street 1", "10000", city, country)


def _order(
    number: int, customer: int, status: str, product: str, quantity: int = 1, **other: object
) -> Order:
    given = {"ordered_on": TODAY, "service": "standard", "method": "Visa", "payment": "pending"} | other
    return Order(number, f"CUS-{customer}", status, lines=((product, quantity),), **given)  # pyright: ignore[reportArgumentType]


WORLD = PACK._replace(
    name="orders",
    products=(
        *PACK.products,
        Product("PRD-7016", "Tea caddy", "kitchen", 3_000, 8, other_prices=(("JPY", 4_800), ("KWD", 10_125))),
        Product("PRD-7017", "Tea whisk", "kitchen", 1_500, 3, other_prices=(("JPY", 2_333), ("KWD", 5_001))),
    ),
    customers=(
        *PACK.customers,
        _customer(2013, "Nils Nieuw", "Utrecht", "Netherlands"),
        _customer(2014, "Yuki Tanaka", "Tokyo", "Japan"),
        _customer(2015, "Fahad Salem", "Kuwait", "Kuwait"),
    ),
    orders=(
        *PACK.orders,
        _order(1046, 2013, "placed", "PRD-7007"),
        _order(1027, 2001, "packed", "PRD-7012", method="PayPal", payment="captured"),
        _order(1028, 2008, "placed", "PRD-7001", 11, service="freight", method="invoice"),
        _order(1029, 2008, "packed", "PRD-7001", 11, service="freight", method="bank transfer"),
        _order(1030, 2014, "placed", "PRD-7016", 2, currency="JPY"),
        _order(1031, 2015, "placed", "PRD-7016", 2, currency="KWD", method="PayPal", payment="captured"),
        _order(1032, 2001, "placed", "PRD-7012", payment="disputed"),
        _order(
            1033, 2011, "shipped", "PRD-7012", service="express", payment="captured", last_scan="Lyon hub"
        ),
        _order(
            1034, 2001, "shipped", "PRD-7012", payment="captured", last_scan="2026-11-16 Out for delivery"
        ),
        _order(1035, 2005, "placed", "PRD-7012", payment="failed"),
        _order(1036, 2009, "placed", "PRD-7007", 8, service="express", method="bank transfer"),
        _order(1037, 2007, "placed", "PRD-7009", ordered_on=date(2026, 11, 12), payment="captured"),
    ),
)


def changed(
    connection: Connection,
    order_id: str,
    change: OrderChange,
    *,
    country: str = "",
    place: dict[str, str] | None = None,
    items: dict[str, int] | None = None,
    method: str = "",
    dry_run: bool = False,
    by: Actor = ADA,
    mode: RuleMode = "enforce",
) -> Changed:
    address = Address(**(ELSEWHERE | (place or {})), country=country) if country else None
    wanted = None if items is None else [Item(product, quantity) for product, quantity in items.items()]
    work = Work(connection, by, mode)
    return change_order(work, order_id, change, address, wanted, method, "", 0, dry_run)


def seen(connection: Connection, order_id: str, by: Actor = ADA) -> records.Order:
    record = get_record(View(connection, by), order_id, None)
    assert isinstance(record, records.Order)
    return record


def parcel(connection: Connection, shipment_id: str) -> records.Parcel:
    record = get_record(View(connection, ADA), shipment_id, None)
    assert isinstance(record, records.Parcel)
    return record


def moved(changes: Changed) -> dict[str, tuple[Any, Any]]:
    """What was something before, and is something else now."""
    return {one.field: (one.before, one.after) for one in changes.changes if one.before is not None}


def set_clock(connection: Connection, day: int, hour: int, minute: int = 0) -> None:
    """In November 2026, in UTC."""
    now = datetime(2026, 11, day, hour, minute)  # noqa: DTZ001 -- as the database holds it
    connection.execute(update(world).values(now=now))


def money_of(order: records.Order) -> list[tuple[str, str, str, str]]:
    return [(one.status, one.method, one.amount.display, one.remaining.display) for one in order.payments]
