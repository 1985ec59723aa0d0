"""`toolward agent list|check`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.agent.definition import Limits
from gateway.cli.output import EXIT_OK, print_json, shorten
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.config.agents import load_agents
from gateway.core.budgets import dollars


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
    agents = load_agents(files or settings.agents, settings.endpoints)
    if common.json:
        print_json({"agents": [one.name for one in agents]})
    else:
        print(f"{len(agents)} agents, well-formed: {', '.join(one.name for one in agents) or 'none'}")
    return EXIT_OK


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
