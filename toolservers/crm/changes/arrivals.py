"""What becomes of a return by itself: it arrives, or its label is never used."""

from toolservers.crm.changes.refunding import still_owed
from toolservers.crm.changes.stock import move_stock
from toolservers.crm.reading.sale_facts import sale_of
from toolservers.crm.rules.rights import claim_of
from toolservers.crm.work import Row, Work
from toolservers.crm.world.tables import return_lines


def arrive(work: Work, row: Row) -> None:
    """It is settled at once where nothing is left to be done: the new goods have left, or the money has been given
    back while it was under way."""
    received = work.change("return", row, "received", status="received", received_on=work.today)
    if received["remedy"] == "replacement" or _is_paid(work, received):
        work.change("return", received, "settled", status="settled")


def expire(work: Work, row: Row) -> None:
    """What was set aside to replace it is for sale again."""
    work.change("return", row, "expired", status="expired")
    if row["remedy"] == "replacement":
        lines = work.rows(return_lines, return_id=row["id"])
        move_stock(work, [(line["product_id"], line["quantity"]) for line in lines])


def _is_paid(work: Work, row: Row) -> bool:
    sale = sale_of(work, work.row(row["order_id"], "order"))
    return sale.refunded_of(row["id"]) > 0 and still_owed(sale, claim_of(sale, row)) <= 0
