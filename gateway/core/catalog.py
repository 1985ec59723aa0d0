"""The catalog: an immutable snapshot of every tool that can be called, replaced whole.

What a backend says is not believed further than it must be: a tool that cannot be offered safely is left out
and reported in `Catalog.problems`, and never takes another one with it. A new catalog costs what changed since the
one before: entries of tools that say what they said are used again, compiled schemas and all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from gateway.core.digests import digest
from gateway.core.entries import (
    MAX_TOOL_BYTES,
    UNKNOWN,
    CatalogTool,
    ToolFacts,
    facts_lookup,
    make_entry,
    text_of,
)
from gateway.core.ports import Listing
from gateway.core.steps import Steps, at_once
from gateway.core.surface import NOTHING, BackendSurface, Surface, surface_steps
from toolward.errors import ConfigurationError
from toolward.names import BACKEND_NAME, qualify
from toolward.types import Tool

__all__ = [
    "MAX_TOOL_BYTES",
    "UNKNOWN",
    "Catalog",
    "CatalogBackend",
    "CatalogTool",
    "ToolFacts",
    "Withheld",
    "backend_with",
    "build_catalog",
    "catalog_steps",
]

MAX_TOOLS = 1_000
"""Tools of one backend; what it lists beyond them is left out."""

MAX_LISTING_BYTES = 8 * 1024 * 1024
"""All that one backend says of its tools, as JSON; what it lists beyond that is left out."""

MAX_PROBLEMS = 20
"""Of one backend that are told one by one."""


class CatalogBackend(msgspec.Struct, frozen=True):
    """One backend as discovery knows it; with a problem it has no tools."""

    name: str
    transport: str
    address: str
    problem: str = ""
    tools: tuple[CatalogTool, ...] = ()
    problems: tuple[str, ...] = ()
    digest: str = ""  # of its tools and what is known of them
    listing: Listing | None = None  # what this was made from
    remembered: Mapping[str, CatalogTool] = {}  # by digest; kept while the backend is away
    surface: BackendSurface = NOTHING  # beside its tools

    @property
    def is_ours(self) -> bool:
        """Whether the gateway itself is behind these tools (`gateway.core.people`), and no server."""
        return self.transport == "built-in"

    @property
    def complaint(self) -> str:
        """`crm is not running: connection refused`."""
        return f"{self.name} is not running: {self.problem.rstrip('.')}"


class Withheld(NamedTuple):
    """A tool that is there and not offered, and why: words that go on from "crm.refund is withheld: "."""

    tool: CatalogTool
    reason: str


class Grounds(NamedTuple):
    """What the operator says of tools, on which a catalog stands."""

    facts: Mapping[str, ToolFacts]
    trusted: frozenset[str]


class Catalog(msgspec.Struct, frozen=True):
    """Backends and tools in a fixed order: backends as configured, their tools by name. `withheld` are the tools
    that wait for the operator's review (`gateway.core.lock`), by qualified name."""

    backends: Mapping[str, CatalogBackend]
    tools: tuple[CatalogTool, ...]
    problems: tuple[str, ...]
    digest: str
    _names: Mapping[str, CatalogTool]  # qualified names and aliases
    _positions: Mapping[str, int]
    grounds: Grounds
    withheld: Mapping[str, Withheld] = {}
    surface: Surface = Surface({})

    def find(self, name: str) -> CatalogTool | None:
        """By qualified name or by alias."""
        return self._names.get(name)

    def find_withheld(self, name: str) -> Withheld | None:
        """By qualified name or by alias, a tool that is there and not offered."""
        if (found := self.withheld.get(name)) is not None:
            return found
        return next((one for one in self.withheld.values() if one.tool.alias == name), None)

    def position(self, name: str) -> int | None:
        """Where the tool of this qualified name stands in `tools`."""
        return self._positions.get(name)

    def backend_of(self, name: str) -> CatalogBackend | None:
        """The backend that a qualified name or an alias speaks of, whether or not it has such a tool."""
        backend = name.partition(".")[0] if "." in name else name.partition("__")[0]
        return self.backends.get(backend)

    def remembers(self, tool: CatalogTool) -> bool:
        """Whether this very entry is known of its backend, offered or not."""
        backend = self.backends.get(tool.backend)
        return backend is not None and backend.remembered.get(tool.digest) is tool

    def offering(
        self,
        backends: Mapping[str, CatalogBackend],
        withheld: Mapping[str, Withheld],
        problems: Iterable[str],
    ) -> "Catalog":
        """The same catalog with some tools taken out of `backends`, and more problems."""
        return _assemble(backends, (*self.problems, *problems), self.grounds, withheld)


def build_catalog(
    listings: Iterable[Listing],
    facts: Mapping[str, ToolFacts] | None = None,
    trust_annotations: Collection[str] = (),
    before: Catalog | None = None,
) -> Catalog:
    """A catalog of what discovery found.

    `facts` are the operator's, by qualified name or glob: an exact name goes before a glob, a longer glob
    before a shorter one. The hints in a tool's annotations count only for the backends in
    `trust_annotations`, and only where the operator says nothing. `before` is an earlier catalog; what did not
    change is taken from it. Raises nothing.
    """
    return at_once(catalog_steps(listings, facts, trust_annotations, before))


