"""Statements that are compiled once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.exc import (
    DBAPIError,
)
from sqlalchemy.sql.compiler import SQLCompiler

BLOCKS = (64, 8)
"""Rows that one statement inserts: between two statements the driver lets every other thread go first, and has to
wait for its own turn again."""


class Prepared:
    """A statement that is compiled once and given to the driver itself: for the few that run thousands of times a
    second, where building and compiling them anew is most of the work. Values are as the database has them, by the
    names of the statement's parameters; an insert and the new values of an update have those of their `columns`.

    Raises what `Connection.execute` raises.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns = list(columns) or None
        self._compiled: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor, with `rowcount` and `fetchone`."""
        text, bound = self._for(connection)
        return self._do(connection, text, lambda cursor: cursor.execute(text, bound(values)))

    def run_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        text, bound = self._for(connection)
        values = [bound(row) for row in rows]
        at = 0
        for size in BLOCKS if text.endswith(")") else ():
            while len(values) - at >= size:
                block = tuple(chain.from_iterable(values[at : at + size]))
                self._do(connection, text, lambda cursor, n=size, v=block: cursor.execute(_block(text, n), v))
                at += size
        if at < len(values):
            self._do(connection, text, lambda cursor: cursor.executemany(text, values[at:]))

    def _for(self, connection: Connection) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        dialect = connection.dialect
        if (known := self._compiled.get(dialect.name)) is None:
            compiled = cast(SQLCompiler, self._statement.compile(dialect=dialect, column_keys=self._columns))
            known = self._compiled[dialect.name] = (compiled.string, _binding(compiled))
        return known

    def _do(self, connection: Connection, text: str, work: Callable[[Any], object]) -> Any:
        cursor = connection.connection.cursor()
        try:
            work(cursor)
        except connection.dialect.loaded_dbapi.Error as error:
            base = connection.dialect.loaded_dbapi.Error
            made = DBAPIError.instance(
                text, None, error, base, hide_parameters=True, dialect=connection.dialect
            )
            raise made from error
        return cursor


@lru_cache(maxsize=256)
def _block(insert: str, rows: int) -> str:
    """`INSERT INTO t (a, b) VALUES (?, ?)`, for so many rows."""
    into, word, values = insert.rpartition(" VALUES ")
    return f"{into}{word}{', '.join([values] * rows)}"


def _binding(compiled: SQLCompiler) -> Callable[[Mapping[str, Any]], Any]:
    """Values by name to what the driver takes; what the statement itself says stands among them."""
    binds = compiled.binds.items()
    asked = {name: bind.callable for name, bind in binds if bind.callable is not None}
    said = {
        name: bind.value
        for name, bind in binds
        if name not in asked and not bind.required and bind.value is not None
    }

    def every(values: Mapping[str, Any]) -> dict[str, Any]:
        return {**said, **{name: ask() for name, ask in asked.items()}, **values}

    if not compiled.positional:
        return every
    names = list(compiled.positiontup or ())
    if not said and not asked and len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(map(every(values).__getitem__, names))
