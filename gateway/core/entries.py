"""One tool as the catalog has it: its names, its facts, its schemas compiled, and why another is left out."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from math import isfinite
from typing import Any, cast

import msgspec

from gateway.core.digests import canonical
from gateway.core.globs import Globs
from toolward.errors import ConfigurationError
from toolward.json_bounds import MAX_DEPTH
from toolward.names import TOOL_NAME, alias, qualify, split
from toolward.schema import Schema
from toolward.types import JsonObject, Tool

MAX_TOOL_BYTES = 256 * 1024
"""One tool's description, schemas and annotations together, as JSON."""

MAX_NODES = 50_000
"""Values, nested ones too, in one tool's schemas and annotations."""


MAX_HOPS = 8
"""Gateways that a call may have passed when it comes to one."""


class ToolFacts(msgspec.Struct, frozen=True):
    """What is known of a tool's effects. The defaults are what unknown means: it changes things, a repeat
    changes them again, and it keeps no idempotency keys."""

    changes: bool = True
    idempotent: bool = False
    keeps_keys: bool = False


UNKNOWN = ToolFacts()


class CatalogTool(msgspec.Struct, frozen=True):
    """One tool that can be called. `tool` is what callers are offered, under its qualified name. `digest` is of all
    that its server says of it: what approvals and `tools.lock` are bound to."""

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

    @property
    def said(self) -> Tool:
        """What its backend says of it, under its own name."""
        return msgspec.structs.replace(self.tool, name=self.own_name)


def text_of(tool: Tool) -> bytes:
    """All that a server says of a tool, as canonical JSON. Raises ConfigurationError where the tool has no sound
    name, or is too large or too deep to be looked at."""
    if not TOOL_NAME.fullmatch(tool.name):
        raise ConfigurationError("its name is not 1 to 128 characters of A-Z a-z 0-9 _ . -")
    if (gateways := tool.name.count(".")) > MAX_HOPS:  # each of them has put a name before it
        raise ConfigurationError(
            f"a call would pass {gateways} gateways, and at most {MAX_HOPS} are passed; look for gateways that are"
            " each other's backends"
        )
    for what, value in (
        ("input schema", tool.input_schema),
        ("output schema", tool.output_schema),
        ("list of annotations", tool.annotations),
    ):
        check_shape(value, what)
    try:
        said = canonical(tool)
    except (TypeError, ValueError, UnicodeError) as error:  # a lone surrogate, a key that is no text
        raise ConfigurationError(f"it cannot be written as JSON: {error}") from None
    if len(said) > MAX_TOOL_BYTES:
        raise ConfigurationError(
            f"its description has {len(said):,} bytes; at most {MAX_TOOL_BYTES:,} are taken"
        )
    return said


def make_entry(
    backend: str,
    tool: Tool,
    said: bytes,
    facts: Callable[[str], ToolFacts | None],
    known: Mapping[str, CatalogTool],
    *,
    trusted: bool,
) -> CatalogTool:
    """The entry of a tool of which `said` is the canonical text; `known` are entries of the same backend by digest,
    whose compiled schemas are used again. Raises ConfigurationError with the reason to leave the tool out."""
    name, digest = qualify(backend, tool.name), sha256(said).hexdigest()
    believed = facts(name) or hinted(tool.annotations if trusted else None)
    if (old := known.get(digest)) is not None:
        return old if old.facts == believed else msgspec.structs.replace(old, facts=believed)
    input_schema = Schema(tool.input_schema, "input schema")
    if tool.input_schema.get("type") != "object":
        raise ConfigurationError("its input schema does not say that arguments are an object")
    output_schema = None if tool.output_schema is None else Schema(tool.output_schema, "output schema")
    return CatalogTool(
        name=name,
        backend=backend,
        alias=alias(name),
        tool=msgspec.structs.replace(tool, name=name),
        facts=believed,
        input_schema=input_schema,
        output_schema=output_schema,
        digest=digest,
    )


def hinted(annotations: JsonObject | None) -> ToolFacts:
    """Facts out of annotations that the operator trusts. Nothing there says that a tool keeps keys."""
    if not annotations:
        return UNKNOWN
    reads = annotations.get("readOnlyHint") is True
    return ToolFacts(changes=not reads, idempotent=reads or annotations.get("idempotentHint") is True)


def facts_lookup(facts: Mapping[str, ToolFacts]) -> Callable[[str], ToolFacts | None]:
    """What the operator says of a tool: an exact name goes before a glob, a longer glob before a shorter one."""
    by_length = sorted((pattern for pattern in facts if "*" in pattern), key=len, reverse=True)
    wild = [(Globs([pattern]), facts[pattern]) for pattern in by_length]

    def lookup(name: str) -> ToolFacts | None:
        if (known := facts.get(name)) is not None:
            return known
        return next((known for pattern, known in wild if pattern.matches(name)), None)

    return lookup


def check_shape(value: Any, what: str) -> None:
    """Level by level, so that nothing recurses into what may be 100,000 deep, and no further than the bound."""
    level: list[Any] = [value]
    nodes = 0
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below += cast(JsonObject, node).values()
            elif isinstance(node, list):
                below += cast(list[Any], node)
            elif isinstance(node, float) and not isfinite(node):
                raise ConfigurationError(f"its {what} has a number that is none in JSON")
        nodes += len(below)
        if nodes > MAX_NODES:
            raise ConfigurationError(f"its {what} has more than {MAX_NODES:,} values")
        if not below:
            return
        level = below
    raise ConfigurationError(f"its {what} is nested more than {MAX_DEPTH} levels deep")
