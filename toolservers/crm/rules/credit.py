"""Credit memos: what is owed under a service level, and what else is credited against the next invoice."""

from toolservers.crm.kinds import CreditBasis
from toolservers.crm.money import LARGEST, money, percent
from toolservers.crm.rules.delays import NOBODYS_FAULT, not_our_fault
from toolservers.crm.rules.money import LEADS_WAY, may_decide
from toolservers.crm.rules.rights import Right, at_most, right_to
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.sales import Sale, by_lead

SERVICE_LEVEL = Rule(
    "service-level-penalty",
    "Each working day of delay costs 2 % (Team) or 3 % (Scale) of the order total without freight, at most 10 % or"
    " 15 %.",
    "business-service-levels",
    (
        "| Penalty per working day of delay | 2 % of the order value | 3 % of the order value |",
        "| Penalty at most | 10 % | 15 % |",
        "The order value is the order total without freight.",
    ),
)
PENALTY_APPROVED = Rule(
    "penalty-approved-by-lead",
    "A penalty under a service level is credited only after a support lead has approved it, whatever its amount.",
    "business-service-levels",
    ("asks a support lead to approve it", "issued only after that approval"),
)
ONE_MEMO = Rule(
    "one-memo-per-basis",
    "Nothing is credited twice: an order has one credit memo on one basis, and a penalty only for days that came"
    " on top.",
    "business-service-levels",
    ("An order has one credit memo for one reason",),
)
ORDERS_CURRENCY = Rule(
    "memo-in-the-orders-currency",
    "A credit memo is made out in the currency of its order.",
    "business-service-levels",
    ("in the currency of its order",),
    always=True,
)
MEMO_NEEDS_ORDER = Rule(
    "memo-needs-order",
    "A credit memo names its order; only a support lead grants goodwill without one.",
    "business-service-levels",
    ("A credit memo names its order", "Only a support lead grants goodwill without"),
)
IN_BOUNDS = Rule(
    "amount-in-bounds",
    "An amount is more than nothing, and no larger than a shop could ever have.",
    always=True,
)


def penalty(sale: Sale) -> Right:
    """What the contract says is owed for the delay, neither more nor less, whatever was credited of it."""
    level, days = sale.level, sale.days_late()
    if level is None:
        because = f"{sale.customer['id']} is on no plan with a service level."
        way = "Treat it like a private customer's delay: basis delay, or goodwill."
        return Right(SERVICE_LEVEL, refusals=[Refusal(SERVICE_LEVEL, because, way)])
    if excused := not_our_fault(sale):
        way = "Force majeure and what the customer caused do not count: explain it, and promise no penalty."
        return Right(NOBODYS_FAULT, refusals=[excused[0]._replace(next_step=way)])
    if not days:
        because = f"{sale.id} was promised for {sale.order['promised_on']} and is not late."
        return Right(SERVICE_LEVEL, refusals=[Refusal(SERVICE_LEVEL, because, "Say so to the customer.")])
    each, most = level["penalty_percent"], level["penalty_at_most_percent"]
    amount = percent(sale.goods, min(each * days, most))
    so_far = "" if sale.order["delivered_on"] else " so far"
    counted = f"{days} working day{'' if days == 1 else 's'} late{so_far} x {each} % = {each * days} %"
    capped = f", at most {most} %," if each * days > most else ""
    worth, owed = money(sale.goods, sale.currency).display, money(amount, sale.currency).display
    how = f"{counted}{capped} of {worth} without freight is {owed}"
    return Right(SERVICE_LEVEL, amount, how)


def may_credit(sale: Sale, amount_minor: int, currency: str, basis: CreditBasis) -> list[Refusal]:
    """For an order of the customer."""
    if currency != sale.currency:
        because = f"{sale.id} is in {sale.currency}, and {currency} was given."
        return [Refusal(ORDERS_CURRENCY, because, f"Give the amount in {sale.currency}.")]
    if not 0 < amount_minor <= LARGEST:
        return _out_of_bounds()
    if basis == "service_level":
        return _may_pay_penalty(sale, amount_minor)
    if twice := _credited_already(sale, basis):
        return twice
    right = right_to(sale, basis)
    over = right.refusals or at_most(sale, right, amount_minor, "Credit", "credited")
    return [*over, *may_decide(sale.roles, amount_minor, currency)]


def may_credit_without_order(
    roles: frozenset[str], amount_minor: int, currency: str, basis: CreditBasis
) -> list[Refusal]:
    if not 0 < amount_minor <= LARGEST:
        return _out_of_bounds()
    if basis != "goodwill":
        way = "Give order_id: get_record of the customer names the orders."
        return [Refusal(MEMO_NEEDS_ORDER, f"Basis {basis} is about an order, and none was named.", way)]
    if not by_lead(roles):
        return [Refusal(MEMO_NEEDS_ORDER, "No order was named.", f"Give order_id. {LEADS_WAY}")]
    return may_decide(roles, amount_minor, currency)


def _may_pay_penalty(sale: Sale, amount_minor: int) -> list[Refusal]:
    right, credited = penalty(sale), sale.credited("service_level")
    refusals = right.refusals
    owed = right.at_most - credited
    if not refusals and owed <= 0:
        because = f"The penalty for {sale.id} is credited already: {right.how}."
        refusals = [Refusal(ONE_MEMO, because, "Its credit memos are in get_record: tell the customer.")]
    elif not refusals and amount_minor != owed:
        less = f", less {money(credited, sale.currency).display} credited already" if credited else ""
        because = f"{sale.id}: {right.how}{less}; {money(amount_minor, sale.currency).display} was given."
        refusals = [Refusal(SERVICE_LEVEL, because, f"Credit exactly {owed} (amount_minor).")]
    if by_lead(sale.roles):
        return [*refusals, *may_decide(sale.roles, amount_minor, sale.currency)]
    because = "Nobody who may has approved this call."
    way = f"Write the calculation into the ticket. {LEADS_WAY}"
    return [*refusals, Refusal(PENALTY_APPROVED, because, way)]


def _credited_already(sale: Sale, basis: CreditBasis) -> list[Refusal]:
    known = [memo["id"] for memo in sale.memos if memo["basis"] == basis and memo["status"] != "void"]
    if not known:
        return []
    because = f"{sale.id} has {known[0]} on basis {basis}."
    return [Refusal(ONE_MEMO, because, "Tell the customer of it, or choose the basis that fits.")]


def _out_of_bounds() -> list[Refusal]:
    way = "Give it in minor units: 7200 with EUR is 72.00 EUR."
    return [Refusal(IN_BOUNDS, "The amount is nothing, or far too large.", way)]
