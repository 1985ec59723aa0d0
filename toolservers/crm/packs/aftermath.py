"""What follows the orders of a generated pack: returns, refunds, credit memos, tickets, subscriptions, meetings."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Table

from toolservers.crm.money import money, percent
from toolservers.crm.packs import pack
from toolservers.crm.packs.chance import Chance
from toolservers.crm.packs.pack import SERVICE_LEVELS, Booked, Customer, Subscription, Ticket
from toolservers.crm.packs.talk import Theme, asked, theme_for
from toolservers.crm.world import tables
from toolservers.crm.world.clock import add_working_days, working_days_between
from toolservers.crm.world.filling import Batch, Row
from toolservers.crm.world.tables import words

_LABEL_FEE = 390
_BLOCK = 5_000
_AGENTS = ("agent:noor", "agent:sem", "agent:iris", "agent:bram")
_REFILLS = (("small", 1_800), ("small", 1_800), ("large", 2_900))
_CONNECT = {"Basic": 0, "Team": 2_900, "Scale": 9_900}
_NOTES = (
    "Prefers to be called in the evening.",
    "Has a side entrance; parcels go there.",
    "Was very patient during the outage in spring.",
    "Writes in English, reads Dutch.",
)


class _Wish(NamedTuple):
    """A ticket before it has its number."""

    at: datetime
    theme: Theme
    customer: Customer
    order_id: str | None
    body: str


class Aftermath:
    """Told of each order in turn (`follow`), which it may still mark as refunded; then `batches`. `last` is the
    newest number of each type, once those are drawn."""

    def __init__(
        self, chance: Chance, now: datetime, customers: list[Customer], tickets: int, orders: int
    ) -> None:
        self._chance = chance
        self._now, self._today = now, now.date()
        self._customers = customers
        self._tickets_left, self._orders_left = tickets, orders
        self._wishes: list[_Wish] = []
        self._refunds: list[Row] = []
        self._returns: list[tuple[Row, list[Row], Row | None]] = []
        self._memos: list[Row] = []
        self.last: dict[str, int] = {}

    def follow(self, booked: Booked, customer: Customer) -> None:
        order, status = booked.order, booked.order["status"]
        if status == "cancelled" and booked.payment["status"] == "refunded":
            day = min(add_working_days(order["ordered_on"], 1), self._today)
            self._refund(
                booked.payment, order["total_minor"], "cancellation", "Cancelled before shipping.", day
            )
        elif status == "returned":
            self._returned(booked)
        elif status == "delivered":
            self._delivered(booked, customer)
        if self._chance.below(self._orders_left) < self._tickets_left:
            self._tickets_left -= 1
            self._wishes.append(self._wish(booked, customer))
        self._orders_left -= 1

    # --- money and goods that go back

    def _refund(self, payment: Row, amount: int, basis: str, reason: str, day: date) -> Row:
        """Marks the payment, too."""
        left = payment["amount_minor"] - payment["refunded_minor"]
        amount = min(amount, left)
        payment["refunded_minor"] += amount
        payment["status"] = "refunded" if amount == left else "partially_refunded"
        arrives = add_working_days(day, 5)
        refund: Row = {
            "status": "paid" if arrives <= self._today else "issued",
            "customer_id": payment["customer_id"],
            "payment_id": payment["id"],
            "return_id": None,
            "amount_minor": amount,
            "currency": payment["currency"],
            "basis": basis,
            "reason": reason,
            "refunded_on": day,
            "expected_on": None if arrives <= self._today else arrives,
        }
        self._refunds.append(refund)
        return refund

    def _returned(self, booked: Booked) -> None:
        order, chance = booked.order, self._chance
        opened = order["delivered_on"] + timedelta(days=chance.between(1, 9))
        received = opened + timedelta(days=chance.between(3, 9))
        damaged = chance.happens(25)
        goods = order["total_minor"] - order["shipping_minor"]
        amount = order["total_minor"] if damaged else max(goods - _LABEL_FEE, 1)
        basis, reason = ("damage", "Arrived damaged.") if damaged else ("return", "Sent back within 30 days.")
        refund = self._refund(booked.payment, amount, basis, reason, received)
        self._return(booked, "settled", "damaged" if damaged else "change_of_mind", opened, received, refund)

    def _return(
        self,
        booked: Booked,
        status: str,
        reason: str,
        opened: date,
        received: date | None,
        refund: Row | None,
    ) -> None:
        order = booked.order
        row: Row = {
            "status": status,
            "customer_id": order["customer_id"],
            "order_id": order["id"],
            "reason": reason,
            "remedy": "refund",
            "note": "",
            "label_fee_minor": _LABEL_FEE if reason == "change_of_mind" else 0,
            "currency": order["currency"],
            "opened_on": opened,
            "received_on": received,
            "expected_on": add_working_days(self._today, 4) if received is None else None,
        }
        lines = [{"number": n, **_of(line)} for n, line in enumerate(booked.lines, start=1)]
        self._returns.append((row, lines, refund))

    def _delivered(self, booked: Booked, customer: Customer) -> None:
        order, chance = booked.order, self._chance
        arrived: date = order["delivered_on"]
        delay = working_days_between(order["promised_on"], arrived) if arrived > order["promised_on"] else 0
        if delay and customer.plan in ("Team", "Scale"):
            self._credit(order, customer, delay)
        elif booked.payment["status"] == "captured" and chance.happens(2.5):
            amount = percent(order["total_minor"], chance.between(5, 20))
            reason = "Goodwill for the delay." if delay else "Goodwill: the box was damaged."
            self._refund(
                booked.payment, max(amount, 1), "goodwill", reason, _between(arrived, self._today, chance, 9)
            )
        if self._today - timedelta(days=14) < arrived < self._today and chance.happens(6):
            status = chance.one(("label_sent", "in_transit"))
            opened = _between(arrived, self._today, chance, 6)
            self._return(booked, status, "change_of_mind", opened, None, None)

    def _credit(self, order: Row, customer: Customer, delay: int) -> None:
        level = next(level for level in SERVICE_LEVELS if level.plan == customer.plan)
        rate = min(delay * level.penalty_percent, level.penalty_at_most_percent)
        issued = min(add_working_days(order["delivered_on"], 3), self._today)
        old = issued < self._today - timedelta(days=45)
        self._memos.append({
            "status": "used" if old else "issued",
            "customer_id": customer.id,
            "order_id": order["id"],
            "amount_minor": percent(order["total_minor"] - order["shipping_minor"], rate),
            "currency": order["currency"],
            "basis": "service_level",
            "reason": f"{delay} working days late: {rate} % of the order value, {level.plan} plan.",
            "issued_on": issued,
        })  # fmt: skip

    # --- tickets

    def _wish(self, booked: Booked, customer: Customer) -> _Wish:
        order, chance = booked.order, self._chance
        theme = theme_for(chance, order["status"], bool(customer.company))
        reached = order["delivered_on"] or order["shipped_on"] or order["ordered_on"]
        day = _between(reached, self._today, chance, 12)
        at = datetime.combine(day, datetime.min.time()) + timedelta(minutes=chance.between(6 * 60, 20 * 60))
        at = min(at, self._now - timedelta(minutes=chance.between(5, 170)))
        named = {
            "order": order["id"],
            "product": booked.lines[0]["title"].partition(",")[0].lower(),
            "total": money(order["total_minor"], order["currency"]).display,
            "street": customer.street,
        }
        about = None if theme.when in ("private", "business") else order["id"]
        return _Wish(at, theme, customer, about, asked(chance, theme, customer.language, named))

    def _ticket(self, number: int, wish: _Wish) -> tuple[Row, list[Row]]:
        chance, identity = self._chance, f"TCK-{number}"
        said: list[tuple[str, datetime, bool, str]] = [(wish.customer.email, wish.at, False, wish.body)]
        age = (self._now - wish.at).days
        answer = wish.at + timedelta(minutes=chance.between(20, 900))
        agent = chance.one(_AGENTS)
        answered = answer < self._now and (age > 4 or chance.happens(60))
        if answered:
            if wish.theme.notes and answer + timedelta(minutes=10) < self._now:
                said.append((agent, answer, True, chance.one(wish.theme.notes)))
                answer += timedelta(minutes=10)
            said.append((agent, answer, False, chance.one(wish.theme.answers)))
            thanks = answer + timedelta(minutes=chance.between(30, 2_000))
            if chance.happens(40) and thanks < self._now:
                said.append(
                    (wish.customer.email, thanks, False, chance.one(("Thank you.", "That helps, thanks!")))
                )
        status = "open" if not answered else "waiting"
        if answered and age > 4 and not chance.happens(10):
            status = "closed" if age > 30 else "solved"
        theme = wish.theme
        ticket = Ticket(
            identity, status, theme.title, wish.customer.id, wish.order_id, theme.priority, tuple(said)
        )
        due = add_working_days(wish.at.date(), 1) if status == "open" else None
        at = datetime.combine(due, wish.at.time()) if due else None
        row = pack.ticket_row(ticket) | {"team_id": theme.team, "answer_due_at": at}
        return row, pack.message_rows(ticket)

    # --- all of it, numbered by its date

    def batches(self) -> Iterator[Batch]:
        yield from self._sent_back()
        yield from self._subscriptions()
        yield from self._said()
        yield from self._noted()

    def _numbered(self, kind: str, prefix: str, first: int, rows: Iterable[Row], *shown: str) -> list[Row]:
        """With their ids, and the words that they are found by."""
        numbered = [
            row | {"id": identity, "words": words(identity, *(str(row[name]) for name in shown))}
            for identity, row in (
                (f"{prefix}{number}", row) for number, row in enumerate(rows, start=first + 1)
            )
        ]
        self.last[kind] = first + len(numbered)
        return numbered

    def _sent_back(self) -> Iterator[Batch]:
        self._returns.sort(key=lambda one: (one[0]["opened_on"], one[0]["order_id"]))
        returns = self._numbered("return", "RET-", 8000, (row for row, _, _ in self._returns), "order_id")
        lines: list[Row] = []
        for row, (_, own, refund) in zip(returns, self._returns, strict=True):
            lines += [{"return_id": row["id"], **line} for line in own]
            if refund is not None:
                refund["return_id"] = row["id"]
        self._refunds.sort(key=lambda row: (row["refunded_on"], row["payment_id"]))
        self._memos.sort(key=lambda row: (row["issued_on"], row["order_id"]))
        yield from _cut(tables.returns, returns)
        yield from _cut(tables.return_lines, lines)
        yield from _cut(tables.refunds, self._numbered("refund", "REF-", 9000, self._refunds, "reason"))
        memos = self._numbered("credit_memo", "MEM-", 4000, self._memos, "order_id", "reason")
        yield from _cut(tables.credit_memos, memos)

    def _subscriptions(self) -> Iterator[Batch]:
        rows: list[Row] = []
        for customer in self._customers:
            if customer.status == "closed":
                continue
            if customer.plan or self._chance.happens(8):
                number = f"SUB-{6001 + len(rows)}"
                rows.append(pack.subscription_row(self._subscription(number, customer)) | {"ended_on": None})
                if not customer.plan and self._chance.happens(25):
                    ended = max(
                        rows[-1]["started_on"], self._today - timedelta(days=self._chance.between(1, 90))
                    )
                    rows[-1] |= {"status": "ended", "ended_on": ended, "next_on": None, "paused_until": None}
        self.last["subscription"] = 6000 + len(rows)
        yield from _cut(tables.subscriptions, rows)

    def _subscription(self, identity: str, customer: Customer) -> Subscription:
        chance, today = self._chance, self._today
        started = customer.since
        if customer.plan:
            price = _CONNECT[customer.plan]
            return Subscription(
                identity, customer.id, "connect", customer.plan, 1, price, started, date(2026, 12, 1)
            )
        plan, price = chance.one(_REFILLS)
        rhythm, following = chance.between(1, 3), today + timedelta(days=chance.between(4, 28))
        paused = today + timedelta(days=chance.between(5, 80)) if chance.happens(10) else None
        return Subscription(
            identity, customer.id, "refill_club", plan, rhythm, price, started, paused or following,
            "paused" if paused else "active", paused, 1 if paused else chance.one((0, 0, 0, 1, 2)),
        )  # fmt: skip

    def _said(self) -> Iterator[Batch]:
        self._wishes.sort(key=lambda wish: (wish.at, wish.customer.id, wish.order_id or ""))
        meetings: list[Row] = []
        for first in range(0, len(self._wishes), _BLOCK):
            tickets: list[Row] = []
            messages: list[Row] = []
            for number, wish in enumerate(self._wishes[first : first + _BLOCK], start=3001 + first):
                row, said = self._ticket(number, wish)
                tickets.append(row)
                messages += said
                if wish.theme.title.startswith("A call") and len(said) > 1:
                    meetings.append(self._meeting(row["id"], wish))
            yield tables.tickets, tickets
            yield tables.messages, messages
        self.last["ticket"] = 3000 + len(self._wishes)
        meetings.sort(key=lambda row: (row["starts_at"], row["ticket_id"]))
        yield from _cut(
            tables.meetings, self._numbered("meeting", "MTG-", 1000, meetings, "purpose", "ticket_id")
        )

    def _meeting(self, ticket_id: str, wish: _Wish) -> Row:
        day = add_working_days(wish.at.date(), 3)
        starts = datetime.combine(day, datetime.min.time()) + timedelta(hours=self._chance.between(9, 14))
        purpose, people = "A larger plan", [wish.customer.email, "business@fernhill.example"]
        invitation = {
            "participants": people,
            "purpose": purpose,
            "agenda": ["What the plan offers", "Questions"],
            "attachments": ["last-quarter.pdf"],
            "ticket": ticket_id,
            "starts_at": f"{starts.isoformat()}+00:00",
            "minutes": 30,
            "video": f"https://meet.fernhill.example/{wish.customer.id.lower()}-{starts:%Y%m%dt%H%Mz}",
        }
        return {
            "status": "held" if starts < self._now else "scheduled",
            "customer_id": wish.customer.id,
            "ticket_id": ticket_id,
            "starts_at": starts,
            "minutes": 30,
            "purpose": purpose,
            "invitation": json.dumps(invitation, ensure_ascii=False),
        }

    def _noted(self) -> Iterator[Batch]:
        rows = [
            {
                "customer_id": customer.id,
                "number": 1,
                "author": self._chance.one(_AGENTS),
                "at": self._now
                - timedelta(days=self._chance.between(1, 200), minutes=self._chance.below(300)),
                "body": self._chance.one(_NOTES),
            }
            for customer in self._customers
            if self._chance.happens(4)
        ]
        yield from _cut(tables.notes, rows)


def _cut(table: Table, rows: list[Row]) -> Iterator[Batch]:
    for first in range(0, len(rows), _BLOCK):
        yield table, rows[first : first + _BLOCK]


def _of(line: Row) -> dict[str, Any]:
    return {"product_id": line["product_id"], "quantity": line["quantity"]}


def _between(first: date, last: date, chance: Chance, at_most: int) -> date:
    """A day up to so many days after the first, and not after the last."""
    return min(first + timedelta(days=chance.between(0, at_most)), last)
