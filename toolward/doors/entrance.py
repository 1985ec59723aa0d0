"""What every call passes between a door and the provider behind it: how many at once, for whom, one span, one
count. Doors serve what `Entrance.to` gives them; it is a ToolProvider like the one inside."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress

from msgspec.structs import replace

from toolward.auth import Authenticate
from toolward.auth.on_behalf import Believed, called_for, seen_by
from toolward.doors.admittance import Admittance, Caller, Clock, Suspects
from toolward.doors.entered_agents import entered_agents
from toolward.doors.entered_offers import EnteredPrompts, EnteredResources
from toolward.doors.limits import DEFAULT, Limits
from toolward.errors import Overloaded, ToolwardError, Unauthenticated, Unavailable, UnknownTool
from toolward.offers import PromptProvider, ResourceProvider, offers_of
from toolward.telemetry import names
from toolward.telemetry.metrics import Counter, Gauge, Histogram, Metric, render
from toolward.telemetry.tracing import Tracing
from toolward.types import (
    AgentProvider,
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

RETRY_AFTER = 1.0
"""Seconds after which somebody who was turned away should come back."""


class Entrance:
    """One for a process, whatever doors it has."""

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT,
        clock: Clock = time.monotonic,
        on_behalf: Believed | None = None,
        tracing: Tracing | None = None,
        beside: Sequence[Metric] = (),
    ) -> None:
        """`beside` are metrics of whatever is behind the doors; `clock` is in seconds, and goes only forward."""
        self.max_calls = limits.calls
        self.admittance = Admittance(limits, clock)
        self.suspects = Suspects(limits.failures_per_minute, clock)
        self._stopping = ""
        self._empty = asyncio.Event()
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

    def to_agents(self, agents: AgentProvider, door: str) -> AgentProvider:
        return entered_agents(agents, lambda principal: self.ask(door, principal))

    def counting(self, authenticate: Authenticate, door: str) -> Authenticate:
        """`authenticate`, with those whom it refuses counted, and not listened to where they are too many."""
        suspects = self.suspects

        async def later(found: Awaitable[Principal], headers: Headers) -> Principal:
            try:
                principal = await found
            except ToolwardError as error:
                self._refuse(door, headers, error)
                raise
            suspects.good(headers)
            return principal

        def counted(headers: Headers) -> Principal | Awaitable[Principal]:
            try:
                if suspects.alert:
                    suspects.check(headers)
                found = authenticate(headers)
            except ToolwardError as error:
                self._refuse(door, headers, error)
                raise
            if not isinstance(found, Principal):
                return later(found, headers)
            suspects.good(headers)
            return found

        return counted

    def _refuse(self, door: str, headers: Headers, error: ToolwardError) -> None:
        self.refused.add(door, error.code)
        if isinstance(error, Unauthenticated):
            self.suspects.failed(headers)

    def metrics(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return render(self.calls, self.seconds, self.in_work, self.refused, *self._beside)

    def ask(self, door: str, principal: Principal) -> None:
        """A request that is no call. Raises Overloaded for who asks too often, and Unavailable once the process is
        to stop."""
        try:
            if self._stopping:
                raise self._full()
            self.admittance.ask(principal)
        except (Overloaded, Unavailable) as error:
            self.refused.add(door, error.code)
            raise

    def enter(self, door: str, principal: Principal) -> Caller | None:
        """Raises Overloaded, and Unavailable once the process is to stop; otherwise `leave` must
        follow, with what this gave."""
        try:
            if self.in_work.value >= self.max_calls:
                raise self._full()
            caller = self.admittance.enter(principal)
        except (Overloaded, Unavailable) as error:
            self.refused.add(door, error.code)
            raise
        self.in_work.value += 1
        return caller

    def leave(self, door: str, caller: Caller | None, tool: str, outcome: str, seconds: float) -> None:
        self.in_work.value -= 1
        self.admittance.leave(caller)
        if self._stopping and not self.in_work.value:
            self._empty.set()
        if outcome == UnknownTool.code:  # any name: a caller's fancy is no label
            tool = names.OTHER
        self.calls.add(door, tool, outcome)
        self.seconds.observe(seconds, door, tool)

    async def stop(self, name: str, seconds: float) -> None:
        """From now on `name` takes no call, at any door; those in work have `seconds` to end."""
        self._stopping = name
        self.max_calls = 0
        if self.in_work.value:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()

    def _full(self) -> ToolwardError:
        again = f"Try again in {RETRY_AFTER:g} s."
        if self._stopping:
            return Unavailable(
                f"{self._stopping} is stopping, and begins nothing new.", hint=again, retry_after=RETRY_AFTER
            )
        return Overloaded(
            f"{self.max_calls} calls are in work here, and no more are taken at once.",
            hint=again,
            retry_after=RETRY_AFTER,
        )


class _Entered:
    def __init__(self, entrance: Entrance, provider: ToolProvider, door: str) -> None:
        self._entrance, self._provider, self._door = entrance, provider, door

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        self._entrance.ask(self._door, principal)
        return await self._provider.list_tools(seen_by(self._entrance.on_behalf, principal), cursor)

    def watch(self) -> AsyncIterator[None]:
        return self._provider.watch()

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        """Raises Overloaded at once where there are too many calls already, and Unauthenticated where it is
        said for whom the call is made and that does not hold."""
        entrance = self._entrance
        caller = entrance.enter(self._door, principal)
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
            entrance.leave(self._door, caller, call.name, outcome, time.perf_counter() - started)

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
        caller, context = called_for(self._entrance.on_behalf, principal, context)
        return await self._provider.call_tool(caller, call, context)

    def _ask(self, principal: Principal) -> None:
        self._entrance.ask(self._door, principal)

    @property
    def offers_change(self) -> bool:
        return offers_of(self._provider).changing

    @property
    def resources(self) -> ResourceProvider | None:
        inner = offers_of(self._provider).resources
        return None if inner is None else EnteredResources(self._entrance.on_behalf, inner, self._ask)

    @property
    def prompts(self) -> PromptProvider | None:
        inner = offers_of(self._provider).prompts
        return None if inner is None else EnteredPrompts(self._entrance.on_behalf, inner, self._ask)


_FINE = ("ok", "input_required", "deferred")


def _outcome_of(answer: Outcome) -> str:
    if isinstance(answer, ToolResult):
        return "tool_error" if answer.is_error else "ok"
    return "deferred" if isinstance(answer, Deferred) else "input_required"


def _code_of(error: BaseException) -> str:
    if isinstance(error, ToolwardError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"
