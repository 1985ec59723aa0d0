"""Runs: started, watched, answered, cancelled by their owners; worked on by one task each while they can go on."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from msgspec.structs import replace

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.state import begin
from gateway.core.catalog import UNKNOWN, ToolFacts
from gateway.core.ports import Authorize, Caller, Clock, Ids, ModelPort, RunRecord
from gateway.runs.access import Access
from gateway.runs.answers import settle_answers, withdraw
from gateway.runs.feed import Feed, OnText
from gateway.runs.inbox import Inbox
from gateway.runs.journal import Journal, Journals
from gateway.runs.worker import OfferedTool, Ports, RunLedger, Worker
from toolward.errors import Conflict, InvalidRequest, NotFound, TooLarge, ToolwardError
from toolward.names import closest
from toolward.types import (
    Agent,
    Answer,
    InputRequest,
    Principal,
    Run,
    RunEvent,
    RunPage,
    RunState,
)

log = logging.getLogger(__name__)

MAX_INPUT = 100_000
"""Characters of a run's input."""

MAX_KEY = 200
"""Characters of an idempotency key."""

STOPPING = 5.0
"""Seconds that a cancelled run's calls get to stop before the caller is answered; the run has ended by then."""

ToolsFor = Callable[[Principal, AgentDefinition], Sequence[OfferedTool]]


def _unknown_facts(_tool: str) -> ToolFacts:
    return UNKNOWN


