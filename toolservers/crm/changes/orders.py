"""Orders: cancelled, sent elsewhere, filled otherwise, paid otherwise."""

from toolservers.crm.kinds import OrderChange
from toolservers.crm.records import Address, Changed, Item
from toolservers.crm.work import Work


def change_order(
    work: Work,
    order_id: str,
    change: OrderChange,
    address: Address | None,
    items: list[Item] | None,
    payment_method: str,
    reason: str,
    expected_version: int,
    dry_run: bool,
) -> Changed:
    raise NotImplementedError
