"""Results of reading tools that answer later calls too, where a rule says for how long (`cache: 5m`).

What is kept is what the backend answered, checked, before the output rules of any rule. It answers only the very
same question: the same tenant, principal, roles and scopes, the same tool by all that its server says of it, the
same arguments, and the same backend as it was reached then. A backend that was connected, configured or listed anew
since, or of which a tool that changes things was called from here, begins with nothing. Failures are never kept.

In memory, of this process, and bounded. Of several calls at once with the same question one is made.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.core.digests import arguments_digest
from gateway.core.ports import Clock, Listing
from gateway.core.results import size
from toolward.errors import DeadlineExceeded
from toolward.types import JsonObject, Principal, ToolResult

LONGEST = 24 * 3600
"""Seconds for which a result may be kept."""

MAX_ENTRIES = 2_000
MAX_BYTES = 32 * 1024 * 1024
"""Of all results that are kept."""

MAX_RESULT = 1024 * 1024
"""Bytes of one that is kept."""

Make = Callable[[], Awaitable[ToolResult]]
"""Makes the call itself."""


class _Reached:
    """A backend as discovery knew it when it was called: the same one only while that very listing is in force."""

    __slots__ = ("listing",)

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reached) and other.listing is self.listing

    def __hash__(self) -> int:
        return id(self.listing)


class Question(NamedTuple):
    """What one result answers."""

    tenant: str
    principal: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...] | None
    backend: str
    reached: _Reached
    tool: str
    tool_digest: str
    arguments: str  # digest


def question(
    principal: Principal, listing: Listing, tool: str, tool_digest: str, arguments: JsonObject
) -> Question:
    roles = tuple(sorted(principal.roles))
    reached, asked = _Reached(listing), arguments_digest(arguments)
    who = (principal.tenant, principal.id, roles, principal.scopes)
    return Question(*who, listing.backend, reached, tool, tool_digest, asked)


class Answered(NamedTuple):
    """`age` in seconds of a result that was kept; None of one that was made for this call."""

    result: ToolResult
    age: float | None = None


class _Kept(NamedTuple):
    result: ToolResult
    at: float  # when its call began
    changes: int  # of its backend, before its call
    size: int


class _Flight:
    """A call that is being made, for which others wait."""

    __slots__ = ("given_up", "over")

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.given_up = False  # by its own caller, or its own deadline: that says nothing to those who wait


class ResultCache:
    def __init__(self, clock: Clock, entries: int = MAX_ENTRIES, total: int = MAX_BYTES) -> None:
        self._clock = clock
        self._entries = entries
        self._total = total
        self._bytes = 0
        self._kept: dict[Question, _Kept] = {}  # what was used last stands last
        self._flights: dict[Question, _Flight] = {}
        self._changes: dict[str, int] = {}  # calls of tools that change things, by backend

    async def answer(self, asked: Question, seconds: int, make: Make) -> Answered:
        """A result that began at most so many seconds ago; where there is none, `make` is called, once for all who
        wait for the same. Raises what `make` raises."""
        while True:
            now = self._clock.monotonic()
            if (kept := self._known(asked)) is not None and now - kept.at < seconds:
                self._kept[asked] = self._kept.pop(asked)
                return Answered(kept.result, now - kept.at)
            if (flight := self._flights.get(asked)) is None:
                return Answered(await self._lead(asked, make))
            changes = self._changes.get(asked.backend, 0)
            await flight.over.wait()
            if flight.given_up or changes != self._changes.get(asked.backend, 0):
                continue  # one of those who wait makes the call
            if self._known(asked) is None:  # it failed, or is nothing to keep
                return Answered(await self._make(asked, make))

    def forget(self, backend: str) -> None:
        """Something was changed there: what was read before does not answer any more."""
        if self._kept or self._flights:
            self._changes[backend] = self._changes.get(backend, 0) + 1

    def _known(self, asked: Question) -> _Kept | None:
        kept = self._kept.get(asked)
        if kept is not None and kept.changes != self._changes.get(asked.backend, 0):
            self._drop(asked)
            return None
        return kept

    async def _lead(self, asked: Question, make: Make) -> ToolResult:
        flight = self._flights[asked] = _Flight()
        try:
            return await self._make(asked, make)
        except (asyncio.CancelledError, DeadlineExceeded):
            flight.given_up = True
            raise
        finally:
            del self._flights[asked]
            flight.over.set()

    async def _make(self, asked: Question, make: Make) -> ToolResult:
        began, changes = self._clock.monotonic(), self._changes.get(asked.backend, 0)
        result = await make()
        if not result.is_error and (length := size(result)) <= MAX_RESULT:
            self._keep(asked, _Kept(result, began, changes, length))
        return result

    def _keep(self, asked: Question, kept: _Kept) -> None:
        self._drop(asked)
        self._kept[asked] = kept
        self._bytes += kept.size
        while len(self._kept) > self._entries or self._bytes > self._total:
            self._drop(next(iter(self._kept)))

    def _drop(self, asked: Question) -> None:
        if (kept := self._kept.pop(asked, None)) is not None:
            self._bytes -= kept.size
