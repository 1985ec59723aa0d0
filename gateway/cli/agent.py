"""`toolward agent list|check`."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.agent.definition import AgentDefinition, Limits
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_OK, counted, note, print_json, shorten
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.config.agents import load_agents
from gateway.config.source import load_yaml
from gateway.core.budgets import dollars
from gateway.core.globs import globs
from gateway.core.people import PEOPLE
from toolward.names import closest
from toolward.printable import printable


def list_agents(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """List the configured agents."""
    settings, _ = settings_of(common)
    agents = load_agents(settings.agents, settings.endpoints)
    if common.json:
        print_json({"agents": agents})
    else:
        rows = [
            (one.name, ", ".join(one.endpoints), _said(one.limits), shorten(one.description, 100))
            for one in agents
        ]
        print_table(("name", "endpoints", "limits", "description"), rows)
    return EXIT_OK


def check(
    *files: Annotated[Path, Parameter(help="agents' files; without any, the configured ones")],
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Read agents, and say what is wrong. Raises ConfigurationError with all of it."""
    settings, _ = settings_of(common)
    files = files or settings.agents
    agents = load_agents(files, settings.endpoints)
    backends = {one.name for one in settings.backends} | {PEOPLE}
    warnings = [
        said for file, agent in zip(files, agents, strict=True) for said in _warnings(file, agent, backends)
    ]
    if common.json:
        print_json({"agents": [one.name for one in agents], "warnings": warnings})
    else:
        for said in warnings:
            note(f"{coloured('warning', 'ask')}  {printable(said)}")
        names = ", ".join(one.name for one in agents) or "none"
        print(f"{counted(len(agents), 'agent')}, well-formed: {names}")
    return EXIT_OK


def _warnings(file: Path, agent: AgentDefinition, backends: Collection[str]) -> Iterator[str]:
    """Of tools whose backend is in no configuration: it may be added, and until then the agent is without them."""
    source = load_yaml(file)
    for index, pattern in enumerate(agent.tools):
        name, dot, tool = pattern.partition(".")
        if not dot or globs((name,)).matches_any(backends):
            continue
        near = closest(name, backends)
        meant = f"did you mean {near}.{tool}?" if near else "it is without them until there is one"
        where = source.at(("tools", index))
        yield f"{where}: the agent {agent.name} names {pattern}, and there is no backend {name}; {meant}"


def _said(limits: Limits) -> str:
    return ", ".join(_parts(limits))


def _parts(limits: Limits) -> Iterator[str]:
    counts: Sequence[tuple[int, str]] = (
        (limits.turns, "turns"),
        (limits.calls, "calls"),
        (limits.tokens, "tokens"),
        (limits.seconds, "s"),
    )
    yield from (f"{count:,} {name}" for count, name in counts if count)
    if limits.cost:
        yield dollars(limits.cost)
