"""What the rules of money and of returns ask of a sale, and what follows from it by counting alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from toolservers.crm.actor import FINANCE, LEAD, OPERATOR
from toolservers.crm.kinds import CreditBasis, RefundBasis
from toolservers.crm.world.clock import working_days_between

Row = dict[str, Any]


def by_lead(roles: frozenset[str]) -> bool:
    """Whether a support lead, or somebody who may decide about more, acts or has approved."""
    return not roles.isdisjoint((LEAD, FINANCE, OPERATOR))


def by_finance(roles: frozenset[str]) -> bool:
    return not roles.isdisjoint((FINANCE, OPERATOR))


class Sale(NamedTuple):
    """An order and everything that money has to do with it; `refunds` are those of all its payments. `level` is
    the service level of its customer's plan, where it has one, `prices` what its products cost today in the
    order's currency, `roles` those of the caller and of whoever approved the call."""

    order: Row
    lines: Sequence[Row]
    parcels: Sequence[Row]
    payments: Sequence[Row]
    refunds: Sequence[Row]
    memos: Sequence[Row]
    returns: Sequence[Row]
    return_lines: Sequence[Row]
    products: Mapping[str, Row]
    prices: Mapping[str, int]
    customer: Row
    level: Row | None
    today: date
    roles: frozenset[str]

    @property
    def id(self) -> str:
        return self.order["id"]

    @property
    def currency(self) -> str:
        return self.order["currency"]

    @property
    def total(self) -> int:
        return self.order["total_minor"]

    @property
    def goods(self) -> int:
        """The order value: the total without shipping or freight."""
        return self.order["total_minor"] - self.order["shipping_minor"]

    def given_back(self, *bases: RefundBasis) -> int:
        """Minor units refunded of the order so far on one of these bases."""
        return sum(refund["amount_minor"] for refund in self.refunds if refund["basis"] in bases)

    def credited(self, *bases: CreditBasis) -> int:
        """Minor units of credit memos for the order, without those that were made void."""
        valid = (memo for memo in self.memos if memo["status"] != "void")
        return sum(memo["amount_minor"] for memo in valid if memo["basis"] in bases)

    def refunded_of(self, return_id: str) -> int:
        return sum(refund["amount_minor"] for refund in self.refunds if refund["return_id"] == return_id)

    def ordered(self) -> Counter[str]:
        """Pieces by product."""
        pieces: Counter[str] = Counter()
        for line in self.lines:
            pieces[line["product_id"]] += line["quantity"]
        return pieces

    def coming_back(self) -> Counter[str]:
        """Pieces by product that are in returns already, without those that came to nothing."""
        counted = {row["id"] for row in self.returns if row["status"] not in ("expired", "rejected")}
        pieces: Counter[str] = Counter()
        for line in self.return_lines:
            if line["return_id"] in counted:
                pieces[line["product_id"]] += line["quantity"]
        return pieces

    def items_of(self, return_id: str) -> Counter[str]:
        own = (line for line in self.return_lines if line["return_id"] == return_id)
        pieces: Counter[str] = Counter()
        for line in own:
            pieces[line["product_id"]] += line["quantity"]
        return pieces

    def value(self, items: Iterable[tuple[str, int]]) -> int:
        """What these pieces cost in this order, in minor units; never more than they did, whatever is asked."""
        wanted = Counter(dict(items))
        worth = 0
        for line in self.lines:
            pieces = min(wanted[line["product_id"]], line["quantity"])
            wanted[line["product_id"]] -= pieces
            worth += pieces * line["unit_price_minor"]
        return worth

    def days_late(self) -> int:
        """Working days from the promised date to the delivery, or until today; 0 where nothing is to come."""
        order = self.order
        if order["status"] == "cancelled" or (order["status"] == "returned" and not order["delivered_on"]):
            return 0
        return working_days_between(order["promised_on"], order["delivered_on"] or self.today)
