"""Moments of a world that are kept in PostgreSQL, each as a schema of the same database, `toolward_snapshot_NAME`.

They are copied under the lock of those who write, so a snapshot is one moment. Only what differs is written when
one is brought back, twenty times faster than all of it, for each deleted row looks for its children. TRUNCATE would
wait for readers and hold them up, and show an empty table to one whose moment is an older one. A schema is its
role's alone, as PostgreSQL makes it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from toolservers.crm.packs import chosen
from toolservers.crm.storage.moments import (
    KEYS,
    NAME,
    Snapshot,
    Snapshots,
    described,
    not_there,
    put_back,
    recipe,
    replace_rows,
    require_name,
    require_room,
    unreadable,
)
from toolservers.crm.world.filling import fill
from toolservers.crm.world.tables import events, world, world_tables
from toolward.errors import ConfigurationError, ToolError, Unavailable
from toolward.store import WRITES, explain, place, read_transaction, write_transaction

_SNAPSHOT = "toolward_snapshot_"
_BEGINNING = "toolward_beginning_"
_LARGEST_SEED = 2**31 - 1  # that the table of the world can hold


@dataclass(frozen=True, slots=True)
class KeptSchema:
    engine: Engine
    name: str

    @contextmanager
    def opened(self) -> Generator[Connection]:
        with _seen(self.engine) as connection:
            yield connection.execution_options(schema_translate_map={None: self.name})


class SchemaSnapshots(Snapshots):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, name: str, *, replace: bool = False) -> Snapshot:
        with _explained(self._engine), write_transaction(self._engine) as connection:
            there = _names(connection)
            require_room(name, there, replace=replace)
            schema = _SNAPSHOT + name
            if name in there:
                connection.exec_driver_sql(f"DROP SCHEMA {_quoted(schema)} CASCADE")
            _make(connection, schema)
            live = _live(connection)
            tables = [table.name for table in world_tables()]
            for table in (*tables, *([KEYS] if _has(connection, live, KEYS) else [])):
                connection.exec_driver_sql(f"CREATE TABLE {_quoted(schema)}.{table} AS TABLE {live}.{table}")
            return _described(connection, name, schema)

    def restore(self, connection: Connection, name: str) -> Snapshot:
        return _bring_back(connection, name, self._existing(connection, name))

    def reset(self, connection: Connection, pack: str, seed: int) -> Snapshot:
        return _bring_back(connection, "the beginning", _begun(connection, pack, seed))

    def names(self) -> list[str]:
        with _seen(self._engine) as connection:
            return _names(connection)

    def all(self) -> list[Snapshot]:
        with _seen(self._engine) as connection:
            return [_described(connection, name, _SNAPSHOT + name) for name in _names(connection)]

    def kept(self, name: str) -> KeptSchema:
        with _seen(self._engine) as connection:
            schema = self._existing(connection, name)
            _described(connection, name, schema)
        return KeptSchema(self._engine, schema)

    def beginning(self, pack: str, seed: int) -> KeptSchema:
        schema = _beginning(pack, seed)
        with _seen(self._engine) as connection:
            there = _there(connection, schema)
        if not there:
            with _explained(self._engine), write_transaction(self._engine) as connection:
                _begun(connection, pack, seed)
        return KeptSchema(self._engine, schema)

    def _existing(self, connection: Connection, name: str) -> str:
        require_name(name)
        if not _there(connection, _SNAPSHOT + name):
            raise not_there(name, _names(connection))
        return _SNAPSHOT + name


@contextmanager
def _seen(engine: Engine) -> Generator[Connection]:
    with _explained(engine), read_transaction(engine.execution_options(**{WRITES: False})) as connection:
        yield connection


@contextmanager
def _explained(engine: Engine) -> Generator[None]:
    """Raises Unavailable when the database is to blame."""
    try:
        yield
    except SQLAlchemyError as error:
        explained = explain(error, place(engine))
        if isinstance(explained, Unavailable):
            raise explained from None
        raise


# --- schemas


def _quoted(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def _live(connection: Connection) -> str:
    """The schema of the world itself, as SQL writes it."""
    return _quoted(connection.exec_driver_sql("SELECT current_schema()").scalar_one())


def _names(connection: Connection) -> list[str]:
    asked = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix)")
    found = connection.execute(asked, {"prefix": _SNAPSHOT}).scalars()
    names = (name.removeprefix(_SNAPSHOT) for name in found)
    return sorted(name for name in names if NAME.fullmatch(name))


def _there(connection: Connection, schema: str) -> bool:
    asked = text("SELECT 1 FROM pg_namespace WHERE nspname = :schema")
    return connection.execute(asked, {"schema": schema}).first() is not None


def _has(connection: Connection, schema: str, table: str) -> bool:
    """`schema` as SQL writes it."""
    asked = text("SELECT to_regclass(:named) IS NOT NULL")
    return bool(connection.scalar(asked, {"named": f"{schema}.{table}"}))


def _make(connection: Connection, schema: str) -> None:
    """Raises ToolError where the role may not."""
    may = "SELECT has_database_privilege(current_database(), 'CREATE')"
    if not connection.exec_driver_sql(may).scalar_one():
        raise ToolError(
            "Moments are kept in schemas, and the CRM's role may make none in this database. "
            "Its owner can allow it: GRANT CREATE ON DATABASE."
        )
    connection.exec_driver_sql(f"CREATE SCHEMA {_quoted(schema)}")


def _described(connection: Connection, name: str, schema: str) -> Snapshot:
    """Looks before it asks: a statement that fails would take the caller's transaction with it."""
    columns = text(
        "SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = :schema AND attnum > 0 AND NOT attisdropped"
    )
    there = {(row[0], row[1]) for row in connection.execute(columns, {"schema": schema})}
    if not {(table.name, column.name) for table in world_tables() for column in table.c} <= there:
        raise unreadable(name)
    of_it = {"schema_translate_map": {None: schema}}
    row = connection.execute(select(world), execution_options=of_it).mappings().first()
    if row is None:
        raise unreadable(name)
    size = text(
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = :schema AND relkind = 'r'"
    )
    return described(name, row, int(connection.execute(size, {"schema": schema}).scalar_one()))


