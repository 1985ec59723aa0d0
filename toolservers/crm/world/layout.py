"""Which tables a database has. A new one gets today's at once, marked with the newest revision; only an older one
needs alembic, which is then loaded (0.2 s)."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect

from toolservers.crm.world.tables import metadata
from toolward.errors import ConfigurationError

HEAD = "0002"
"""The newest revision in `migrations/versions`: these tables."""

FIRST = "0001"
MIGRATIONS = Path(__file__).with_name("migrations")

_KNOWN = (FIRST, HEAD)
_MOVE_AWAY = "Name another database, or move this one away."

revisions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def lay_out(connection: Connection, where: str) -> bool:
    """Bring the tables to their newest form, in the transaction that is open. Whether there was nothing before.

    Raises ConfigurationError for what is not ours or is newer than this program.
    """
    looked = inspect(connection)
    names = set(looked.get_table_names())
    columns = {column["name"] for column in looked.get_columns("world")} if "world" in names else set[str]()
    revision = revision_of(
        names, columns, lambda query: connection.exec_driver_sql(query).scalar_one_or_none(), where
    )
    if revision is None:
        metadata.create_all(connection)
        stamp(connection, HEAD)
    elif revision != HEAD:
        upgrade(connection, revision, names)
    return revision is None


def accept_file(connection: sqlite3.Connection, where: str) -> None:
    """The same look at a file of SQLite, before it is opened for good. Raises ConfigurationError."""
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    columns = {row[0] for row in connection.execute("SELECT name FROM pragma_table_info('world')")}
    revision_of(names, columns, lambda query: (connection.execute(query).fetchone() or (None,))[0], where)


def revision_of(names: set[str], columns: set[str], scalar: Callable[[str], Any], where: str) -> str | None:
    """What a database has, from its tables and the columns of `world`; None where it is empty.

    Before there were revisions, `world.layout` said it. Raises ConfigurationError.
    """
    if not names:
        return None
    if revisions.name in names and "world" in names:
        found = scalar("SELECT version_num FROM alembic_version")
    elif "layout" in columns:
        found = scalar("SELECT layout FROM world")
        found = FIRST if found == 1 else found
    else:
        raise ConfigurationError(f"{where} is not a CRM database; it was left as it is.", hint=_MOVE_AWAY)
    if found not in _KNOWN:
        raise ConfigurationError(
            f"{where} has layout {found}, and this program knows them up to {HEAD}; it was left as it is.",
            hint=f"Use the program that made it. {_MOVE_AWAY}",
        )
    return found


def stamp(connection: Connection, revision: str) -> None:
    revisions.create(connection, checkfirst=True)
    connection.execute(revisions.delete())
    connection.execute(revisions.insert(), {"version_num": revision})


def upgrade(connection: Connection, revision: str, names: set[str], to: str = HEAD) -> None:
    """What fails raises, and the transaction takes all of it back."""
    from alembic import command
    from alembic.config import Config

    if revisions.name not in names:
        stamp(connection, revision)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
