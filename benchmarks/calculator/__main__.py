"""`python -m benchmarks.calculator [--rounds 3] [--calls 200]`: about a minute.

How long one call takes, the median and the 99th percentile in milliseconds, for what the calculator answers and
for what it refuses. Three ways: the operation's function alone, the server's own `call_tool` in process (arguments
checked, the work done in a worker process), and MCP over HTTP from another process. One call after the other, all
rounds together; the first calls of each kind, before all, are not counted.
"""

import argparse
import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.calculator.questions import LARGEST, Arguments, Question, questions
from tests.integration.served import served
from toolservers.calculator.operations import OPERATIONS
from toolservers.calculator.tools import server
from toolward.client import connect
from toolward.errors import ToolError, ToolwardError
from toolward.types import NO_CONTEXT, Principal, ToolCall

ANYBODY = Principal("bench")
WARM = 20
"""Calls of each kind that are not counted."""
SLOW = 20
"""How many times fewer calls there are of the largest lists."""

Refused = bool
Ask = Callable[[str, Arguments], Awaitable[Refused]]


class Measured(NamedTuple):
    question: Question
    door: str
    milliseconds: list[float]

    @property
    def p50(self) -> float:
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        return sorted(self.milliseconds)[-1 - len(self.milliseconds) // 100]


@asynccontextmanager
async def alone() -> AsyncGenerator[Ask]:
    yield _compute


@asynccontextmanager
async def in_process() -> AsyncGenerator[Ask]:
    async with server.running():
        yield _call


@asynccontextmanager
async def over_http() -> AsyncGenerator[Ask]:
    with served(module="toolservers.calculator") as at:
        async with connect(f"{at.url}/mcp", timeout=60) as client:

            async def ask(tool: str, arguments: Arguments) -> Refused:
                return (await client.call(tool, arguments)).is_error

            yield ask


DOORS = {"alone": alone, "with its worker": in_process, "over MCP HTTP": over_http}


async def _compute(tool: str, arguments: Arguments) -> Refused:
    """In this process, without a worker: what the worker and the doors are compared with."""
    try:
        OPERATIONS[tool].load()(**arguments)
    except ToolError:
        return True
    return False


async def _call(tool: str, arguments: Arguments) -> Refused:
    done = await server.call_tool(ANYBODY, ToolCall(tool, msgspec.json.encode(arguments)), NO_CONTEXT)
    return done.is_error


async def timed(ask: Ask, question: Question, count: int) -> list[float]:
    """Raises ToolwardError where an answer is a refusal, or the other way round."""
    count = count if question.what != LARGEST else max(count // SLOW, 1)
    took: list[float] = []
    for arguments in islice(cycle(question.calls), count):
        began = time.perf_counter()
        refused = await ask(question.tool, arguments)
        took.append((time.perf_counter() - began) * 1e3)
        if refused != question.refused:
            raise ToolwardError(f"{question.tool} {arguments!r:.200} was {'' if refused else 'not '}refused")
    return took


async def a_round(doors: Sequence[str], count: int) -> list[tuple[Question, str, list[float]]]:
    found: list[tuple[Question, str, list[float]]] = []
    for door in doors:
        async with DOORS[door]() as ask:
            for question in questions():  # until all workers have loaded all operations, which takes seconds
                await timed(ask, question, min(WARM, count))
            found += [(question, door, await timed(ask, question, count)) for question in questions()]
    return found


def measure(rounds: int, count: int, doors: Sequence[str] = tuple(DOORS)) -> Iterator[Measured]:
    by_kind: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    kinds: dict[tuple[str, str, str], Question] = {}
    for _ in range(rounds):
        for question, door, took in asyncio.run(a_round(doors, count)):
            kind = (question.tool, question.what, door)
            by_kind[kind] += took
            kinds[kind] = question
    for kind, took in by_kind.items():
        yield Measured(kinds[kind], kind[2], took)


def table(found: list[Measured]) -> str:
    doors = list(dict.fromkeys(one.door for one in found))
    figures = {(one.question.tool, one.question.what, one.door): one for one in found}
    lines = ["| p50 / p99, ms | " + " | ".join(doors) + " |", "|---|" + "---:|" * len(doors)]
    for tool, what in dict.fromkeys((one.question.tool, one.question.what) for one in found):
        cells = (figures[tool, what, door] for door in doors)
        lines.append(
            f"| `{tool}`, {what} | " + " | ".join(f"{one.p50:.2f} / {one.p99:.2f}" for one in cells) + " |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calculator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in a round")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    found = list(measure(given.rounds, given.calls))
    if given.json:
        print(msgspec.json.encode([_as_json(one) for one in found]).decode())
        return
    seconds = time.monotonic() - began
    print(f"{os.cpu_count()} processors, {given.rounds} rounds, {seconds:.0f} s\n\n{table(found)}")


def _as_json(one: Measured) -> dict[str, Any]:
    question = one.question
    named = {"tool": question.tool, "what": question.what, "refused": question.refused, "door": one.door}
    return {**named, "calls": len(one.milliseconds), "p50_ms": one.p50, "p99_ms": one.p99}


if __name__ == "__main__":
    main()
