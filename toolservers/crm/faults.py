"""Faults on purpose: what a caller must be able to live with, for the next calls that match.

They stand around a world's calls (`ToolServer.around`), in the memory of this server; no admin tool is touched.

latency               the answer comes later
error                 the call fails with an error of the catalogue, or as the tool's own refusal, before it begins
rate_limit            ... and is told when to come back
commit_then_timeout   all is done and kept under the call's key, and the caller hears that it took too long
stale_read            a read sees the moment before the last change made here since the fault was armed
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, cast

import msgspec
from anyio.to_thread import run_sync

from toolward.errors import BY_CODE, DeadlineExceeded, Overloaded, ToolError
from toolward.types import Principal, ToolCall, ToolResult

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from toolservers.crm.desk import Desk

T = TypeVar("T")
Go = Callable[[Any], Awaitable[ToolResult]]

FaultKind = Literal["latency", "error", "rate_limit", "commit_then_timeout", "stale_read"]

READS = ("find_records", "get_record")
MOST = 100
"""Faults that may be armed in one world."""

REFUSAL = "tool_error"
"""A `code` for what the tool itself would refuse; all others are those of the catalogue of errors."""

_DEPTH = 4  # of arguments, in which a record's id is looked for


@dataclass(slots=True)
class Fault:
    """`tool` is a glob. Empty texts match everything. Of the calls that match, `skip` pass, then each `every`-th is
    struck, until `count` were."""

    kind: FaultKind
    tool: str = "*"
    record_id: str = ""
    principal: str = ""
    count: int = 1
    skip: int = 0
    every: int = 1
    milliseconds: int = 0
    code: str = "unavailable"
    message: str = ""
    retry_after: int = 1
    number: int = 0
    matched: int = 0
    struck: int = 0

    def strikes(self, by: Principal, call: ToolCall) -> bool:
        """Whether this call; it is counted."""
        if not self._matches(by, call):
            return False
        self.matched += 1
        since = self.matched - self.skip
        if since < 1 or (since - 1) % self.every or self.struck >= self.count:
            return False
        self.struck += 1
        return True

    def _matches(self, by: Principal, call: ToolCall) -> bool:
        if self.kind == "stale_read" and call.name not in READS:
            return False
        if not fnmatchcase(call.name, self.tool) or self.principal not in ("", by.id):
            return False
        wanted = self.record_id.casefold()
        return not wanted or _holds(msgspec.json.decode(call.arguments_json), wanted)

    def refuse(self) -> NoReturn:
        """Raises what `error` and `rate_limit` stand for."""
        if self.kind == "rate_limit":
            raise Overloaded(
                self.message or "Too many calls.",
                hint=f"Call again in {self.retry_after} s.",
                retry_after=float(self.retry_after),
            )
        message = self.message or f"The CRM failed ({self.code})."
        if self.code == REFUSAL:
            raise ToolError(message)
        raise BY_CODE[self.code](message, hint="Try again.")


def _holds(value: Any, wanted: str, depth: int = _DEPTH) -> bool:
    if isinstance(value, str):
        return value.casefold() == wanted
    if depth and isinstance(value, dict):
        return any(_holds(one, wanted, depth - 1) for one in cast(dict[str, Any], value).values())
    return (
        bool(depth)
        and isinstance(value, list)
        and any(_holds(one, wanted, depth - 1) for one in cast(list[Any], value))
    )


class Moment:
    """One moment of a database that stays to be read, whatever is changed meanwhile: an open reading transaction.
    It is a Database for a Desk that only looks."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._turn = threading.Lock()

    async def read(self, work: "Callable[[Connection], T]") -> T:
        def alone() -> T:
            with self._turn:
                return work(self._connection)

        return await run_sync(alone)

    def close(self) -> None:
        with self._turn:
            self._connection.close()


@dataclass(slots=True)
class Faults:
    """Those of one world."""

    armed: list[Fault] = field(default_factory=list[Fault])
    _number: int = 0
    _moment: Moment | None = None
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __bool__(self) -> bool:
        return bool(self.armed)

    async def arm(self, desk: "Desk", fault: Fault) -> None:
        """Raises ToolError for a fault that could never strike."""
        _check(fault)
        if len(self.armed) >= MOST:
            raise ToolError(f"{MOST} faults are armed already. Clear some: kind clear.")
        if fault.kind == "stale_read" and self._moment is None:
            self._moment = await desk.moment()
        self._number += 1
        fault.number = self._number
        self.armed.append(fault)

    def clear(self) -> None:
        self.armed.clear()
        self.close()

    def close(self) -> None:
        if self._moment is not None:
            self._moment.close()
            self._moment = None

    async def around(self, desk: "Desk", by: Principal, call: ToolCall, go: Go) -> ToolResult:
        """The call, as what is armed lets it be. Raises what that says."""
        striking = [fault for fault in self.armed if fault.strikes(by, call)]
        of = {fault.kind: fault for fault in reversed(striking)}
        try:
            if (slow := of.get("latency")) is not None:
                await asyncio.sleep(slow.milliseconds / 1000)
            if (refusing := of.get("rate_limit") or of.get("error")) is not None:
                refusing.refuse()
            if "stale_read" in of and self._moment is not None:
                return await go(desk.at(self._moment))
            result = await self._change(desk, call, go)
            if (lost := of.get("commit_then_timeout")) is not None:
                await _lose(lost, call)
            return result
        except ToolError:
            if "commit_then_timeout" in of and "error" not in of:
                of["commit_then_timeout"].struck -= 1  # nothing was committed: it waits for a call that is
            raise
        finally:
            self._drop_spent()

    async def _change(self, desk: "Desk", call: ToolCall, go: Go) -> ToolResult:
        """While reads may be stale, each change leaves the moment before it behind."""
        if self._moment is None or call.name in READS:
            return await go(desk)
        async with self._changing:
            before = await desk.moment()
            try:
                result = await go(desk)
            except BaseException:
                before.close()
                raise
            self.close()
            self._moment = before
            return result

    def _drop_spent(self) -> None:
        self.armed[:] = [fault for fault in self.armed if fault.struck < fault.count]
        if self._moment is not None and not any(fault.kind == "stale_read" for fault in self.armed):
            self.close()


async def _lose(fault: Fault, call: ToolCall) -> NoReturn:
    await asyncio.sleep(fault.milliseconds / 1000)
    raise DeadlineExceeded(
        fault.message or f"{call.name} did not answer in time.",
        hint="It may have been done. Repeat it with the same idempotency key for its result.",
    )


def _check(fault: Fault) -> None:
    if fault.kind == "error" and fault.code not in (*BY_CODE, REFUSAL):
        raise ToolError(
            f"There is no error {fault.code[:80]!r}. There are: {', '.join((*BY_CODE, REFUSAL))}."
        )
    if fault.kind == "stale_read" and not any(fnmatchcase(name, fault.tool) for name in READS):
        raise ToolError(
            f"Only reads can be stale ({', '.join(READS)}), and {fault.tool[:80]!r} is none of them."
        )
    if fault.kind == "latency" and not fault.milliseconds:
        raise ToolError("A latency needs its milliseconds.")