class Runs:
    """The AgentProvider of the gateway. Use it as an async context manager: leaving it stops the work on all
    runs, which `resume_unfinished` takes up again after the next start.

    Policy decides each operation (`gateway.runs.access`): what a caller may not read is not found, what else it may
    not do is Denied. Every method raises Unavailable when the ledger fails.
    """

    def __init__(
        self,
        *,
        agents: Mapping[str, AgentDefinition],
        ledger: RunLedger,
        dispatch: Caller,
        authorize: Authorize,
        models: Callable[[AgentDefinition], ModelPort],
        tools_for: ToolsFor,
        clock: Clock,
        ids: Ids,
        facts: Callable[[str], ToolFacts] = _unknown_facts,
        at_once: int = 256,
    ) -> None:
        """`authorize` asks the policy in force; `tools_for` gives what an agent may be offered on behalf of a
        principal; `facts` what is known of a tool's effects, by qualified name; at most `at_once` runs are worked
        on at the same time."""
        self._agents = agents
        self._ledger = ledger
        self._access = Access(authorize)
        self._clock = clock
        self._ids = ids
        self._feed = Feed()
        self._journals = Journals(ledger, clock, self._feed)
        self._ports = Ports(ledger, dispatch, models, tools_for, facts, clock, ids, self._feed)
        self.inbox = Inbox(ledger, dispatch, self._access, clock, self._tell)
        self._slots = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._closing = False

    async def __aenter__(self) -> "Runs":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def resume_unfinished(self) -> int:
        """Take up every run that has not ended; how many there are. Those that wait for people go on waiting."""
        unfinished = await self._ledger.unfinished()
        for run_id in unfinished:
            self._wake(run_id)
        return len(unfinished)

    async def close(self) -> None:
        """Stop working. The runs stay as they are in the ledger."""
        self._closing = True
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- agents and runs

    async def list_agents(self, principal: Principal) -> tuple[Agent, ...]:
        """Those that the caller may start."""
        return tuple(
            agent.shown
            for agent in self._agents.values()
            if not self._access.refuses_start(principal, agent.name)
        )

    async def start_run(self, principal: Principal, agent: str, text: str, key: str = "") -> Run:
        """Store a new run and queue it. A repeat with the same key gives the run that the first one started.

        Raises NotFound, Denied, InvalidRequest, TooLarge, and Conflict when the key was used for something else.
        """
        definition = self._agent(principal, agent)
        _check_input(text, key)
        event = ev.RunStarted(
            agent=agent, owner=principal.id, tenant=principal.tenant, input=text, definition=definition
        )
        state = begin(self._ids.new("run"), event, self._clock.now_ms())
        record = RunRecord(state.run, principal.tenant, principal.roles, key)
        run = (await self._ledger.create(record, [ev.encode(event)])).run
        if (run.agent, run.input) != (agent, text):
            raise Conflict(
                f"The key {key!r} started another run ({run.id}).", hint="Use a new key for a new run."
            )
        if not run.state.ended:
            self._wake(run.id)
        return run

    async def get_run(self, principal: Principal, run_id: str) -> Run:
        """Raises NotFound, Denied."""
        return await self._run(principal, run_id)

    async def list_runs(
        self,
        principal: Principal,
        *,
        size: int = 50,
        cursor: str | None = None,
        state: RunState | None = None,
    ) -> RunPage:
        """The caller's own runs that it may read, newest first; `size` is 1 to 200, and a page may have fewer.
        Raises InvalidRequest for a wrong cursor."""
        page = await self._ledger.find(principal.id, principal.tenant, size=size, cursor=cursor, state=state)
        return replace(page, runs=self._access.readable(principal, page.runs))

    async def watch_run(self, principal: Principal, run_id: str, after: int = 0) -> AsyncGenerator[RunEvent]:
        """Every event behind `after`, then each new one as it is stored; ends with the run. Raises NotFound,
        Denied."""
        with self._feed.watching(run_id) as watcher:
            ended = (await self._run(principal, run_id)).state.ended
            seen = after
            while True:
                ended = ended or watcher.ended
                for event in await self._ledger.events(run_id, seen):
                    seen = event.seq
                    yield event
                if ended:
                    return
                await watcher.beyond(seen)

    def watch_text(self, run_id: str, listener: OnText) -> AbstractContextManager[None]:
        """While this is open, `listener` gets the model's text as it comes. Whether the caller may see the run
        is for `get_run` or `watch_run` to say, first."""
        return self._feed.listening(run_id, listener)

    async def cancel_run(self, principal: Principal, run_id: str) -> Run:
        """End the run now, whatever it does; one that has ended stays as it is. Raises NotFound, Denied."""
        await self._run(principal, run_id, cancel=True)
        journal = await self._journals.take(run_id)
        try:
            asked = journal.state.asked
            cancelled = ev.RunCancelled(by=principal.id)
            await journal.amend(lambda state: () if state.run.state.ended else (cancelled,))
            if (task := self._tasks.get(run_id)) is not None:
                task.cancel()
                await asyncio.wait([task], timeout=STOPPING)
            await withdraw(asked, self._ledger, principal, self._clock)
            return journal.state.run
        finally:
            self._journals.release(journal)

    # --- input requests: `gateway.runs.inbox` says what each does

    async def list_input_requests(
        self, principal: Principal, run_id: str | None = None
    ) -> tuple[InputRequest, ...]:
        return await self.inbox.list(principal, run_id)

    async def answer_input_request(
        self, principal: Principal, request_id: str, answer: Answer
    ) -> InputRequest:
        return await self.inbox.answer(principal, request_id, answer)

    async def get_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self.inbox.get(principal, request_id)

    async def take_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self.inbox.take(principal, request_id)

    async def withdraw_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self.inbox.withdraw(principal, request_id)

    async def expire_input_requests(self) -> None:
        await self.inbox.expire()

    async def _tell(self, run_id: str) -> None:
        """What became of its requests, to the run that waits for them."""
        journal = await self._journals.take(run_id)
        try:
            await settle_answers(journal, self._ledger, self._clock)
        finally:
            self._journals.release(journal)
        self._wake(run_id)

    def _agent(self, principal: Principal, name: str) -> AgentDefinition:
        """The agent that the caller is about to start."""
        if (definition := self._agents.get(name)) is not None:
            if denied := self._access.refuses_start(principal, name):
                raise denied
            return definition
        startable = [agent for agent in self._agents if not self._access.refuses_start(principal, agent)]
        near = closest(name, startable)
        known = ", ".join(startable) or "none"
        raise NotFound(
            f"There is no agent named {name[:128]!r}.",
            hint=f"Did you mean {near!r}?" if near else f"The agents are: {known}.",
        )

    async def _run(self, principal: Principal, run_id: str, *, cancel: bool = False) -> Run:
        try:
            record = await self._ledger.get(run_id)
        except NotFound:
            record = None
        return self._access.run(principal, record, run_id, cancel=cancel)

    # --- work

    def _wake(self, run_id: str) -> None:
        """Work on the run. If somebody does, look at it once more afterwards: they may have just decided that
        there is nothing left to do."""
        if self._closing:
            return
        if run_id in self._tasks:
            self._again.add(run_id)
            return
        task = asyncio.create_task(self._work(run_id), name=f"run {run_id}")
        self._tasks[run_id] = task
        task.add_done_callback(lambda _: self._worked(run_id))

    def _worked(self, run_id: str) -> None:
        del self._tasks[run_id]
        if run_id in self._again:
            self._again.discard(run_id)
            self._wake(run_id)

    async def _work(self, run_id: str) -> None:
        async with self._slots:
            await self._work_now(run_id)

    async def _work_now(self, run_id: str) -> None:
        try:
            journal = await self._journals.take(run_id)
        except ToolwardError as error:
            log.error("the run %s cannot be worked on: %s", run_id, error.text)
            self._feed.stopped(run_id, error)
            return
        try:
            await Worker(journal, self._agents, self._ports).drive()
        except ToolwardError as error:  # the ledger's: nothing more can be recorded now
            log.error("work on the run %s stopped: %s", run_id, error.text)
            self._feed.stopped(run_id, error)
        except Exception:
            log.exception("work on the run %s failed inside", run_id)
            await self._give_up(journal)
        finally:
            self._journals.release(journal)

    async def _give_up(self, journal: Journal) -> None:
        """A bug of ours ends the run with a reason, as everything else does."""
        failed = ev.RunFailed(code="internal", message="Work on the run failed inside. The log says why.")
        try:
            await journal.amend(lambda state: () if state.run.state.ended else (failed,))
        except ToolwardError as error:
            log.error("the run %s could not be ended: %s", journal.run_id, error.text)
            self._feed.stopped(journal.run_id, error)


def _check_input(text: str, key: str) -> None:
    if not text.strip():
        raise InvalidRequest("The input of a run cannot be empty.", hint="Say what the agent shall do.")
    if len(text) > MAX_INPUT:
        raise TooLarge(
            f"The input has {len(text):,} characters; at most {MAX_INPUT:,} are taken.",
            hint="Put long documents where a tool can read them.",
        )
    if len(key) > MAX_KEY:
        raise InvalidRequest(f"The idempotency key is longer than {MAX_KEY} characters.")
