"""The catalog: an immutable snapshot of every tool that can be called, replaced whole.

What a backend says is not believed further than it must be: a tool that cannot be offered safely is left out
and reported in `Catalog.problems`, and never takes another one with it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256

import msgspec

from gateway.core.digests import canonical, digest
from gateway.core.globs import Globs
from gateway.core.ports import Listing
from toolward.errors import ConfigurationError
from toolward.names import BACKEND_NAME, TOOL_NAME, alias, qualify, split
from toolward.schema import Schema
from toolward.types import JsonObject, Tool

MAX_TOOLS = 1_000
"""Tools of one backend; what it lists beyond them is left out."""

MAX_TOOL_BYTES = 256 * 1024
"""One tool's description, schemas and annotations together, as JSON."""


class ToolFacts(msgspec.Struct, frozen=True):
    """What is known of a tool's effects. The defaults are what unknown means: it changes things, a repeat
    changes them again, and it keeps no idempotency keys."""

    changes: bool = True
    idempotent: bool = False
    keeps_keys: bool = False


UNKNOWN = ToolFacts()


class CatalogTool(msgspec.Struct, frozen=True):
    """One tool that can be called. `tool` is what callers are offered, under its qualified name. `digest` is of all
    that its server says of it: what approvals are bound to."""

    name: str
    backend: str
    alias: str
    tool: Tool
    facts: ToolFacts
    input_schema: Schema
    output_schema: Schema | None = None
    digest: str = ""

    @property
    def own_name(self) -> str:
        """What its backend calls it."""
        return split(self.name)[1]


class CatalogBackend(msgspec.Struct, frozen=True):
    """One backend as discovery knows it; with a problem it has no tools."""

    name: str
    transport: str
    address: str
    problem: str = ""
    tools: tuple[CatalogTool, ...] = ()

    @property
    def complaint(self) -> str:
        """`crm is not running: connection refused`."""
        return f"{self.name} is not running: {self.problem.rstrip('.')}"


class Catalog(msgspec.Struct, frozen=True):
    """Backends and tools in a fixed order: backends as configured, their tools by name."""

    backends: Mapping[str, CatalogBackend]
    tools: tuple[CatalogTool, ...]
    problems: tuple[str, ...]
    digest: str
    _names: Mapping[str, CatalogTool]  # qualified names and aliases
    _positions: Mapping[str, int]

    def find(self, name: str) -> CatalogTool | None:
        """By qualified name or by alias."""
        return self._names.get(name)

    def position(self, name: str) -> int | None:
        """Where the tool of this qualified name stands in `tools`."""
        return self._positions.get(name)

    def backend_of(self, name: str) -> CatalogBackend | None:
        """The backend that a qualified name or an alias speaks of, whether or not it has such a tool."""
        backend = name.partition(".")[0] if "." in name else name.partition("__")[0]
        return self.backends.get(backend)


def build_catalog(
    listings: Iterable[Listing],
    facts: Mapping[str, ToolFacts] | None = None,
    trust_annotations: Collection[str] = (),
) -> Catalog:
    """A catalog of what discovery found.

    `facts` are the operator's, by qualified name or glob: an exact name goes before a glob, a longer glob
    before a shorter one. The hints in a tool's annotations count only for the backends in
    `trust_annotations`, and only where the operator says nothing. Raises nothing.
    """
    problems: list[str] = []
    lookup = _facts_lookup(facts or {})
    backends: dict[str, CatalogBackend] = {}
    for listing in listings:
        if flaw := _flaw_of_backend(listing, backends):
            problems.append(flaw)
            continue
        trusted = listing.backend in trust_annotations
        tools = () if listing.problem else _tools_of(listing, lookup, trusted, problems)
        backends[listing.backend] = CatalogBackend(
            listing.backend, listing.transport, listing.address, listing.problem, tools
        )
        if listing.problem:
            problems.append(f"The backend {backends[listing.backend].complaint}.")
    return _assemble(backends, problems)


