"""What every call passes between a door and the provider behind it: how many at once, for whom, one span, one
count. Doors serve what `Entrance.to` gives them; it is a ToolProvider like the one inside."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence

from msgspec.structs import replace

from toolward.auth import Authenticate
from toolward.auth.on_behalf import Believed, caller_of, seen_by
from toolward.doors.entered_offers import EnteredPrompts, EnteredResources
from toolward.errors import Overloaded, ToolwardError, UnknownTool
from toolward.offers import PromptProvider, ResourceProvider, offers_of
from toolward.telemetry import names
from toolward.telemetry.metrics import Counter, Gauge, Histogram, Metric, render
from toolward.telemetry.tracing import Tracing
from toolward.types import (
    CallContext,
    Deferred,
    Headers,
    Outcome,
    Principal,
    ToolCall,
    ToolPage,
    ToolProvider,
    ToolResult,
)

MAX_CALLS = 256
"""Calls in work at once, at all doors of a process together."""

RETRY_AFTER = 1.0
"""Seconds after which somebody who was turned away should come back."""


class Entrance:
    """One for a process, whatever doors it has."""

    def __init__(
        self,
        *,
        max_calls: int = MAX_CALLS,
        on_behalf: Believed | None = None,
        tracing: Tracing | None = None,
        beside: Sequence[Metric] = (),
    ) -> None:
        """`beside` are metrics of whatever is behind the doors."""
        self.max_calls = max_calls
        self._beside = beside
        self.on_behalf = on_behalf
        self.tracing = tracing
        labels = (names.DOOR, names.TOOL)
        self.calls = Counter(names.CALLS, "Tool calls that have ended.", (*labels, names.OUTCOME))
        self.seconds = Histogram(names.CALL_SECONDS, "How long tool calls took.", labels)
        self.in_work = Gauge(names.CALLS_IN_WORK, "Tool calls in work.")
        self.refused = Counter(names.REFUSED, "Requests that were turned away.", (names.DOOR, names.CODE))

    def to(self, provider: ToolProvider, door: str) -> ToolProvider:
        """`provider` as it is reached by `door`: `stdio`, `http`, `grpc`."""
        return _Entered(self, provider, door)

    def counting(self, authenticate: Authenticate, door: str) -> Authenticate:
        """`authenticate`, with those whom it refuses counted."""

        async def later(found: Awaitable[Principal]) -> Principal:
            try:
                return await found
            except ToolwardError as error:
                self.refused.add(door, error.code)
                raise

        def counted(headers: Headers) -> Principal | Awaitable[Principal]:
            try:
                found = authenticate(headers)
            except ToolwardError as error:
                self.refused.add(door, error.code)
                raise
            return found if isinstance(found, Principal) else later(found)

        return counted

    def metrics(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return render(self.calls, self.seconds, self.in_work, self.refused, *self._beside)

    def enter(self, door: str) -> None:
        """Raises Overloaded; otherwise `leave` must follow."""
        if self.in_work.value >= self.max_calls:
            self.refused.add(door, Overloaded.code)
            raise Overloaded(
                f"{self.max_calls} calls are in work here, and no more are taken at once.",
                hint=f"Try again in {RETRY_AFTER:g} s.",
                retry_after=RETRY_AFTER,
            )
        self.in_work.value += 1

    def leave(self, door: str, tool: str, outcome: str, seconds: float) -> None:
        self.in_work.value -= 1
        if outcome == UnknownTool.code:  # any name: a caller's fancy is no label
            tool = names.OTHER
        self.calls.add(door, tool, outcome)
        self.seconds.observe(seconds, door, tool)


class _Entered:
    def __init__(self, entrance: Entrance, provider: ToolProvider, door: str) -> None:
        self._entrance, self._provider, self._door = entrance, provider, door

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return await self._provider.list_tools(seen_by(self._entrance.on_behalf, principal), cursor)

    def watch(self) -> AsyncIterator[None]:
        return self._provider.watch()

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        """Raises Overloaded at once where there are too many calls already, and Unauthenticated where it is
        said for whom the call is made and that does not hold."""
        entrance = self._entrance
        entrance.enter(self._door)
        started = time.perf_counter()
        outcome = "internal"
        try:
            if entrance.tracing is None:
                answer = await self._call(principal, call, context)
            else:
                answer = await self._traced(entrance.tracing, principal, call, context)
            outcome = _outcome_of(answer)
            return answer
        except BaseException as error:
            outcome = _code_of(error)
            raise
        finally:
            entrance.leave(self._door, call.name, outcome, time.perf_counter() - started)

    async def _traced(
        self, tracing: Tracing, principal: Principal, call: ToolCall, context: CallContext
    ) -> Outcome:
        about = {names.METHOD: names.CALL_TOOL, names.TOOL_NAME: call.name, names.SPAN_DOOR: self._door}
        with tracing.span(f"{names.CALL_TOOL} {call.name}", context.traceparent, about) as span:
            try:
                below = replace(context, traceparent=span.traceparent)
                answer = await self._call(principal, call, below)
            except BaseException as error:
                span.failed(_code_of(error))
                raise
            if (outcome := _outcome_of(answer)) not in _FINE:
                span.failed(outcome)
            return answer

    async def _call(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        caller = caller_of(self._entrance.on_behalf, principal, context)
        if context.on_behalf_of:
            context = replace(context, on_behalf_of="")
        return await self._provider.call_tool(caller, call, context)

    @property
    def resources(self) -> ResourceProvider | None:
        inner = offers_of(self._provider).resources
        return None if inner is None else EnteredResources(self._entrance.on_behalf, inner)

    @property
    def prompts(self) -> PromptProvider | None:
        inner = offers_of(self._provider).prompts
        return None if inner is None else EnteredPrompts(self._entrance.on_behalf, inner)


_FINE = ("ok", "input_required", "deferred")


def _outcome_of(answer: Outcome) -> str:
    if isinstance(answer, ToolResult):
        return "tool_error" if answer.is_error else "ok"
    return "deferred" if isinstance(answer, Deferred) else "input_required"


def _code_of(error: BaseException) -> str:
    if isinstance(error, ToolwardError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"
