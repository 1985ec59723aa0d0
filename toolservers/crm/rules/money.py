"""What holds for all money that goes back: never more than was paid, only what was taken, and who decides.

`rules.rights` says what each basis gives a right to. Pure functions: nothing is read and nothing changed here. An
empty list means: it may.
"""

from toolservers.crm.kinds import RefundBasis
from toolservers.crm.money import money, units
from toolservers.crm.rules.orders import NOT_WHILE_DISPUTED
from toolservers.crm.rules.rights import Claim, at_most, is_recall, right_to
from toolservers.crm.rules.rule import Refusal, Rule
from toolservers.crm.rules.sales import Row, Sale, by_finance, by_lead

REFUNDS_WITHIN_PAYMENT = Rule(
    "refunds-within-payment",
    "Refunds never exceed what was paid.",
    "refunds-timing-and-limits",
    ("together they never exceed what was paid",),
    always=True,
)
ONLY_WHAT_WAS_TAKEN = Rule(
    "only-what-was-taken",
    "Only money that was taken, and not given back yet, is refunded.",
    "payment-methods",
    ("A payment that *failed* was not taken",),
    always=True,
)
AGENT_DECIDES = Rule(
    "agent-decides-to-50",
    "Up to 50.00 an agent decides alone; from 50.01 to 500.00 a support lead must approve.",
    "refunds-timing-and-limits",
    ("Up to 50.00 EUR an agent decides alone. From 50.01 to 500.00 EUR a support lead must approve.",),
)
LEAD_DECIDES = Rule(
    "lead-decides-to-500",
    "Above 500.00 finance decides.",
    "refunds-timing-and-limits",
    ("Above 500.00", "EUR it goes to finance"),
)

_AGENT_TO, _LEAD_TO = 50, 500  # whole units of the currency
LEADS_WAY = (
    "Write what you suggest as an internal message and ask a lead: update_ticket with team support-leads."
)
_FINANCE_WAY = (
    "Write what you suggest as an internal message and ask finance: update_ticket with team finance."
)

_NOT_TAKEN = {
    "pending": (
        "the money has not been taken yet",
        "Cancel the order instead, which releases it: change_order with change cancel.",
    ),
    "failed": ("the money was never taken", "Tell the customer that the bank releases any reservation."),
    "released": (
        "it was released and never taken",
        "Nothing is to be given back; the bank frees it by itself.",
    ),
    "refunded": ("all of it has been refunded already", "Its refunds are in get_record: tell their dates."),
}


def may_be_refunded(payment: Row) -> list[Refusal]:
    """Whatever the amount and the basis."""
    status, identity = payment["status"], payment["id"]
    if status == "disputed":
        because = f"{identity} cannot be refunded: it is disputed at the bank."
        way = "Leave it to the fraud team until the bank has decided: create_ticket with team fraud."
        return [Refusal(NOT_WHILE_DISPUTED, because, way)]
    if status in _NOT_TAKEN:
        because, way = _NOT_TAKEN[status]
        return [Refusal(ONLY_WHAT_WAS_TAKEN, f"{identity} cannot be refunded: {because}.", way)]
    return []


def may_refund(
    sale: Sale, payment: Row, amount_minor: int, basis: RefundBasis, claim: Claim | None, reason: str
) -> list[Refusal]:
    """`claim` is the return that the refund is for, where one was named."""
    left, currency = payment["amount_minor"] - payment["refunded_minor"], payment["currency"]
    if refusals := may_be_refunded(payment):
        return refusals
    if amount_minor > left:
        shown, asked = money(left, currency).display, _display(amount_minor, currency)
        because = f"{payment['id']} has {shown} left, and {asked} was asked for."
        way = f"Refund at most {left} (amount_minor), or offer another remedy."
        return [Refusal(REFUNDS_WITHIN_PAYMENT, because, way)]
    right = right_to(sale, basis, claim, reason)
    refusals = right.refusals or at_most(sale, right, amount_minor, "Refund", "refunded")
    if is_recall(sale, basis, reason):
        return refusals
    return refusals + may_decide(
        sale.roles, amount_minor + _refunded_today(sale, payment), currency, amount_minor
    )


def may_decide(
    roles: frozenset[str], amount_minor: int, currency: str, asked_minor: int = 0
) -> list[Refusal]:
    """Whether who acts, or who approved it, may decide about so much; of it `asked_minor` now."""
    together = _display(amount_minor, currency)
    because = f"{together} is more than you may decide."
    if asked_minor and asked_minor != amount_minor:
        because = (
            f"{_display(asked_minor, currency)}, together with what was refunded of it today {together}, is more"
            " than you may decide."
        )
    if amount_minor > units(_LEAD_TO, currency) and not by_finance(roles):
        return [Refusal(LEAD_DECIDES, because, _FINANCE_WAY)]
    if amount_minor > units(_AGENT_TO, currency) and not by_lead(roles):
        return [Refusal(AGENT_DECIDES, because, LEADS_WAY)]
    return []


def _refunded_today(sale: Sale, payment: Row) -> int:
    """Many small refunds are one large one. What a cancellation gave back was nobody's decision."""
    return sum(
        refund["amount_minor"]
        for refund in sale.refunds
        if refund["payment_id"] == payment["id"]
        and refund["refunded_on"] == sale.today
        and refund["basis"] != "cancellation"
    )


def _display(amount_minor: int, currency: str) -> str:
    """Of what a caller asks for, which may be any number."""
    return money(amount_minor, currency).display if abs(amount_minor) < 10**18 else f"far too much {currency}"
