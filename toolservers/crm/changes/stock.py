"""Stock: what an order takes, and gives back."""

from collections import Counter
from collections.abc import Iterable

from toolservers.crm.work import Work


def move_stock(work: Work, moves: Iterable[tuple[str, int]]) -> None:
    """Product id and how many pieces more there are (fewer, below 0). Whether there is enough is asked before
    (`toolservers.crm.rules.order_contents`). Products change in the order of their ids, so that two who change
    the same ones never wait for each other."""
    by: Counter[str] = Counter()
    for product_id, more in moves:
        by[product_id] += more
    for product_id, more in sorted(by.items()):
        product = work.row(product_id, "product")
        stock, status = product["stock"] + more, product["status"]
        if status != "discontinued" and more:
            status = "available" if stock > 0 else "out_of_stock"
        work.change("product", product, "stock_changed", stock=stock, status=status)
