"""The threat model says of each threat which test covers it: those tests must be there, and no row is silent."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
NOT_COVERED = "not covered"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[str]:
    """The rows of the tables below *Threats*, without their heads."""
    threats = PAGE.read_text(encoding="utf-8").partition("\n## Threats\n")[2]
    lines = [line for line in threats.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("| threat |", "|---"))]


@cache
def those_of(file: str) -> frozenset[str]:
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(one.name for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip()[:60])
def test_a_threat_is_covered_by_tests_that_are_there_or_said_not_to_be(row: str) -> None:
    named = _NAMED.findall(row)
    assert bool(named) != row.rstrip("| ").endswith(NOT_COVERED), "name its tests, or say: not covered"
    assert row.count("::") == len(named), "a test is named like `tests/unit/test_x.py::test_y`"
    missing = [f"{file}::{test}" for file, test in named if test not in those_of(file)]
    assert missing == []


def test_there_are_threats() -> None:
    assert len(rows()) > 40
