"""Runs: started, watched, controlled by people; worked on by one task each while they can go on."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

from msgspec.structs import replace

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.state import begin
from gateway.agent.stored import decode, encode
from gateway.core.budgets import Budget
from gateway.core.catalog import UNKNOWN, ToolFacts
from gateway.core.ports import Authorize, Caller, Clock, Ids, RunRecord
from gateway.runs.access import Access
from gateway.runs.answers import settle_answers
from gateway.runs.asked import asked_in_turn
from gateway.runs.budgets import Budgets
from gateway.runs.control import Control
from gateway.runs.feed import Feed
from gateway.runs.following import follow
from gateway.runs.inbox import Inbox
from gateway.runs.inputs import check_before, check_key, check_text
from gateway.runs.journal import Journals
from gateway.runs.leases import LEASE_SECONDS, Leases
from gateway.runs.model_calls import FindEndpoint
from gateway.runs.ports import UNOBSERVED, Observer, Ports, RunLedger, ToolsFor
from gateway.runs.work import LOOK_SECONDS, Gone, Rights, Work
from toolward.errors import Conflict, NotFound
from toolward.names import closest
from toolward.types import (
    EVERY_RUN,
    Agent,
    Answer,
    InputRequest,
    Principal,
    Run,
    RunEvent,
    RunFilter,
    RunPage,
    Said,
    TextDelta,
    TurnRequest,
)


class Begun(NamedTuple):
    run: Run
    is_new: bool


def _unknown_facts(_tool: str) -> ToolFacts:
    return UNKNOWN


def _as_started(record: RunRecord, _api_key: str) -> Principal | None:
    return Principal(record.run.owner, record.roles, record.tenant)


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
        endpoint: FindEndpoint,
        tools_for: ToolsFor,
        clock: Clock,
        ids: Ids,
        facts: Callable[[str], ToolFacts] = _unknown_facts,
        rights: Rights = _as_started,
        holds: Callable[[Principal], bool] = lambda _: True,
        budgets: Callable[[], Sequence[Budget]] = lambda: (),
        holder: str = "",
        gone: Gone = lambda _: False,
        at_once: int = 256,
        lease_seconds: float = LEASE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
        observer: Observer = UNOBSERVED,
    ) -> None:
        """`authorize` asks the policy in force; `tools_for` gives what an agent may be offered on behalf of a
        principal; `facts` what is known of a tool's effects, by qualified name; `rights` what a run's owner may
        now; `holds` whether what proved a caller still does; `budgets` those in force; at most `at_once` runs are
        worked on at the same time."""
        self._agents = agents
        self._ledger = ledger
        self._access = Access(authorize)
        self._clock = clock
        self._ids = ids
        self._feed = Feed(holds)
        self._journals = Journals(ledger, clock, self._feed, observer)
        self._leases = Leases(ledger, clock, holder or ids.new("gateway"), lease_seconds)
        held = Budgets(budgets, ledger, clock)
        ports = Ports(
            ledger, dispatch, endpoint, tools_for, facts, clock, ids, self._feed, self._leases, held, observer
        )
        self._observer = observer
        self._work = Work(agents, ports, self._journals, rights, gone, at_once)
        self._control = Control(self._access, ports, self._journals, self._work)
        self.inbox = Inbox(ledger, dispatch, self._access, clock, self._tell)
        self._look_seconds = look_seconds
        self._beside: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Runs":
        self._beside += [
            asyncio.create_task(self._leases.keep(self._work.notice)),
            asyncio.create_task(follow(self._feed, self._ledger)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def unfinished(self) -> int:
        """How many runs there are on which work could go on, and on which nobody works."""
        return len(await self._ledger.ready())

    async def resume_unfinished(self) -> int:
        """Take up every run that has not ended and on which nobody works; how many there are. From now on those of
        other gateways that stop are taken up too. Those that wait for people go on waiting."""
        await self.inbox.expire()
        self._beside.append(asyncio.create_task(self._work.keep_looking(self._look_seconds)))
        return await self._work.wake_ready()

    def stop_watching(self) -> None:
        """Who watches a run that goes on is told that the gateway stops, and so is who begins to."""
        self._feed.close()

    def recheck(self) -> None:
        """What proved callers may not do so any more: who watches with it sees nothing more."""
        self._feed.recheck()

    async def close(self) -> None:
        """Stop working. The runs stay as they are in the ledger."""
        await self._work.close()
        self.stop_watching()
        for task in self._beside:
            task.cancel()
        if self._beside:
            await asyncio.wait(self._beside)

    # --- agents and runs

    async def list_agents(self, principal: Principal) -> tuple[Agent, ...]:
        """Those that the caller may start."""
        return tuple(
            agent.shown
            for agent in self._agents.values()
            if not self._access.refuses_start(principal, agent.name)
        )

    async def start_run(
        self, principal: Principal, agent: str, text: str, key: str = "", before: Sequence[Said] = ()
    ) -> Run:
        """Store a new run and queue it. A repeat with the same key gives the run that the first one started. The
        model sees `before` as messages before the input; what an agent is told to have said is untrusted.

        Raises NotFound, Denied, InvalidRequest, TooLarge, and Conflict when the key was used for something else.
        """
        return (await self.begin_run(principal, agent, text, key, before=before)).run

    async def begin_run(
        self,
        principal: Principal,
        agent: str,
        text: str,
        key: str = "",
        hops: int = 0,
        before: Sequence[Said] = (),
    ) -> Begun:
        """`start_run`, for a call that had passed so many gateways; and whether there was no such run before."""
        definition = self._agent(principal, agent)
        check_text(text, "input of a run")
        check_before(before)
        check_key(key)
        event = ev.RunStarted(
            agent=agent,
            owner=principal.id,
            tenant=principal.tenant,
            input=text,
            definition=definition,
            before=tuple(before),
            scopes=principal.scopes,
            api_key=principal.api_key,
            hops=hops,
        )
        state = begin(self._ids.new("run"), event, self._clock.now_ms())
        record = RunRecord(state.run, principal.tenant, principal.roles, key)
        run = (await self._ledger.create(record, [encode(event)])).run
        if run.id != state.run.id and not await self._began_so(run, event):
            raise Conflict(
                f"The key {key!r} started another run ({run.id}).", hint="Use a new key for a new run."
            )
        is_new = run.id == state.run.id
        if is_new:
            self._observer.started(run)
        if not run.state.ended:
            self._work.wake(run.id)
        return Begun(run, is_new)

    async def get_run(self, principal: Principal, run_id: str) -> Run:
        """Raises NotFound, Denied."""
        return (await self._control.record(principal, run_id)).run

    async def list_runs(
        self,
        principal: Principal,
        *,
        size: int = 50,
        cursor: str | None = None,
        only: RunFilter = EVERY_RUN,
    ) -> RunPage:
        """The caller's own runs that it may read, newest first, or with `only.owner` somebody else's (`*` is
        everybody's) of the same tenant; `size` is 1 to 200, and a page may have fewer. Raises InvalidRequest for a
        wrong cursor."""
        owner = "" if only.owner == "*" else only.owner or principal.id
        page = await self._ledger.find(principal.tenant, replace(only, owner=owner), size=size, cursor=cursor)
        return replace(page, runs=self._access.readable(principal, page.runs))

    async def watch_run(
        self, principal: Principal, run_id: str, after: int = 0, deltas: bool = False
    ) -> AsyncGenerator[RunEvent | TextDelta]:
        """Every event behind `after`, then each new one as it is stored; ends with the run. With `deltas` also what
        the model says meanwhile, where this process works on the run and as far as the caller keeps up. Raises
        NotFound, Denied; Unauthenticated as soon as what proved the caller does not any more."""
        with self._feed.watching(run_id, text=deltas, by=principal) as watcher:
            ended = (await self.get_run(principal, run_id)).state.ended
            seen, replied, first = after, 0, True
            while True:
                ended = ended or watcher.ended
                said = watcher.taken()  # before the log is read: its reply may be there, and then it is stale
                if first or ended or watcher.seq > seen:  # not for every piece of text
                    first = False
                    for event in await self._ledger.events(run_id, seen):
                        self._feed.check(watcher)
                        seen = event.seq
                        if event.type == "model_replied":
                            replied = event.data["turn"]
                        yield event
                for piece in said:
                    if piece.turn > replied:
                        yield piece
                if ended:
                    return
                await watcher.beyond(seen)

    async def get_model_request(self, principal: Principal, run_id: str, turn: int) -> TurnRequest:
        """What the model was asked in this turn. Raises NotFound, Denied; `gateway.runs.asked` says what else."""
        await self._control.record(principal, run_id)
        return await asked_in_turn(self._ledger, run_id, turn)

    # --- control: `gateway.runs.control` says what each does

    async def cancel_run(self, principal: Principal, run_id: str) -> Run:
        return await self._control.cancel(principal, run_id)

    async def pause_run(self, principal: Principal, run_id: str) -> Run:
        return await self._control.pause(principal, run_id)

    async def resume_run(self, principal: Principal, run_id: str) -> Run:
        return await self._control.resume(principal, run_id)

    async def retry_run(self, principal: Principal, run_id: str, after: int, key: str = "") -> Run:
        return await self._control.retry(principal, run_id, after, key)

    async def abandon_run(self, run_id: str, by: str) -> None:
        """End a run that this process has started for somebody who has gone before they knew of it."""
        await self._control.end(run_id, by)

    async def send_message(
        self, principal: Principal, run_id: str, text: str, key: str = "", hops: int = 0
    ) -> Run:
        return await self._control.message(principal, run_id, text, key, hops)

    async def rate_run(self, principal: Principal, run_id: str, score: float, comment: str = "") -> Run:
        return await self._control.rate(principal, run_id, score, comment)

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

    async def _began_so(self, run: Run, event: ev.RunStarted) -> bool:
        """Whether an earlier run was started by what starts this one."""
        if (run.agent, run.input, run.parent) != (event.agent, event.input, ""):
            return False
        first = decode((await self._ledger.events(run.id))[0])
        return isinstance(first, ev.RunStarted) and first.before == event.before

    async def _tell(self, run_id: str) -> None:
        """What became of its requests, to the run that waits for them."""
        journal = await self._journals.take(run_id)
        try:
            await settle_answers(journal, self._ledger, self._clock)
        finally:
            self._journals.release(journal)
        self._work.wake(run_id)

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
