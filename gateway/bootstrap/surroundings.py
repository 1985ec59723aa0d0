"""What policies are bound to, and what pins are compared with, for a command: as a gateway has it, or as it is made
anew of what the gateway that runs says of its backends."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.bootstrap.house import Gateway
from gateway.config.agents import load_agents
from gateway.config.lockfile import LockFile, lock_path
from gateway.config.origins import origins
from gateway.config.settings import Settings
from gateway.core import agent_tools, built_in, people
from gateway.core.catalog import Catalog, build_catalog
from gateway.core.lock import Origins, ToolsLock, pin_unpinned, withhold
from gateway.core.ports import Listing


class Surroundings(NamedTuple):
    """`whole` is the catalog before anything was withheld, `catalog` what is offered; `agents` are the globs of
    their tools, by name."""

    settings: Settings
    home: Path
    listings: tuple[Listing, ...]
    whole: Catalog
    catalog: Catalog
    lock: ToolsLock
    lock_file: LockFile
    origins: Origins
    agents: Mapping[str, tuple[str, ...]]


def surroundings_of(gateway: Gateway) -> Surroundings:
    upkeep = gateway.upkeep
    return Surroundings(
        gateway.settings,
        gateway.home,
        gateway.backends.listings(),
        upkeep.whole,
        gateway.dispatch.catalog,
        upkeep.lock,
        upkeep.lock_file,
        upkeep.origins,
        {name: one.tools for name, one in gateway.reload.agents.items()},
    )


def surroundings_with(listings: Sequence[Listing], settings: Settings, home: Path) -> Surroundings:
    """The same for these backends, with what the files say now. Raises ConfigurationError."""
    agents, lock_file = load_agents(settings.agents), LockFile(lock_path(settings.lock_file, home))
    lock, places = ToolsLock() if settings.lock == "off" else lock_file.load(), origins(settings)
    offered = agent_tools.listing(tuple(one.shown for one in agents))
    whole = build_catalog(
        (*listings, people.LISTING, offered),
        {**settings.facts, **built_in.FACTS},
        settings.trusted_annotations,
    )
    if settings.lock == "first-use":  # as the gateway has done, also where it could not write that down
        lock = pin_unpinned(whole, lock, places)
    catalog = withhold(whole, lock, places, settings.lock)
    return Surroundings(
        settings,
        home,
        tuple(listings),
        whole,
        catalog,
        lock,
        lock_file,
        places,
        {one.name: one.tools for one in agents},
    )
