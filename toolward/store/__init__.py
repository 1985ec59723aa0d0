"""SQLite files and PostgreSQL (`toolward.store.postgres`) as we use them, and the one thread that writes.

Imported by those who need a database, never by `import toolward`: SQLAlchemy costs a third of a second.
"""

from toolward.store.connections import (
    WRITES,
    open_reading,
    open_store,
    read_transaction,
    reading,
    write_transaction,
)
from toolward.store.failures import closed, explain, place
from toolward.store.prepared import Prepared
from toolward.store.writer import Finish, Work, Writer

__all__ = [
    "WRITES",
    "Finish",
    "Prepared",
    "Work",
    "Writer",
    "closed",
    "explain",
    "open_reading",
    "open_store",
    "place",
    "read_transaction",
    "reading",
    "write_transaction",
]
