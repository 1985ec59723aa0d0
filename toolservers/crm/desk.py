"""The CRM as its tools use it: they read one moment of it, and change it in their call's transaction."""

from pathlib import Path

from sqlalchemy import Connection

from toolservers.crm import changes
from toolservers.crm.database import Database
from toolservers.crm.finding import find_records
from toolservers.crm.reading import get_record
from toolservers.crm.records import AddedMessage, Found, Record, RecordType, RefundReceipt
from toolward.kit.effects import Effects, Transaction
from toolward.kit.effects.sqlalchemy_store import SqlAlchemyStore


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

    def effects(self) -> Effects[Connection]:
        return Effects(SqlAlchemyStore(self._database.writer))

    async def find(
        self, record_type: RecordType, query: str, status: str | None, customer_id: str | None, limit: int
    ) -> Found:
        return await self._database.read(
            lambda connection: find_records(connection, record_type, query, status, customer_id, limit)
        )

    async def get(self, record_id: str, record_type: RecordType | None) -> Record:
        return await self._database.read(lambda connection: get_record(connection, record_id, record_type))

    async def add_message(
        self, tx: Transaction[Connection], author: str, ticket_id: str, body: str, *, internal: bool
    ) -> AddedMessage:
        return await tx.run(changes.add_ticket_message, ticket_id, body, author, internal=internal)

    async def refund(
        self, tx: Transaction[Connection], payment_id: str, amount_minor: int, reason: str
    ) -> RefundReceipt:
        return await tx.run(changes.refund_payment, payment_id, amount_minor, reason)
