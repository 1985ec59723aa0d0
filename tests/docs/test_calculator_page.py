"""The page about the calculator, followed: its examples, its table of readings, its refusals and its limits."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolservers.calculator import limits
from toolservers.calculator.dates.compute import MAX_HOLIDAYS
from toolservers.calculator.operations import OPERATIONS
from toolservers.calculator.samples.analyze import MAX_PERCENTILES
from toolservers.calculator.samples.reading import MAX_ALL_DIGITS, MAX_NUMBERS
from toolservers.calculator.tools import server
from toolward.errors import ToolError
from toolward.types import NO_CONTEXT, Principal, ToolCall

PAGE = (Path(__file__).parents[2] / "docs" / "calculator.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^### `(\w+)`\n```json\n(.*?)^```\n```json answer\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
READINGS = re.findall(
    r"^\| `([^`]+)` \| (\S+) \| .*\|$", PAGE.partition("## How an expression")[2], re.MULTILINE
)
REFUSALS = re.findall(r"^(\w+) (\{.*\})$", PAGE.partition("```text refusals")[2], re.MULTILINE)
ANYBODY = Principal("anybody")


async def test_each_tool_has_an_example_with_its_answer() -> None:
    named = [tool.name for tool in (await server.list_tools(ANYBODY)).tools]
    assert sorted(name for name, _, _ in EXAMPLES) == sorted(named)
    async with server.running():
        for name, arguments, answer in EXAMPLES:
            done = await server.call_tool(ANYBODY, ToolCall(name, arguments.encode()), NO_CONTEXT)
            assert not done.is_error, f"{name}: {done.text}"
            found: Any = done.structured
            expected = json.loads(answer)
            assert {key: found[key] for key in expected} == expected, name


@pytest.mark.parametrize(("expression", "value"), READINGS)
def test_expressions_are_read_as_the_page_says(expression: str, value: str) -> None:
    found = _function("calculate")(expression)
    assert value in (found.exact, found.decimal)


def test_the_page_shows_enough_readings_and_refusals() -> None:
    assert len(READINGS) > 14
    assert {name for name, _ in REFUSALS} == set(OPERATIONS)


@pytest.mark.parametrize(("name", "arguments"), REFUSALS)
def test_what_the_page_says_is_refused_is_refused(name: str, arguments: str) -> None:
    with pytest.raises(ToolError):
        _function(name)(**json.loads(arguments))


def test_the_limits_are_those_of_the_code() -> None:
    rows = PAGE.partition("## Limits")[2].partition("A refusal says")[0]
    for limit in (
        limits.MAX_LENGTH,
        limits.MAX_DEPTH,
        limits.MAX_DIGITS,
        limits.MAX_VARIABLES,
        limits.MAX_DIGITS_SHOWN,
        limits.MAX_MEMORY >> 20,
        limits.AT_ONCE,
        limits.MAX_WAITING,
        MAX_HOLIDAYS,
        MAX_NUMBERS,
        MAX_ALL_DIGITS,
        MAX_PERCENTILES,
    ):
        assert re.search(rf"(?<![\d,]){limit:,}(?![\d,])", rows), limit
    assert (limits.CALL_SECONDS, limits.MAX_MESSAGE) == (1, 1 << 20)


def _function(name: str) -> Callable[..., Any]:
    return OPERATIONS[name].load()
