"""The CRM as its tools use it: each method is one transaction."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from toolservers.crm import changes
from toolservers.crm.changes import Call
from toolservers.crm.database import Database
from toolservers.crm.finding import find_records
from toolservers.crm.reading import get_record
from toolservers.crm.records import AddedMessage, Found, Record, RecordType, RefundReceipt

T = TypeVar("T")


class Desk:
    """Every method raises ToolError for what the CRM refuses, and Unavailable when the file stays locked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> "Desk":
        """Makes and fills the database when there is none. Raises ConfigurationError."""
        return cls(await Database.open(path))

    async def close(self) -> None:
        await self._database.close()

    async def find(
        self, record_type: RecordType, query: str, status: str | None, customer_id: str | None, limit: int
    ) -> Found:
        return await self._database.read(
            lambda connection: find_records(connection, record_type, query, status, customer_id, limit)
        )

    async def get(self, record_id: str, record_type: RecordType | None) -> Record:
        return await self._database.read(lambda connection: get_record(connection, record_id, record_type))

    async def add_message(
        self, key: str, author: str, ticket_id: str, body: str, *, internal: bool
    ) -> AddedMessage:
        call = Call(key, "add_ticket_message", {"ticket_id": ticket_id, "body": body, "internal": internal})
        return await self._once(
            call,
            AddedMessage,
            lambda connection: changes.add_ticket_message(
                connection, ticket_id, body, author, internal=internal
            ),
        )

    async def refund(self, key: str, payment_id: str, amount_minor: int, reason: str) -> RefundReceipt:
        call = Call(
            key,
            "refund_payment",
            {"payment_id": payment_id, "amount_minor": amount_minor, "reason": reason},
        )
        return await self._once(
            call,
            RefundReceipt,
            lambda connection: changes.refund_payment(connection, payment_id, amount_minor, reason),
        )

    async def _once(self, call: Call, kind: type[T], effect: Callable[[Connection], T]) -> T:
        return await self._database.write(partial(changes.once, call=call, kind=kind, effect=effect))
