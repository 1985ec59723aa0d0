"""The tiny world with orders that it has not: packed today, of new customers, in yen and in dinars, disputed."""

from datetime import date

from toolservers.crm.packs.pack import Customer, Order, Product
from toolservers.crm.packs.tiny import PACK

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
