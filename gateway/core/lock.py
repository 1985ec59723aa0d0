"""`tools.lock`: what every tool was when the operator last accepted it, and what is withheld because it differs.

A server may say anything of its tools at any time, and a model believes it: a description that was harmless when
somebody read it can carry instructions tomorrow. So what was read is pinned, and what differs is offered to nobody
until the operator has seen the difference. Decided here, without files: `gateway.config.lockfile` reads and writes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from gateway.core.catalog import Catalog, CatalogBackend, CatalogTool, Withheld, backend_with
from gateway.core.digests import canonical, digest
from gateway.core.surface import NOTHING
from toolward.names import qualify
from toolward.types import JsonObject, Tool

LockMode = Literal["first-use", "require", "off"]
"""What is done with a backend that is not pinned yet: pin it as it is first seen, withhold all its tools until the
operator accepts, or nothing, for this backend and every other."""

MAX_TOLD = 20
"""Withheld tools of one backend that are told one by one."""

_UNPINNED = "{} is not pinned yet, and the configuration says `lock: require`"
_SEE = "See what differs: toolward tool review"
_PARTS = ("title", "description", "input_schema", "output_schema", "annotations")


class Pin(msgspec.Struct, frozen=True):
    """One tool as it was accepted, under its own name."""

    digest: str
    tool: Tool


class BackendPins(msgspec.Struct, frozen=True):
    """One backend as it was accepted. `origin` is how it is started or reached, as the operator wrote it."""

    origin: JsonObject
    tools: Mapping[str, Pin] = {}  # by own name

    @property
    def digests(self) -> set[str]:
        return {pin.digest for pin in self.tools.values()}


class ToolsLock(msgspec.Struct, frozen=True):
    backends: Mapping[str, BackendPins] = {}


Origins = Mapping[str, JsonObject]
"""How each backend is started or reached now, by its name."""


class Change(msgspec.Struct, frozen=True):
    """One difference between what is pinned and what is there. For `moved`, of the whole backend, `tool` is empty
    and the origins say what (before: none for a backend that is not pinned yet); otherwise the tools do. `removed`
    withholds nothing: the tool is not there."""

    kind: Literal["changed", "added", "removed", "moved"]
    backend: str
    tool: str = ""  # its own name
    before: Tool | JsonObject | None = None
    after: Tool | JsonObject | None = None

    @property
    def name(self) -> str:
        """What it is a change of: `crm.refund_payment`, or `crm`."""
        return qualify(self.backend, self.tool) if self.tool else self.backend


def withhold(catalog: Catalog, lock: ToolsLock, origins: Origins, mode: LockMode) -> Catalog:
    """The catalog without the tools that differ from their pins, without resources and prompts of a backend that
    is not the one that was accepted, and with what to tell the operator among its problems; `catalog` itself where
    nothing differs. Never raises."""
    if mode == "off":
        return catalog
    held: dict[str, Withheld] = {}
    told: list[str] = []
    backends = dict(catalog.backends)
    for name, backend in catalog.backends.items():
        if backend.is_ours:
            continue
        pins = lock.backends.get(name)
        if pins is not None and _is_as_pinned(backend, pins, origins.get(name, {})):
            continue
        reason = _reason_for_all(backend, pins, origins.get(name, {}), mode)
        if backend.surface and reason:
            told.append(f"The resources and prompts of {name} are withheld: {reason}. {_SEE} {name}")
            backends[name] = msgspec.structs.replace(backend, surface=NOTHING)
        if not backend.tools:
            continue
        of_this = _held(backend, pins, origins.get(name, {}))
        told += _told(name, of_this, [] if pins is None else _removed(backend, pins))
        if of_this:
            kept = tuple(tool for tool in backend.tools if tool.name not in of_this)
            backends[name] = backend_with(backends[name], kept)
            held |= of_this
    return catalog.offering(backends, held, told) if told else catalog


def pin_unpinned(catalog: Catalog, lock: ToolsLock, origins: Origins) -> ToolsLock:
    """`lock` with every backend that answers and is not in it yet, as it is now; `lock` itself where there is none.
    One that lists nothing is left until it does: its first tools are not an addition."""
    new = {
        name: _pins(backend, origins.get(name, {}))
        for name, backend in catalog.backends.items()
        if _lists(backend) and not backend.is_ours and name not in lock.backends
    }
    return ToolsLock({**lock.backends, **new}) if new else lock


def changes(catalog: Catalog, lock: ToolsLock, origins: Origins) -> tuple[Change, ...]:
    """All that differs, in the order of the catalog. `catalog` is one from which nothing was withheld. Tools of a
    backend that does not answer are not compared."""
    found: list[Change] = []
    for name, backend in catalog.backends.items():
        if backend.is_ours:
            continue
        pins, origin = lock.backends.get(name), origins.get(name, {})
        if pins is None and _lists(backend):
            found.append(Change("moved", name, after=origin))
        elif pins is not None and canonical(pins.origin) != canonical(origin):
            found.append(Change("moved", name, before=pins.origin, after=origin))
        if not backend.tools:
            continue
        pinned = pins.tools if pins else dict[str, Pin]()
        for tool in backend.tools:
            pin = pinned.get(tool.own_name)
            if pin is None:
                found.append(Change("added", name, tool.own_name, after=tool.said))
            elif pin.digest != tool.digest:
                found.append(Change("changed", name, tool.own_name, pin.tool, tool.said))
        if pins is not None:
            found += [Change("removed", name, own, pins.tools[own].tool) for own in _removed(backend, pins)]
    return tuple(found)


def accept(lock: ToolsLock, accepted: Iterable[Change], origins: Origins) -> ToolsLock:
    """`lock` with what these changes say. A backend that was not pinned is, with the tools that were accepted."""
    backends = dict(lock.backends)
    for change in accepted:
        pins = backends.get(change.backend) or BackendPins(origins.get(change.backend, {}))
        tools = dict(pins.tools)
        if change.kind == "moved":
            pins = msgspec.structs.replace(pins, origin=origins.get(change.backend, {}))
        elif isinstance(change.after, Tool):
            tools[change.tool] = Pin(tool_digest(change.after), change.after)
        else:
            tools.pop(change.tool, None)
        backends[change.backend] = msgspec.structs.replace(pins, tools=tools)
    return ToolsLock(backends)


def changes_digest(shown: Iterable[Change]) -> str:
    """One text for exactly these changes: who accepts by it accepts nothing that came later."""
    return digest(list(shown))


def tool_digest(tool: Tool) -> str:
    """That of all that a server says of a tool, as in `CatalogTool.digest`."""
    return digest(tool)


def differing(before: Tool, after: Tool) -> tuple[str, ...]:
    """The parts of a tool that are not the same: `description`, `input schema`, …"""
    return tuple(
        part.replace("_", " ")
        for part in _PARTS
        if canonical(getattr(before, part)) != canonical(getattr(after, part))
    )


def _pins(backend: CatalogBackend, origin: JsonObject) -> BackendPins:
    return BackendPins(origin, {tool.own_name: Pin(tool.digest, tool.said) for tool in backend.tools})


def _is_as_pinned(backend: CatalogBackend, pins: BackendPins, origin: JsonObject) -> bool:
    """The common case, at the speed of comparing two sets: a digest is of the name too."""
    return {tool.digest for tool in backend.tools} == pins.digests and canonical(pins.origin) == canonical(
        origin
    )


def _lists(backend: CatalogBackend) -> bool:
    return bool(backend.tools or backend.surface)


def _reason_for_all(
    backend: CatalogBackend, pins: BackendPins | None, origin: JsonObject, mode: LockMode
) -> str:
    """Why nothing of a backend is offered, not even what is not pinned; empty where that is not so."""
    if pins is None:
        return _UNPINNED.format(backend.name) if mode == "require" else ""
    if canonical(pins.origin) != canonical(origin):
        return f"{backend.name} is started or reached in another way than when it was pinned"
    return ""


def _held(backend: CatalogBackend, pins: BackendPins | None, origin: JsonObject) -> dict[str, Withheld]:
    moved = pins is not None and canonical(pins.origin) != canonical(origin)
    if moved:
        said = f"{backend.name} is started or reached in another way than when it was pinned"
        return {tool.name: Withheld(tool, said) for tool in backend.tools}
    found: dict[str, Withheld] = {}
    for tool in backend.tools:
        if reason := _reason(tool, pins):
            found[tool.name] = Withheld(tool, reason)
    return found


def _reason(tool: CatalogTool, pins: BackendPins | None) -> str:
    if pins is None:
        return _UNPINNED.format(tool.backend)
    pin = pins.tools.get(tool.own_name)
    if pin is None:
        return f"it is new since {tool.backend} was pinned"
    if pin.digest == tool.digest:
        return ""
    parts = differing(pin.tool, tool.said)
    return (
        f"its {' and '.join(parts)} changed since it was pinned"
        if parts
        else "it changed since it was pinned"
    )


def _removed(backend: CatalogBackend, pins: BackendPins) -> list[str]:
    there = {tool.own_name for tool in backend.tools}
    return [own for own in pins.tools if own not in there]


def _told(backend: str, held: Mapping[str, Withheld], removed: list[str]) -> Iterator[str]:
    for name, one in list(held.items())[:MAX_TOLD]:
        yield f"{name} is withheld: {one.reason}. {_SEE} {name}"
    if (more := len(held) - MAX_TOLD) > 0:
        yield f"{more:,} more tools of {backend} are withheld. {_SEE} {backend}"
    if removed:
        names = ", ".join(removed[:MAX_TOLD]) + (", …" if len(removed) > MAX_TOLD else "")
        yield f"{backend} does not list what is pinned of it any more: {names}. See toolward tool review {backend}"
