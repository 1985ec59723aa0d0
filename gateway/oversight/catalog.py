"""The catalog as people see it: how backends are, what a tool is known to do, what policy says of a call before it
is made."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from gateway.core.binding import Decision
from gateway.core.catalog import CatalogBackend, CatalogTool
from gateway.core.ports import Listing
from gateway.core.snapshot import Snapshot
from toolward.errors import Denied, NotFound
from toolward.types import CallContext, Principal, RunScope, ToolCall


class Deciding(Protocol):
    """What is asked of dispatch."""

    @property
    def in_force(self) -> Snapshot: ...

    def visible(self, principal: Principal, run: RunScope | None = None) -> Iterator[CatalogTool]: ...

    def decide_call(self, principal: Principal, call: ToolCall, context: CallContext) -> Decision: ...

    def authorize(
        self, principal: Principal, operation: str, resource: Mapping[str, str]
    ) -> Denied | None: ...


class Listings(Protocol):
    """Who knows how backends are now."""

    def listings(self) -> tuple[Listing, ...]: ...


class Withholding(NamedTuple):
    """A tool that is there and waits for a review, and why."""

    tool: str
    reason: str


class BackendHealth(NamedTuple):
    """One backend now. `problem` says why it has no tools, `warning` what else people should know; `problems` are
    of single tools."""

    name: str
    transport: str
    address: str
    problem: str
    warning: str
    tools: int
    problems: tuple[str, ...]
    withheld: tuple[Withholding, ...]

    @property
    def state(self) -> str:
        """`down`, `warning` or `ok`."""
        if self.problem:
            return "down"
        return "warning" if self.warning or self.problems or self.withheld else "ok"


class Health:
    """Backends and tools, for who may read of them."""

    def __init__(self, dispatch: Deciding, backends: Listings) -> None:
        self._dispatch, self._backends = dispatch, backends

    def of_backends(self, principal: Principal) -> tuple[BackendHealth, ...]:
        """In the order of the configuration; of those that policy lets the caller read."""
        catalog = self._dispatch.in_force.catalog
        now = {one.backend: one for one in self._backends.listings()}
        return tuple(
            _health(backend, now.get(backend.name), self._withheld(backend.name))
            for backend in catalog.backends.values()
            if not backend.is_ours
            and self._dispatch.authorize(principal, "backend.read", {"backend": backend.name}) is None
        )

    def listings(self, principal: Principal) -> tuple[Listing, ...]:
        """What every backend says of itself, also what is withheld: for who may read each. Raises Denied."""
        found = self._backends.listings()
        for backend in ("*", *(one.backend for one in found)):
            if denied := self._dispatch.authorize(principal, "backend.read", {"backend": backend}):
                raise denied
        return found

    def tools(self, principal: Principal) -> tuple[CatalogTool, ...]:
        """Those of which the caller may make, or ask for, some call."""
        return tuple(self._dispatch.visible(principal))

    def tool(self, principal: Principal, name: str) -> CatalogTool:
        """Raises NotFound, also for one that the caller may not know of."""
        found = self._dispatch.in_force.catalog.find(name)
        if found is None or not self._dispatch.in_force.listable(principal, found, None):
            raise NotFound(f"There is no tool named {name[:128]!r}.", hint="The page Tools has all of them.")
        return found

    def decide(self, principal: Principal, call: ToolCall) -> Decision:
        """What policy says of a call, without making it. Raises as a call does before it is decided."""
        return self._dispatch.decide_call(principal, call, CallContext())

    def _withheld(self, backend: str) -> tuple[Withholding, ...]:
        held = self._dispatch.in_force.catalog.withheld
        return tuple(
            Withholding(name, one.reason) for name, one in held.items() if one.tool.backend == backend
        )


def _health(backend: CatalogBackend, now: Listing | None, withheld: tuple[Withholding, ...]) -> BackendHealth:
    problem = now.problem if now is not None else backend.problem
    return BackendHealth(
        backend.name,
        backend.transport,
        backend.address,
        problem,
        now.warning if now is not None else "",
        len(backend.tools),
        backend.problems,
        withheld,
    )
