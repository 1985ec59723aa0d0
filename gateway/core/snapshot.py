"""What is in force: a catalog, the policy bound to it, and what each caller may see of the one by the other."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import Any

from gateway.core.catalog import Catalog, CatalogTool
from gateway.core.policy import BoundPolicy
from toolward.types import Principal, RunScope, ToolPage

_CALLERS = 256
"""Of whom it is remembered what they may see; the one who came first goes first."""


class Snapshot:
    """One is used for the whole of a call. What callers may see is asked of the policy once and remembered here, so
    that it goes with the catalog and the policy that it followed from."""

    __slots__ = ("_listable", "_pages", "_same", "_seen", "catalog", "policy")

    def __init__(self, catalog: Catalog, policy: BoundPolicy) -> None:
        self.catalog = catalog
        self.policy = policy
        self._seen: dict[tuple[Principal, RunScope | None], _Seen] = {}
        self._listable: dict[Principal, dict[str, bool]] = {}
        self._pages: dict[tuple[Principal, int], ToolPage] = {}
        self._same: dict[tuple[int, ...], ToolPage] = {}

    def listable(self, principal: Principal, tool: CatalogTool, run: RunScope | None) -> bool:
        """Whether some call of the tool could be allowed or asked for."""
        if run is not None:  # a run tells more of itself with every call
            return self.policy.listable(principal, tool, run)
        if (known := self._listable.get(principal)) is None:
            _make_room(self._listable)
            known = self._listable[principal] = {}
        if (listable := known.get(tool.name)) is None:
            listable = known[tool.name] = self.policy.listable(principal, tool, None)
        return listable

    def visible(
        self, principal: Principal, run: RunScope | None = None, start: int = 0
    ) -> Iterator[CatalogTool]:
        """Every tool of which some call could be allowed or asked for, in the catalog's order, from the position
        `start` on."""
        key = (principal, run)
        if (seen := self._seen.get(key)) is None:
            _make_room(self._seen)
            seen = self._seen[key] = _Seen()
        return self._look(seen, principal, run, start)

    def page(self, principal: Principal, start: int, size: int) -> ToolPage:
        """What `visible` gives from the position `start` on, `size` tools at most; the cursor is the name of the
        last one. Whoever sees the same is given the same page, so that it is written down once."""
        key = (principal, start)
        if (page := self._pages.get(key)) is None:
            _make_room(self._pages)
            page = self._pages[key] = self._made(
                list(islice(self.visible(principal, start=start), size + 1)), size
            )
        return page

    def _made(self, entries: list[CatalogTool], size: int) -> ToolPage:
        shown = tuple(entries[:size])
        key = tuple(map(id, entries))  # they live as long as the catalog
        if (page := self._same.get(key)) is None:
            _make_room(self._same)
            more = shown[-1].name if len(entries) > size else None
            page = self._same[key] = ToolPage(tuple(entry.tool for entry in shown), more)
        return page

    def _look(
        self, seen: "_Seen", principal: Principal, run: RunScope | None, start: int
    ) -> Iterator[CatalogTool]:
        """Only as far as somebody asks: a page of a large catalog costs a page."""
        tools, listable = self.catalog.tools, self.policy.listable
        at = -1
        while True:
            if at < 0 and seen.looked >= start:
                at = bisect_left(seen.positions, start)
            if 0 <= at < len(seen.positions):
                yield tools[seen.positions[at]]
                at += 1
            elif seen.looked == len(tools):
                return
            else:
                if listable(principal, tools[seen.looked], run):
                    seen.positions.append(seen.looked)
                seen.looked += 1


def _make_room(known: dict[Any, Any]) -> None:
    if len(known) == _CALLERS:
        del known[next(iter(known))]


class _Seen:
    """Positions in the catalog that one caller may see, among the first `looked`."""

    __slots__ = ("looked", "positions")

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.looked = 0
