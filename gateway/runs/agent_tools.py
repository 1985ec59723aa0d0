"""What a call of `agents.*` does (`gateway.core.agent_tools` lists them): it starts a run as the caller, or goes on
with one, and waits until the run has ended, waits for a person, or the time is over. What it hands back says how
the run stands, and how to look again. A waiting call costs a task, and nothing of any backend's lane.

Who gives up a call that has started a run, before it handed them the run's id, has cancelled the run: nobody else
knows of it.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from types import CoroutineType, TracebackType
from typing import Any, Self

from gateway.core.agent_tools import AGENTS, CANCEL_RUN, GET_RUN, SEND_MESSAGE, WAIT
from gateway.core.ports import BackendPort, Listing
from gateway.runs.reported import UNDONE, news_of, report, rests
from gateway.runs.runner import Runs
from toolward.errors import DeadlineExceeded, ToolwardError, Unavailable
from toolward.offers import PromptText
from toolward.types import (
    CallContext,
    InputRequest,
    JsonObject,
    Principal,
    Progress,
    ResourceBody,
    Run,
    RunEvent,
    RunState,
    ToolCall,
    ToolResult,
)

log = logging.getLogger(__name__)

MARGIN = 2.0
"""Seconds before a call's own deadline at which it is answered; half of them where there are fewer than twice so
many."""


class WithAgents:
    """A BackendPort: that of the servers, with the agents beside them. Before `open` there are none to call."""

    def __init__(self, servers: BackendPort) -> None:
        self._servers = servers
        self._agents: AgentTools | None = None

    def open(self, agents: "AgentTools") -> None:
        self._agents = agents

    def listings(self) -> tuple[Listing, ...]:
        """Of the servers: what is the gateway's own is no discovery."""
        return self._servers.listings()

    def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> "CoroutineType[Any, Any, ToolResult]":
        """Raises Unavailable before the agents are there, and what they or the server answers."""
        if backend != AGENTS:
            return self._servers.call(backend, principal, call, context)
        if self._agents is None:
            raise Unavailable("The agents of this gateway are not there yet.", hint="Try again.")
        return self._agents.call(principal, call, context)

    def read_resource(
        self, backend: str, principal: Principal, uri: str, context: CallContext
    ) -> "CoroutineType[Any, Any, tuple[ResourceBody, ...]]":
        """A server's: agents have none."""
        return self._servers.read_resource(backend, principal, uri, context)

    def get_prompt(
        self,
        backend: str,
        principal: Principal,
        name: str,
        arguments: Mapping[str, str],
        context: CallContext,
    ) -> "CoroutineType[Any, Any, PromptText]":
        """A server's: agents have none."""
        return self._servers.get_prompt(backend, principal, name, arguments, context)


class AgentTools:
    """Use it as an async context manager, inside that of its runs: leaving it waits until the runs of calls that
    were given up are cancelled."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._unclaimed: dict[str, int] = {}
        """Runs that were started here and whose ids nobody was handed yet: how many calls wait for each."""
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def call(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        """`call.name` is the tool's own name, its arguments are valid. Raises DeadlineExceeded, and what `Runs`
        raises."""
        deadline = asyncio.timeout(context.timeout)
        try:
            async with deadline:
                return await self._call(principal, call, context)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"{AGENTS}.{call.name} took longer than {context.timeout:g} seconds and was stopped.",
                hint="Give it more time.",
            ) from None

    async def _call(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        arguments: JsonObject = call.arguments
        run_id: str = arguments.get("run_id", "")
        hops = max(context.hops - 1, 0)  # this call itself passes to no other gateway
        if call.name == CANCEL_RUN:
            return await self._report(principal, await self._runs.cancel_run(principal, run_id), call.name)
        if call.name == GET_RUN:
            run = await self._runs.get_run(principal, run_id)
        elif call.name == SEND_MESSAGE:
            text, key = arguments["text"], call.idempotency_key
            run = await self._runs.send_message(principal, run_id, text, key, hops)
        else:
            return await self._start(principal, call, context, hops)
        run = await self._waited(principal, run, _seconds(arguments, context), context)
        return await self._report(principal, run, call.name)

    async def _start(
        self, principal: Principal, call: ToolCall, context: CallContext, hops: int
    ) -> ToolResult:
        arguments: JsonObject = call.arguments
        starting = asyncio.create_task(self._begin(principal, call, hops))
        try:
            run = await asyncio.shield(starting)  # else it could be stored, and nobody would know
            run = await self._waited(principal, run, _seconds(arguments, context), context)
            report = await self._report(principal, run, call.name)
        except asyncio.CancelledError:
            leaving = asyncio.create_task(self._leave(principal, starting))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            raise
        self._unclaimed.pop(run.id, None)
        return report

    async def _begin(self, principal: Principal, call: ToolCall, hops: int) -> Run:
        text, key = call.arguments["input"], call.idempotency_key
        run, is_new = await self._runs.begin_run(principal, call.name, text, key, hops)
        if is_new or run.id in self._unclaimed:
            self._unclaimed[run.id] = self._unclaimed.get(run.id, 0) + 1
        return run

    async def _leave(self, principal: Principal, starting: asyncio.Task[Run]) -> None:
        """A call was given up; the last one that waited for a run which nobody else knows ends it."""
        try:
            run = await starting
            if run.id not in self._unclaimed:
                return
            self._unclaimed[run.id] -= 1
            if self._unclaimed[run.id] == 0:
                del self._unclaimed[run.id]
                await self._runs.abandon_run(run.id, principal.id)
        except ToolwardError as error:
            log.warning("the run of a call that was given up could not be cancelled: %s", error.text)

    async def _waited(self, principal: Principal, run: Run, seconds: float, context: CallContext) -> Run:
        """The run when it cannot go on by itself, or as it is when the time is over or this gateway stops."""
        if not seconds or rests(run):
            return run
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline, aclosing(self._runs.watch_run(principal, run.id, run.last_seq)) as news:
                async for event in news:
                    if not isinstance(event, RunEvent):
                        continue
                    if context.progress is not None and (said := news_of(event)):
                        context.progress(Progress(event.seq, message=said))
                    if event.seq > run.last_seq:
                        run = await self._runs.get_run(principal, run.id)
                    if event.seq == run.last_seq and rests(run):
                        return run
        except TimeoutError:
            if not deadline.expired():
                raise
        except Unavailable:
            log.info("a call waits no longer for the run %s: nobody works on it here any more", run.id)
        return await self._runs.get_run(principal, run.id)

    async def _report(self, principal: Principal, run: Run, tool: str) -> ToolResult:
        requests: tuple[InputRequest, ...] = ()
        if run.state is RunState.INPUT_REQUIRED:
            requests = await self._runs.list_input_requests(principal, run.id)
        return report(run, requests, is_error=tool != CANCEL_RUN and run.state in UNDONE)


def _seconds(arguments: JsonObject, context: CallContext) -> float:
    """For which a call may wait: so that it is answered before its own deadline."""
    wanted: float = arguments.get("wait_seconds", WAIT)
    if context.timeout is None:
        return wanted
    return min(wanted, context.timeout - min(MARGIN, context.timeout / 2))
