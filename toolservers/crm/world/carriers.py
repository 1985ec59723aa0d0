"""Who carries what, and the number by which they know a parcel."""

CARRIERS = {"standard": "Swiftpost", "express": "Larkway", "freight": "Tolmar Freight"}
"""By the service that was ordered."""


def tracking_number(carrier: str, order_number: int) -> str:
    """Of an order's first parcel: it follows from the order, so that a world is the same each time."""
    return f"{carrier[:2].upper()}{order_number * 7919:09d}"
