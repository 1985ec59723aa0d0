"""What a database said, in the words of the error tree."""

import sqlite3

from sqlalchemy import Engine
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)

from toolward.errors import Internal, ToolwardError, Unavailable

HOW_TO_CHOOSE = "Choose another file, or mend this one's place and rights."
_OUR_MISTAKE = (DataError, IntegrityError, ProgrammingError)


def explain(error: SQLAlchemyError, where: str) -> ToolwardError:
    """The error tree's word for what a database said. Statement and values stay out of it."""
    if not isinstance(error, DatabaseError) or not database_failed(error):
        return Internal(f"Working with the database {where} failed inside.", hint="The log says why.")
    reason, hint = reason_of(error.orig)
    return Unavailable(f"The database {where} cannot be used: {reason}.", hint=hint)


def database_failed(error: Exception) -> bool:
    """Whether the database is to blame, not the statement: what comes next would fail too."""
    return isinstance(error, DatabaseError) and not isinstance(error, _OUR_MISTAKE)


def place(engine: Engine) -> str:
    """The file of an engine, as errors name it."""
    return engine.url.database or str(engine.url)


def closed(engine: Engine) -> Unavailable:
    return Unavailable(f"The database {place(engine)} is closed.", hint="The program is stopping.")


_REASONS = {
    sqlite3.SQLITE_BUSY: (
        "another program holds its lock",
        "Stop that program, or give this one its own file.",
    ),
    sqlite3.SQLITE_LOCKED: ("another program holds its lock", "Stop that program, then try again."),
    sqlite3.SQLITE_FULL: ("the disk is full", "Make room on the disk, then try again."),
    sqlite3.SQLITE_READONLY: ("it may only be read", HOW_TO_CHOOSE),
    sqlite3.SQLITE_PERM: ("its rights forbid it", HOW_TO_CHOOSE),
    sqlite3.SQLITE_CANTOPEN: ("its file or folder cannot be opened", HOW_TO_CHOOSE),
    sqlite3.SQLITE_NOTADB: (
        "the file is not an SQLite database",
        "Choose another file, or move this one away.",
    ),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Restore it from a copy, or move it away."),
    sqlite3.SQLITE_IOERR: ("reading or writing its file failed", "Look at the disk, then try again."),
}


def reason_of(error: BaseException | None) -> tuple[str, str]:
    """Why, and what to do: from SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REASONS.get(code, (f"SQLite says: {error}", "The log says more."))
