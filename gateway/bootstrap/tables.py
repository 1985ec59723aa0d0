"""What a decision table is run against, without a server: the tools of the servers that come along, asked in this
process, and the tools that the table declares itself."""

import asyncio
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from gateway.config.agents import load_agents
from gateway.config.builtin import FACTS
from gateway.config.policies import load_policy
from gateway.config.shipped import shipped_agents
from gateway.config.tables import Table
from gateway.core import built_in, people
from gateway.core.agent_tools import AGENTS, listing
from gateway.core.catalog import Catalog, build_catalog
from gateway.core.policy import bind
from gateway.core.ports import Listing
from gateway.core.tables import TableResult, run_table
from toolward.errors import ConfigurationError
from toolward.types import Agent, Principal, Tool

SHIPPED = ("search", "calculator", "files", "crm")
_GROUP = "toolward.toolservers"
_NOBODY = Principal("nobody")


def check_table(table: Table) -> TableResult:
    """Raises ConfigurationError where a policy is wrong, or a server that comes along is not installed."""
    catalog = table_catalog(table)
    return run_table(table.file, table.cases, bind(load_policy(table.policies), catalog), catalog)


def table_catalog(table: Table) -> Catalog:
    """Raises ConfigurationError for a tool that cannot be offered: a table about nothing proves nothing."""
    declared: dict[str, list[Tool]] = {}
    for name, tool in table.tools:
        declared.setdefault(name.partition(".")[0], []).append(tool)
    shipped = {name: _tools_of(name) for name in SHIPPED} if table.shipped else {}
    for name, tools in shipped.items():
        if twice := {tool.name for tool in tools} & {tool.name for tool in declared.get(name, ())}:
            raise ConfigurationError(
                f"{table.file}: {name}.{min(twice)} comes along with `catalog: shipped`.",
                hint="Declare only tools that do not, such as those that are off; or leave `catalog` out.",
            )
    agents = [Agent(tool.name) for tool in declared.pop(AGENTS, ())]
    if table.shipped:
        agents += [agent.shown for agent in load_agents(shipped_agents())]
    listings = [
        Listing(name, "stdio", "in this process", (*tools, *declared.pop(name, ())))
        for name, tools in shipped.items()
    ]
    listings += [Listing(name, "stdio", table.file, tuple(tools)) for name, tools in declared.items()]
    facts = {**(FACTS if table.shipped else {}), **table.facts, **built_in.FACTS}
    catalog = build_catalog([*listings, people.LISTING, listing(tuple(agents))], facts)
    if catalog.problems:
        raise ConfigurationError(f"{table.file}: {catalog.problems[0]}")
    return catalog


@cache
def _tools_of(name: str) -> tuple[Tool, ...]:
    """The tools of an installed tool server. Only its entry point is known here: gateway and tool servers are
    strangers."""
    found = entry_points(group=_GROUP, name=name)
    try:
        server: Any = next(iter(found)).load()
    except (StopIteration, ImportError) as error:
        raise ConfigurationError(
            f"The tool server {name} is not installed{f' whole: {error}' if str(error) else ''}.",
            hint="Install toolward[all], or declare the tools in the table.",
        ) from None
    page: Any = asyncio.run(server.list_tools(_NOBODY))
    return tuple(page.tools)
