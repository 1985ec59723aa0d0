"""Returns: registered, with a label or without."""

from toolservers.crm.kinds import Remedy, ReturnReason
from toolservers.crm.records import Changed, Item
from toolservers.crm.work import Work


def create_return(
    work: Work, order_id: str, items: list[Item], reason: ReturnReason, remedy: Remedy, note: str
) -> Changed:
    raise NotImplementedError
