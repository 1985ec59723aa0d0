"""The version of the ledger's tables: made where there are none, brought forward where they are older."""

import logging

from sqlalchemy import Connection, insert, inspect, select, update

from gateway.ledger.migrations import STEPS
from gateway.ledger.tables import metadata, schema_version
from toolward.errors import ConfigurationError

log = logging.getLogger(__name__)

SCHEMA_VERSION = max(STEPS)
OLDEST = min(STEPS) - 1
"""The oldest one that can be brought forward."""


def prepare(connection: Connection, where: str) -> None:
    """Make the tables where there are none, or bring them forward, in this one transaction. Raises
    ConfigurationError for a database that another program or a newer Toolward wrote, or one that is too old."""
    known = set(inspect(connection).get_table_names())
    if not known:
        metadata.create_all(connection)
        connection.execute(insert(schema_version).values(id=1, version=SCHEMA_VERSION))
        return
    if schema_version.name not in known:
        raise ConfigurationError(
            f"The database {where} belongs to another program.", hint="Choose another file for the ledger."
        )
    found = _check(connection, where)
    for version in range(found + 1, SCHEMA_VERSION + 1):
        log.warning(
            "the ledger %s is brought from schema %d to %d; this can take a while",
            where,
            version - 1,
            version,
        )
        for statement in STEPS[version]:
            connection.exec_driver_sql(statement)
        connection.execute(update(schema_version).values(version=version))
    if found < SCHEMA_VERSION:
        log.warning("the ledger %s has schema %d now", where, SCHEMA_VERSION)


def check_current(connection: Connection, where: str) -> None:
    """For who only reads. Raises ConfigurationError for any other schema than today's."""
    if schema_version.name not in inspect(connection).get_table_names():
        raise ConfigurationError(f"The database {where} is no ledger.", hint="Name another file.")
    if (found := _check(connection, where)) < SCHEMA_VERSION:
        raise ConfigurationError(
            f"The ledger {where} was written by an older Toolward (schema {found}; this one reads"
            f" {SCHEMA_VERSION}).",
            hint="Start the gateway with `toolward up`: it brings the ledger forward.",
        )


def _check(connection: Connection, where: str) -> int:
    found = connection.execute(select(schema_version.c.version)).scalar_one()
    if found > SCHEMA_VERSION:
        raise ConfigurationError(
            f"The ledger {where} was written by a newer Toolward (schema {found}; this one knows up to"
            f" {SCHEMA_VERSION}).",
            hint="Upgrade toolward, or choose another file for the ledger.",
        )
    if found < OLDEST:
        raise ConfigurationError(
            f"The ledger {where} was written by a Toolward from before the first release (schema {found}; this one"
            f" writes {SCHEMA_VERSION}).",
            hint="Move the file away: a new one is made. What was not chained when it was written cannot be"
            " vouched for afterwards, so it is not taken over.",
        )
    return found