def catalog_steps(
    listings: Iterable[Listing],
    facts: Mapping[str, ToolFacts] | None = None,
    trust_annotations: Collection[str] = (),
    before: Catalog | None = None,
) -> Steps[Catalog]:
    """`build_catalog`, a step for each tool that is new."""
    known = Grounds(facts or {}, frozenset(trust_annotations))
    lookup = facts_lookup(known.facts)
    same_facts = before is not None and before.grounds == known
    problems: list[str] = []
    backends: dict[str, CatalogBackend] = {}
    for listing in listings:
        if flaw := _flaw_of_backend(listing, backends):
            problems.append(flaw)
            continue
        backend = before.backends.get(listing.backend) if before else None
        if backend is None or backend.listing is not listing or not same_facts:
            remembered = backend.remembered if backend else dict[str, CatalogTool]()
            trusted = listing.backend in known.trusted
            backend = yield from _backend_steps(listing, lookup, remembered, trusted=trusted)
        backends[listing.backend] = backend
        problems += backend.problems
    return _assemble(backends, tuple(problems), known, {})


def backend_with(backend: CatalogBackend, tools: tuple[CatalogTool, ...]) -> CatalogBackend:
    """The same backend, offering these tools."""
    content = [[tool.name, tool.digest, tool.facts] for tool in tools]
    return msgspec.structs.replace(backend, tools=tools, digest=digest(content) if tools else "")


def _assemble(
    backends: Mapping[str, CatalogBackend],
    problems: tuple[str, ...],
    known: Grounds,
    withheld: Mapping[str, Withheld],
) -> Catalog:
    tools = tuple(tool for backend in backends.values() for tool in backend.tools)
    return Catalog(
        backends=backends,
        tools=tools,
        problems=problems,
        digest=digest([backend.digest for backend in backends.values() if backend.digest]),
        _names={tool.name: tool for tool in tools} | {tool.alias: tool for tool in tools},
        _positions={tool.name: position for position, tool in enumerate(tools)},
        grounds=known,
        withheld=withheld,
        surface=Surface(
            {backend.name: backend.surface for backend in backends.values() if not backend.is_ours}
        ),
    )


def _flaw_of_backend(listing: Listing, known: Mapping[str, CatalogBackend]) -> str:
    if not BACKEND_NAME.fullmatch(listing.backend):
        return f"The backend {listing.backend[:64]!r} is left out: its name must be like 'crm' or 'crm-2'."
    if listing.backend in known:
        return f"There are two backends named {listing.backend}; the second is left out."
    return ""


def _backend_steps(
    listing: Listing,
    facts: Callable[[str], ToolFacts | None],
    remembered: Mapping[str, CatalogTool],
    *,
    trusted: bool,
) -> Steps[CatalogBackend]:
    backend = CatalogBackend(
        listing.backend,
        listing.transport,
        listing.address,
        listing.problem,
        listing=listing,
        remembered=remembered,
    )
    if listing.problem:
        return msgspec.structs.replace(backend, problems=(f"The backend {backend.complaint}.",))
    reading = _Reading(listing, facts, remembered, trusted=trusted)
    for tool in sorted(listing.tools, key=lambda tool: tool.name)[:MAX_TOOLS]:
        if reading.take(tool):
            yield
    tools = tuple(reading.taken.values())
    surface = yield from surface_steps(listing)
    found = msgspec.structs.replace(
        backend,
        problems=(*reading.told(), *surface.problems),
        remembered={tool.digest: tool for tool in tools},
        surface=surface,
    )
    return backend_with(found, tools)


class _Reading:
    """One listing, tool by tool."""

    def __init__(
        self,
        listing: Listing,
        facts: Callable[[str], ToolFacts | None],
        remembered: Mapping[str, CatalogTool],
        *,
        trusted: bool,
    ) -> None:
        self._listing = listing
        self._facts = facts
        self._remembered = remembered
        self._trusted = trusted
        self._room = MAX_LISTING_BYTES
        self._problems: list[str] = []
        self.taken: dict[str, CatalogTool] = {}  # by alias

    def take(self, tool: Tool) -> bool:
        """Whether that was work: its schemas were compiled, or it was refused."""
        backend = self._listing.backend
        try:
            said = text_of(tool)
            self._room -= len(said)
            if self._room < 0:
                raise ConfigurationError(
                    f"with it, what {backend} lists has more than {MAX_LISTING_BYTES:,} bytes"
                )
            entry = make_entry(backend, tool, said, self._facts, self._remembered, trusted=self._trusted)
            if (other := self.taken.get(entry.alias)) is not None:
                raise ConfigurationError(f"it has the same name or alias as {other.name}")
            self.taken[entry.alias] = entry
        except ConfigurationError as error:
            name = qualify(backend, tool.name[:128])
            self._problems.append(f"The tool {name} is left out: {error.message.rstrip('.')}.")
            return True
        return entry.digest not in self._remembered

    def told(self) -> tuple[str, ...]:
        """The problems, of many the first ones and how many there are beside."""
        backend, found = self._listing.backend, self._problems[:MAX_PROBLEMS]
        if more := len(self._problems) - len(found):
            found.append(f"Of the backend {backend} {more:,} more tools are left out for reasons like these.")
        if (listed := len(self._listing.tools)) > MAX_TOOLS:
            found.append(
                f"The backend {backend} lists {listed:,} tools; those after the first {MAX_TOOLS:,} are left out."
            )
        return tuple(found)
