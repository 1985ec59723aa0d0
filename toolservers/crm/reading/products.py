"""Products."""

from toolservers.crm import records
from toolservers.crm.money import money
from toolservers.crm.work import Row, View
from toolservers.crm.world.tables import prices


def product(view: View, row: Row) -> records.Product:
    """Its price in euros; where it has none, that in another currency."""
    own = {price["currency"]: price["amount_minor"] for price in view.rows(prices, product_id=row["id"])}
    main = "EUR" if "EUR" in own else min(own)
    return records.Product(
        id=row["id"],
        status=row["status"],
        title=row["title"],
        category=row["category"],
        price=money(own.pop(main), main),
        other_prices=[money(amount, currency) for currency, amount in own.items()],
        version=row["version"],
        stock=row["stock"],
        warranty_months=row["warranty_months"],
    )
