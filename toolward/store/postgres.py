"""PostgreSQL by URL, with the meaning that our SQLite files have: a reader sees one moment, and writers come one
after another, so that what one has read still holds when it commits.

psycopg is imported when the first engine is made.
"""

from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from toolward.errors import ConfigurationError
from toolward.store.connections import WRITES
from toolward.store.failures import place, reason_of
from toolward.store.prepared import Prepared

LOCK = "SELECT pg_advisory_xact_lock(72019, hashtext(coalesce(current_schema(), '')))"
"""Held until the transaction ends; one for each schema, as one for each file."""

_LOCKING = Prepared(text(LOCK))

KNOWS_WRITERS = "toolward_knows_writers"
"""The execution option of an engine whose writing transactions take the lock by themselves."""

SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")
_HOW_TO_WRITE = "Write postgresql://USER@HOST:PORT/DATABASE; the password may stand in PGPASSWORD."
_CONNECT_SECONDS = 5


def is_postgres(where: object) -> bool:
    return isinstance(where, str) and where.startswith(SCHEMES)


def open_postgres(
    where: str, *, lock_timeout: float = 10.0, statement_timeout: float = 60.0, connections: int = 5
) -> Engine:
    """An engine over the database at a URL, which must be there. Times are in seconds; who waits longer for a lock,
    or whose statement takes longer, fails.

    A transaction takes the write lock at its start if its connection has the execution option WRITES; others can
    only read. Raises ConfigurationError, naming the database and the remedy, never the password.
    """
    try:
        url = make_url(where).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):  # the port is no number
        raise ConfigurationError("The database's URL cannot be read.", hint=_HOW_TO_WRITE) from None
    engine = _engine(url, connections)
    settings = _settings(lock_timeout, statement_timeout)

    def prepare(connection: Any, _record: object) -> None:
        connection.autocommit = True
        connection.execute(settings)
        connection.autocommit = False

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin)
    try:
        _check(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine.execution_options(**{KNOWS_WRITERS: True})


def _engine(url: URL, connections: int) -> Engine:
    try:
        return sqlalchemy.create_engine(
            url,
            connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": "toolward"},
            pool_size=connections,
            pool_pre_ping=True,  # a server that was started anew fails no call
            hide_parameters=True,  # or they would stand in our log
        )
    except (ImportError, NoSuchModuleError):
        raise ConfigurationError(
            "PostgreSQL needs psycopg, which is not installed.", hint="Install toolward[postgres]."
        ) from None


def _settings(lock_timeout: float, statement_timeout: float) -> str:
    """Of a session, whatever its role or database would have."""
    return (
        f"SET lock_timeout = {lock_timeout * 1000:.0f}; SET statement_timeout = {statement_timeout * 1000:.0f};"
        f" SET idle_in_transaction_session_timeout = {statement_timeout * 1000:.0f};"
        " SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8'; SET synchronous_commit = on"
    )


def _check(engine: Engine) -> None:
    where = place(engine)
    try:
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    except DBAPIError as error:
        reason, hint = reason_of(error.orig)
        raise ConfigurationError(f"The database {where} cannot be opened: {reason}.", hint=hint) from None
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database {where} holds text as {encoding}, and not every name can be written so.",
            hint="Make one with ENCODING 'UTF8'.",
        )


def _begin(connection: Connection) -> None:
    """psycopg begins at the next statement, as the connection then says."""
    from psycopg import IsolationLevel

    driver: Any = connection.connection.driver_connection
    writes = bool(connection.get_execution_options().get(WRITES, False))
    # Under the lock nobody else writes; each statement must see what was committed until it was granted.
    driver.isolation_level = IsolationLevel.READ_COMMITTED if writes else IsolationLevel.REPEATABLE_READ
    driver.read_only = not writes
    if writes:
        _LOCKING.run(connection, {})