# --- rows


def _bring_back(connection: Connection, name: str, schema: str) -> Snapshot:
    found = _described(connection, name, schema)
    live = _live(connection)
    put_back(connection, live, _quoted(schema), lambda one: _has(connection, one, KEYS), _put_rows_back)
    last = connection.scalar(select(events.c.seq).order_by(events.c.seq.desc()).limit(1)) or 0
    # not setval, which a rollback would not take back
    sequence = connection.execute(
        text("SELECT pg_get_serial_sequence(:table, 'seq')"), {"table": f"{live}.{events.name}"}
    ).scalar_one()
    connection.exec_driver_sql(f"ALTER SEQUENCE {sequence} RESTART WITH {last + 1}")
    return found


def _put_rows_back(connection: Connection, live: str, kept: str) -> None:
    tables = world_tables()
    statements = [_written(table, live, kept) for table in tables]
    statements += [_unwritten(table, live, kept) for table in reversed(tables)]
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("; ".join(statements))  # one way there and back
    except IntegrityError:  # an address of e-mail that went from one customer to another
        replace_rows(connection, live, kept)


def _written(table: Table, live: str, kept: str) -> str:
    """The rows that are not there as they were."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    key = ", ".join(f'"{column.name}"' for column in table.primary_key)
    others = [f'"{column.name}"' for column in table.columns if not column.primary_key]
    anew = ", ".join(f"{name} = excluded.{name}" for name in others)
    return (
        f"INSERT INTO {live}.{table.name} ({columns})"  # noqa: S608 -- our own names
        f" SELECT {columns} FROM {kept}.{table.name} EXCEPT SELECT {columns} FROM {live}.{table.name}"
        f" ON CONFLICT ({key}) DO UPDATE SET {anew}"
    )


def _unwritten(table: Table, live: str, kept: str) -> str:
    """The rows that were not there."""
    same = " AND ".join(f'k."{column.name}" = h."{column.name}"' for column in table.primary_key)
    return (
        f"DELETE FROM {live}.{table.name} h"  # noqa: S608 -- our own names
        f" WHERE NOT EXISTS (SELECT FROM {kept}.{table.name} k WHERE {same})"
    )


def _beginning(pack: str, seed: int) -> str:
    if not 0 <= seed <= _LARGEST_SEED:
        raise ConfigurationError(f"A seed is 0 to {_LARGEST_SEED}.")
    return f"{_BEGINNING}{chosen.pack(pack)}-{seed}-{recipe()}"


def _begun(connection: Connection, pack: str, seed: int) -> str:
    """The schema of a new world, made where it is not there yet, in the writing transaction of `connection`."""
    schema = _beginning(pack, seed)
    if _there(connection, schema):
        return schema
    live = _live(connection)
    _make(connection, schema)
    for table in world_tables():
        like = f"(LIKE {live}.{table.name} INCLUDING DEFAULTS)"
        connection.exec_driver_sql(f"CREATE TABLE {_quoted(schema)}.{table.name} {like}")
    path = connection.exec_driver_sql("SELECT current_setting('search_path')").scalar_one()
    set_path = text("SELECT set_config('search_path', :path, true)")
    connection.execute(set_path, {"path": _quoted(schema)})
    fill(connection, chosen.batches(pack, seed))
    connection.execute(set_path, {"path": path})
    return schema