def _assemble(backends: dict[str, CatalogBackend], problems: list[str]) -> Catalog:
    tools = tuple(tool for backend in backends.values() for tool in backend.tools)
    content = [[tool.name, tool.tool, tool.facts] for tool in tools]
    return Catalog(
        backends=backends,
        tools=tools,
        problems=tuple(problems),
        digest=digest(content),
        _names={tool.name: tool for tool in tools} | {tool.alias: tool for tool in tools},
        _positions={tool.name: position for position, tool in enumerate(tools)},
    )


def _flaw_of_backend(listing: Listing, known: Mapping[str, CatalogBackend]) -> str:
    if not BACKEND_NAME.fullmatch(listing.backend):
        return f"The backend {listing.backend[:64]!r} is left out: its name must be like 'crm' or 'crm-2'."
    if listing.backend in known:
        return f"There are two backends named {listing.backend}; the second is left out."
    return ""


def _tools_of(
    listing: Listing, facts: Callable[[str], ToolFacts | None], trusted: bool, problems: list[str]
) -> tuple[CatalogTool, ...]:
    taken: dict[str, CatalogTool] = {}  # by alias
    ordered = sorted(listing.tools, key=lambda tool: tool.name)
    for tool in ordered[:MAX_TOOLS]:
        try:
            entry = _entry(listing.backend, tool, facts, trusted)
            if (other := taken.setdefault(entry.alias, entry)) is not entry:
                raise ConfigurationError(f"it has the same name or alias as {other.name}")
        except ConfigurationError as error:
            name = qualify(listing.backend, tool.name[:128])
            problems.append(f"The tool {name} is left out: {error.message.rstrip('.')}.")
    if len(ordered) > MAX_TOOLS:
        problems.append(
            f"The backend {listing.backend} lists {len(ordered):,} tools; those after the first {MAX_TOOLS:,}"
            " are left out."
        )
    return tuple(taken.values())


def _entry(backend: str, tool: Tool, facts: Callable[[str], ToolFacts | None], trusted: bool) -> CatalogTool:
    """Raises ConfigurationError with the reason to leave the tool out."""
    if not TOOL_NAME.fullmatch(tool.name):
        raise ConfigurationError("its name is not 1 to 128 characters of A-Z a-z 0-9 _ . -")
    name = qualify(backend, tool.name)
    input_schema = Schema(tool.input_schema, "input schema")
    if tool.input_schema.get("type") != "object":
        raise ConfigurationError("its input schema does not say that arguments are an object")
    output_schema = None if tool.output_schema is None else Schema(tool.output_schema, "output schema")
    said = canonical(tool)  # after the schemas: their depth is bounded now
    if len(said) > MAX_TOOL_BYTES:
        raise ConfigurationError(
            f"its description has {len(said):,} bytes; at most {MAX_TOOL_BYTES:,} are taken"
        )
    return CatalogTool(
        name=name,
        backend=backend,
        alias=alias(name),
        tool=msgspec.structs.replace(tool, name=name),
        facts=facts(name) or _hinted(tool.annotations if trusted else None),
        input_schema=input_schema,
        output_schema=output_schema,
        digest=sha256(said).hexdigest(),
    )


def _hinted(annotations: JsonObject | None) -> ToolFacts:
    """Facts out of annotations that the operator trusts. Nothing there says that a tool keeps keys."""
    if not annotations:
        return UNKNOWN
    reads = annotations.get("readOnlyHint") is True
    return ToolFacts(changes=not reads, idempotent=reads or annotations.get("idempotentHint") is True)


def _facts_lookup(facts: Mapping[str, ToolFacts]) -> Callable[[str], ToolFacts | None]:
    by_length = sorted((pattern for pattern in facts if "*" in pattern), key=len, reverse=True)
    wild = [(Globs([pattern]), facts[pattern]) for pattern in by_length]

    def lookup(name: str) -> ToolFacts | None:
        if (known := facts.get(name)) is not None:
            return known
        return next((known for pattern, known in wild if pattern.matches(name)), None)

    return lookup
