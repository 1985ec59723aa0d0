"""What a database said, in the words of the error tree."""

import sqlite3
from typing import Any

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
    """The file of an engine, or its server and database, as errors name it: no user, no password."""
    url = engine.url
    if url.host is None:
        return url.database or url.get_backend_name()
    port = f":{url.port}" if url.port else ""
    return f"{url.host}{port}/{url.database or ''}"


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


_POSTGRES = {
    "28": ("its user or password is not accepted", "Mend the URL, or PGPASSWORD."),
    "3D": ("there is no database of this name", "Make it with createdb, or mend the URL."),
    "42501": ("its rights forbid it", "Give the user the rights of the schema's owner."),
    "55P03": ("another program holds its lock", "Try again; if that stays so, look who holds it."),
    "57014": ("a statement took too long", "Try again, or ask for less."),
    "40": ("another program was in the way", "Try again."),
    "53100": ("its disk is full", "Make room on the server's disk, then try again."),
    "53": ("the server has no resources left", "Try again later."),
    "57P": ("the server is stopping or starting", "Try again later."),
    "25006": ("it may only be read", "Name the primary server."),
}
"""By the beginning of an SQLSTATE."""


def reason_of(error: BaseException | None) -> tuple[str, str]:
    """Why, and what to do: from SQLite's primary result code, or PostgreSQL's SQLSTATE."""
    if error is not None and hasattr(error, "sqlstate"):
        return _reason_of_postgres(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REASONS.get(code, (f"SQLite says: {error}", "The log says more."))


def _reason_of_postgres(error: Any) -> tuple[str, str]:
    state: str = error.sqlstate or ""
    for beginning, reason in _POSTGRES.items():
        if state.startswith(beginning):
            return reason
    if state and not state.startswith("08"):
        return f"PostgreSQL answers with {state}", "The log says more."
    said = str(error)
    for sign, beginning in (("password", "28"), ("authentication", "28"), ("does not exist", "3D")):
        if sign in said:  # what a server says before there is a session comes without a state
            return _POSTGRES[beginning]
    return "its server cannot be reached", "Look whether it runs, and whether the URL names it."
