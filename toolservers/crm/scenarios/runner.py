"""Plays calls in a world of its own and judges what became of it.

A world is an SQLite file: `make_world` fills one, `copy_of` gives each play its own. The calls go through the
server's `call_tool`, as those of any door do.
"""

import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from toolservers.crm.actor import CUSTOMER
from toolservers.crm.scenarios.checker import Call, Verdict, check
from toolservers.crm.scenarios.effects import KINDS, Happened, effect, happened, holds, is_condition, is_row
from toolservers.crm.scenarios.scenario import Scenario
from toolservers.crm.tools import Settings, server
from toolward.errors import ToolwardError
from toolward.types import NO_CONTEXT, CallContext, Json, Principal, ToolCall, ToolProvider, ToolResult

PACK = "scenarios"
AGENT = Principal("agent:noor", ("support",))
APPROVED_BY = "approved_by"
CALL = "call"


class Unplayable(ValueError):
    """Calls that cannot be made: a reference to what no earlier call gave back, or a refusal on the way."""


@dataclass(frozen=True, slots=True)
class Played:
    """`results` holds what each call gave back: its structured content, or the text of a refusal."""

    calls: list[Call]
    results: list[Json]

    @property
    def refused(self) -> list[str]:
        return [
            f"{call.tool}: {result}"
            for call, result in zip(self.calls, self.results, strict=True)
            if not call.answered
        ]


async def make_world(database: Path) -> None:
    """Raises ConfigurationError where the file cannot be made."""
    async with server.running(Settings(database, PACK)):
        pass


def copy_of(world: Path, database: Path) -> Path:
    """A world that nobody has open, as another file, over what was there."""
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(world, database)
    return database


async def judged(scenario: Scenario, world: Path, database: Path) -> tuple[Verdict, Played]:
    """The verdict on the scenario's oracle, played in a copy of `world` that is left at `database`."""
    async with server.running(Settings(copy_of(world, database), PACK)):
        played = await play(server, scenario.oracle, caller(scenario))
    return check(scenario, between(world, database), played.calls), played


def caller(scenario: Scenario) -> Principal:
    return Principal(scenario.customer, (CUSTOMER,)) if scenario.caller == "customer" else AGENT


async def play(
    provider: ToolProvider,
    written: Sequence[Mapping[str, Any]],
    by: Principal,
    *,
    keys: str = "play",
    prefix: str = "",
) -> Played:
    """Makes the calls, one after the other; refusals are results like others. `keys` begins the idempotency keys,
    `prefix` the tools' names. Who is to approve a call stands in its context. Raises Unplayable."""
    played = Played([], [])
    for number, one in enumerate(written, start=1):
        arguments = {
            name: resolved(value, played.results)
            for name, value in one.items()
            if name not in (CALL, APPROVED_BY)
        }
        tool, role = one[CALL], one.get(APPROVED_BY)
        wish = ToolCall(f"{prefix}{tool}", msgspec.json.encode(arguments), idempotency_key=f"{keys}-{number}")
        context = CallContext(approved_by=(f"user:{role}", f"role:{role}")) if role else NO_CONTEXT
        answered, result = await _made(provider, by, wish, context)
        played.calls.append(Call(tool, arguments, answered))
        played.results.append(result)
    return played


async def _made(
    provider: ToolProvider, by: Principal, wish: ToolCall, context: CallContext = NO_CONTEXT
) -> tuple[bool, Json]:
    try:
        result = await provider.call_tool(by, wish, context)
    except ToolwardError as error:
        return False, error.text
    if not isinstance(result, ToolResult):
        return False, "Somebody must approve this call, and nobody was named."
    return (False, result.text) if result.is_error else (True, result.structured)


def resolved(value: Any, results: Sequence[Json]) -> Any:
    """`$2.payments.0.id` as what the second call gave back says. Raises Unplayable."""
    if isinstance(value, list):
        return [resolved(one, results) for one in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {name: resolved(one, results) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    number, *path = value[1:].split(".")
    if not number.isdigit() or not 1 <= int(number) <= len(results):
        raise Unplayable(f"{value} names no earlier call.")
    return at(results[int(number) - 1], path, value)


def at(found: Any, path: Sequence[str], said: str) -> Json:
    """What lies there. Raises Unplayable, saying how far the path goes."""
    for step in path:
        try:
            found = found[int(step) if isinstance(found, list) else step]
        except (LookupError, TypeError, ValueError):
            there = msgspec.json.encode(found).decode()[:200]
            raise Unplayable(f"{said}: there is no {step!r} in {there}.") from None
    return found


def between(before: Path, after: Path) -> list[Happened]:
    """What differs between two worlds that nobody changes meanwhile."""
    with _opened(before) as old, _opened(after) as new:
        return happened(old, new)


def write(database: Path, effects: Sequence[Mapping[str, Any]]) -> None:
    """Changes rows as no tool would, for a checker to see it. Raises Unreadable."""
    with _opened(database) as connection:
        for wanted in map(effect, effects):
            table = KINDS[wanted.kind]
            row = table.delete() if wanted.verb == "remove" else table.update().values(**wanted.conditions)
            connection.execute(row.where(is_row(wanted.kind, wanted.key)))
        connection.commit()


async def untrue(provider: ToolProvider, scenario: Scenario, prefix: str = "") -> list[str]:
    """The facts of a scenario that are none in this world, in plain words."""
    wrong: list[str] = []
    for named, facts in scenario.facts.items():
        wish = ToolCall(f"{prefix}get_record", msgspec.json.encode({"record_id": named}))
        answered, record = await _made(provider, AGENT, wish)
        if not answered:
            wrong.append(f"{scenario.id}: {named}: {record}")
            continue
        wrong += [f"{scenario.id}: {named}.{text}" for text in _differs(facts, record, "")]
    return wrong


def _differs(wanted: Any, found: Any, path: str) -> list[str]:
    if isinstance(wanted, dict) and not is_condition(wanted):  # pyright: ignore[reportUnknownArgumentType]
        said: list[str] = []
        for step, inner in wanted.items():  # pyright: ignore[reportUnknownVariableType]
            try:
                there = at(found, [step], path)  # pyright: ignore[reportUnknownArgumentType]
            except Unplayable as error:
                said.append(str(error))
            else:
                said += _differs(inner, there, f"{path}.{step}".lstrip("."))
        return said
    return [] if holds(msgspec.to_builtins(wanted), found) else [f"{path} is {found!r}, not {wanted!r}"]


@cache
def _engine() -> Engine:
    """One for all worlds, for what it has compiled serves them all: each connection attaches its own file."""
    return create_engine("sqlite://", poolclass=NullPool)


@contextmanager
def _opened(database: Path) -> Generator[Connection]:
    with _engine().connect() as connection:
        connection.execute(text("ATTACH :file AS opened"), {"file": str(database)})
        yield connection.execution_options(schema_translate_map={None: "opened"})
