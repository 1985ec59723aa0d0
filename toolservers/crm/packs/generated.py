"""The generated packs: `support`, as large as a team's desk, and `large`, as a shop after years.

The same seed gives the same world on every machine: see `chance`. Orders come by their date and a row is given
away as soon as it is made; what refers to orders (tickets, returns, refunds) is kept until all of them are there,
and then numbered by its own date.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from toolservers.crm.packs import pack
from toolservers.crm.packs.aftermath import Aftermath
from toolservers.crm.packs.catalogue import PRODUCTS, SOLD
from toolservers.crm.packs.chance import Chance
from toolservers.crm.packs.pack import Customer, Order
from toolservers.crm.packs.people import People
from toolservers.crm.world import tables
from toolservers.crm.world.clock import add_working_days
from toolservers.crm.world.filling import Batch, Progress, Row

NOW = datetime(2026, 11, 16, 9)  # noqa: DTZ001 -- the database holds UTC without saying so
TODAY = NOW.date()
_BLOCK = 2_000
_PRICES = {product.id: product.price_minor for product in PRODUCTS}


class Size(NamedTuple):
    customers: int
    orders: int
    tickets: int
    days: int  # from the first order until today


SIZES = {"support": Size(500, 1_000, 300, 420), "large": Size(100_000, 200_000, 60_000, 900)}


def batches(name: str, seed: int, progress: Progress | None = None) -> Iterator[Batch]:
    """Every table's rows, parents before children. `progress` is told how many orders are done, and of how many."""
    size = SIZES[name]
    chance = Chance(f"{name}:{seed}")
    people = People(chance, seed, TODAY, size.days + 200, size.customers)
    yield tables.world, [{"id": 1, "pack": name, "seed": seed, "now": NOW}]
    yield tables.teams, [team._asdict() for team in pack.TEAMS]
    yield tables.service_levels, [level._asdict() for level in pack.SERVICE_LEVELS]
    for some in _blocks(people.customers):
        yield tables.customers, [pack.customer_row(customer) for customer in some]
        yield tables.addresses, [pack.address_row(customer) for customer in some]
    yield tables.contacts, [contact._asdict() for contact in people.contacts]
    yield tables.products, [pack.product_row(product) for product in PRODUCTS]
    yield tables.prices, [row for product in PRODUCTS for row in pack.price_rows(product)]
    aftermath = Aftermath(chance, NOW, people.customers, size.tickets, size.orders)
    yield from _orders(chance, people, size, aftermath, progress)
    yield from aftermath.batches()
    yield tables.counters, _counters(size, aftermath)


def _blocks(customers: list[Customer]) -> Iterator[list[Customer]]:
    rest = iter(customers)
    while some := list(islice(rest, _BLOCK)):
        yield some


def _orders(
    chance: Chance, people: People, size: Size, aftermath: Aftermath, progress: Progress | None
) -> Iterator[Batch]:
    products = {product.id: product for product in PRODUCTS}
    for first in range(0, size.orders, _BLOCK):
        last = min(first + _BLOCK, size.orders)
        orders: list[Row] = []
        lines: list[Row] = []
        shipments: list[Row] = []
        payments: list[Row] = []
        for index in range(first, last):
            day = TODAY - timedelta(days=int(size.days * (1 - (index + 1) / size.orders) ** 1.2))
            customer = people.one_of(day)
            booked = pack.book(_order(chance, index + 1001, customer, day), customer, products)
            aftermath.follow(booked, customer)
            orders.append(booked.order)
            lines += booked.lines
            payments.append(booked.payment)
            shipments += [booked.shipment] if booked.shipment else []
        yield tables.orders, orders
        yield tables.order_lines, lines
        yield tables.shipments, shipments
        yield tables.payments, payments
        if progress is not None:
            progress(last, size.orders)


def _order(chance: Chance, number: int, customer: Customer, day: date) -> Order:
    is_business = bool(customer.company)
    service = _service(chance, customer)
    lines = _lines(chance, is_business, service)
    method = _method(chance, customer)
    order = Order(number, customer.id, "placed", day, service, lines, method)
    promised = add_working_days(day, pack.promised_days(order, customer))
    status, delivered_on = _state(chance, day, promised)
    late = status == "shipped" and promised < TODAY
    scan = f"{add_working_days(day, 2)} on its way to {customer.city}" if status == "shipped" else ""
    if late:
        scan = f"{add_working_days(day, 3)} sorting centre: waiting for a vehicle"
    return order._replace(
        status=status, delivered_on=delivered_on, late=late, last_scan=scan,
        payment=_paid(chance, status, method, day),
    )  # fmt: skip


def _state(chance: Chance, day: date, promised: date) -> tuple[str, date | None]:
    """How far it has come by today, and when it was delivered."""
    if chance.happens(3):
        return "cancelled", None
    shipped = add_working_days(day, 1)
    early, behind = chance.below(3), chance.between(1, 6) if chance.happens(8) else 0
    stays_packed = chance.happens(30)
    if shipped > TODAY:
        return ("packed" if stays_packed else "placed"), None
    if shipped == TODAY and stays_packed:
        return "packed", None
    arrives = (
        add_working_days(promised, behind)
        if behind
        else max(promised - timedelta(days=early), add_working_days(shipped, 1))
    )
    if arrives > TODAY:
        return "shipped", None
    back = arrives < TODAY - timedelta(days=25) and chance.happens(5)
    return ("returned" if back else "delivered"), arrives


def _service(chance: Chance, customer: Customer) -> str:
    if customer.company and chance.happens(30):
        return "freight"
    if customer.country in ("Netherlands", "Belgium", "Germany", "France", "Austria") and chance.happens(15):
        return "express"
    return "standard"


def _lines(chance: Chance, is_business: bool, service: str) -> tuple[tuple[str, int], ...]:
    """On a pallet there are at least 600.00 of goods."""
    wanted = {chance.one(SOLD): 0 for _ in range(chance.one((1, 1, 1, 2, 2, 3)))}
    if service == "freight":
        return tuple((product, 60_000 // _PRICES[product] + chance.between(1, 8)) for product in wanted)
    least, most = (2, 8) if is_business else (1, 2)
    return tuple((product, chance.between(least, most)) for product in wanted)


def _method(chance: Chance, customer: Customer) -> str:
    if customer.plan in ("Team", "Scale"):
        return chance.one(("invoice", "bank transfer"))
    own = {"Netherlands": "iDEAL", "Belgium": "Bancontact"}.get(customer.country, "PayPal")
    return chance.one((own, own, "Visa", "Mastercard", "PayPal"))


def _paid(chance: Chance, status: str, method: str, day: date) -> str:
    """Cards are charged when the parcel leaves, invoices within a month, the others at once."""
    waits = method in ("Visa", "Mastercard")
    if status == "cancelled":
        return "released" if waits or method == "invoice" else "refunded"
    if (waits and status in ("placed", "packed")) or (
        method == "invoice" and day > TODAY - timedelta(days=30) and status != "returned"
    ):
        return "pending"
    return "disputed" if status == "delivered" and chance.happens(0.4) else "captured"


def _counters(size: Size, aftermath: Aftermath) -> list[Row]:
    last = {
        "customer": 2000 + size.customers,
        "product": 7000 + len(PRODUCTS),
        "order": 1000 + size.orders,
        "shipment": 6000 + size.orders,
        "payment": 5000 + size.orders,
        "service_level": len(pack.SERVICE_LEVELS),
        **aftermath.last,
    }
    return [{"record_type": kind, "last": number} for kind, number in sorted(last.items())]
