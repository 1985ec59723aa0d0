"""What the two databases are told in different words."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from toolservers.crm.world.tables import fold


class folded(FunctionElement[str]):  # noqa: N801 -- it stands in expressions like a function of SQL
    """A text without case and accents: `Åsa Müller` is `asa muller` to the database as well as to Python. A
    connection to SQLite must be taught it first (`teach`)."""

    name = "fernhill_fold"
    type = Text()
    inherit_cache = True


class unindexed(FunctionElement[Any]):  # noqa: N801
    """A column that SQLite shall read through. It takes any index for a range, and then fetches half a large table
    in the order of that index, ten times slower than in its own. PostgreSQL knows better by itself."""

    name = "unindexed"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


def teach(connection: Connection) -> None:
    """SQLite knows case of ASCII only; PostgreSQL needs no lesson."""
    if connection.dialect.name == "sqlite" and folded.name not in connection.info:
        connection.info[folded.name] = True
        driver: Any = connection.connection.driver_connection
        driver.create_function(folded.name, 1, _fold, deterministic=True)


def _fold(text: str | None) -> str | None:
    return None if text is None else fold(text)


@compiles(unindexed)
def _in_any(element: unindexed, compiler: Any, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(unindexed, "sqlite")
def _in_sqlite(element: unindexed, compiler: Any, **options: Any) -> str:
    return f"+({compiler.process(element.clauses, **options)})"


@compiles(folded)
def _folded_in_sqlite(element: folded, compiler: Any, **options: Any) -> str:
    """Most texts are ASCII, and SQLite lowers those by itself, ten times as fast as Python."""
    inner = compiler.process(element.clauses, **options)
    ascii_ = f"length({inner}) = length(CAST({inner} AS BLOB))"
    return f"CASE WHEN {ascii_} THEN lower({inner}) ELSE {folded.name}({inner}) END"


@compiles(folded, "postgresql")
def _folded_in_postgresql(element: folded, compiler: Any, **options: Any) -> str:
    """By a table of the letters of Europe: which locales the server knows must not matter."""
    inner = compiler.process(element.clauses, **options)
    one, long = _letters()
    for letter, several in long:
        inner = f"replace({inner}, {_quoted(letter, compiler)}, {_quoted(several, compiler)})"
    # What has nothing to become (a combining accent) stands last, and is left out by `translate`.
    before, after = "".join(one), "".join(one.values())
    return f"translate({inner}, {_quoted(before, compiler)}, {_quoted(after, compiler)})"


def _quoted(text: str, compiler: Any) -> str:
    return compiler.process(literal_column("'" + text.replace("'", "''").replace("%", "%%") + "'"))


_SPANS = ((0x41, 0x5A), (0xC0, 0x24F), (0x370, 0x52F), (0x1E00, 0x1EFF), (0x300, 0x36F))


def _letters() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What each letter folds to: those that stay one letter, with the ones that vanish at the end; the others."""
    one: dict[str, str] = {}
    long: list[tuple[str, str]] = []
    gone: dict[str, str] = {}
    for first, last in _SPANS:
        for letter in map(chr, range(first, last + 1)):
            becomes = fold(letter)
            if becomes == letter:
                continue
            if len(becomes) == 1:
                one[letter] = becomes
            elif becomes:
                long.append((letter, becomes))
            else:
                gone[letter] = ""
    return one | gone, long
