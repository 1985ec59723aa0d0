"""Customers' data."""

from toolservers.crm.kinds import Language
from toolservers.crm.records import Address, Changed
from toolservers.crm.work import Work


def update_customer(
    work: Work,
    customer_id: str,
    email: str,
    phone: str,
    language: Language | None,
    address: Address | None,
    note: str,
    expected_version: int,
) -> Changed:
    raise NotImplementedError
