"""An AgentProvider that keeps its runs in memory, for tests of doors and clients."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from msgspec.structs import replace

from toolward.errors import Conflict, InvalidRequest, NotFound
from toolward.types import (
    EVERY_RUN,
    Agent,
    Answer,
    InputRequest,
    JsonObject,
    Principal,
    RequestKind,
    RequestState,
    Run,
    RunEvent,
    RunFilter,
    RunPage,
    RunState,
    Said,
    TextDelta,
    TurnMessage,
    TurnRequest,
    TurnTool,
    TurnToolUse,
)

BIG = 2**80 + 1
SAID = (
    TextDelta(1, 0, "Let me see.", "reasoning"),
    TextDelta(1, 0, "It is 😀"),
    TextDelta(1, 7, " on its way."),
    TextDelta(1, 0, "crm.get_record\n", "call"),
)
"""What the model says before each run ends."""


class Agents:
    """Runs of one agent, which asks before it answers. Each caller sees only their own."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.logs: dict[str, list[RunEvent]] = {}
        self.requests: dict[str, InputRequest] = {}
        self.news = asyncio.Condition()
        self.last_answer: Answer | None = None
        self.filtered = EVERY_RUN
        self.before: tuple[Said, ...] = ()
        self.ratings: list[tuple[str, float, str]] = []
        self.watching = asyncio.Event()
        self.left = asyncio.Event()

    async def list_agents(self, principal: Principal) -> tuple[Agent, ...]:
        return (Agent("support", "Support", "Helps customers.", "offline"),)

    async def start_run(
        self, principal: Principal, agent: str, text: str, key: str = "", before: Sequence[Said] = ()
    ) -> Run:
        self.before = tuple(before)
        if agent != "support":
            raise NotFound(f"There is no agent named {agent!r}.", hint="There is: support.")
        if key and (principal.id, key) in self.keys:
            return self.runs[self.keys[principal.id, key]]
        run = Run(f"run_{len(self.runs) + 1}", agent, principal.id, RunState.INPUT_REQUIRED, text)
        self.runs[run.id] = run
        self.keys[principal.id, key] = run.id
        await self._ask(run.id)
        return run

    async def _ask(self, run_id: str) -> None:
        request = InputRequest(
            id=f"req_{run_id}",
            kind=RequestKind.QUESTION,
            state=RequestState.OPEN,
            prompt="Which order?",
            run_id=run_id,
            detail={"big": BIG},
            choices=("ORD-1007", "cancel"),
        )
        self.requests[request.id] = request
        await self._tell(run_id, "started", {"input": self.runs[run_id].input, "big": BIG})
        await self._tell(run_id, "asked", {"request": request.id})

    async def watch_run(
        self, principal: Principal, run_id: str, after: int = 0, deltas: bool = False
    ) -> AsyncGenerator[RunEvent | TextDelta, None]:
        self._own(principal, run_id)
        self.watching.set()
        log = self.logs[run_id]
        try:
            while after < len(log) or not self.runs[run_id].state.ended:
                async with self.news:
                    while after == len(log):
                        await self.news.wait()
                if deltas and log[after].type == "ended":
                    for piece in SAID:
                        yield piece
                yield log[after]
                after += 1
        finally:
            self.left.set()

    async def get_run(self, principal: Principal, run_id: str) -> Run:
        return self._own(principal, run_id)

    async def list_runs(
        self,
        principal: Principal,
        *,
        size: int = 50,
        cursor: str | None = None,
        only: RunFilter = EVERY_RUN,
    ) -> RunPage:
        self.filtered = only
        own = [run for run in reversed(self.runs.values()) if run.owner == principal.id]
        found = [run for run in own if only.state is None or run.state is only.state]
        start = int(cursor or 0)
        more = str(start + size) if start + size < len(found) else None
        return RunPage(tuple(found[start : start + size]), more)

    async def cancel_run(self, principal: Principal, run_id: str) -> Run:
        return await self._end(self._own(principal, run_id), RunState.CANCELLED, "")

    async def pause_run(self, principal: Principal, run_id: str) -> Run:
        return await self._move(self._own(principal, run_id), RunState.PAUSED)

    async def resume_run(self, principal: Principal, run_id: str) -> Run:
        return await self._move(self._own(principal, run_id), RunState.RUNNING)

    async def retry_run(self, principal: Principal, run_id: str, after: int, key: str = "") -> Run:
        first = self._own(principal, run_id)
        if key and (principal.id, key) in self.keys:
            return self.runs[self.keys[principal.id, key]]
        if not 1 <= after <= len(self.logs[run_id]):
            raise InvalidRequest(f"{run_id} has no event {after}.")
        run = replace(first, id=f"run_{len(self.runs) + 1}", state=RunState.QUEUED, parent=run_id)
        self.runs[run.id] = run
        self.keys[principal.id, key] = run.id
        self.logs[run.id] = [replace(event, run_id=run.id) for event in self.logs[run_id][:after]]
        return run

    async def send_message(self, principal: Principal, run_id: str, text: str, key: str = "") -> Run:
        run = self._own(principal, run_id)
        if run.state is RunState.CANCELLED:
            raise Conflict(f"{run_id} was cancelled.", hint="Start another run.")
        if not (key and (principal.id, key) in self.keys):
            self.keys[principal.id, key] = run_id
            await self._move(run, RunState.QUEUED)
            await self._tell(run_id, "said", {"text": text})
        return self.runs[run_id]

    async def rate_run(self, principal: Principal, run_id: str, score: float, comment: str = "") -> Run:
        run = self._own(principal, run_id)
        self.ratings.append((run_id, score, comment))
        return run

    async def get_model_request(self, principal: Principal, run_id: str, turn: int) -> TurnRequest:
        run = self._own(principal, run_id)
        if turn != 1:
            raise NotFound(f"{run_id} has no turn {turn}.")
        use = TurnToolUse("use_1", "crm__get", '{"id":"ä"}')
        messages = (
            TurnMessage("user", run.input),
            TurnMessage("assistant", tool_uses=(use,)),
            TurnMessage("tool", "no", tool_use_id="use_1", is_error=True),
        )
        tool = TurnTool("crm__get", "crm.get", "Gets.", {"type": "object", "maxProperties": BIG})
        return TurnRequest(run_id, turn, "d1", "d2", messages, (tool,))

    async def list_input_requests(
        self, principal: Principal, run_id: str | None = None
    ) -> tuple[InputRequest, ...]:
        return tuple(
            request
            for request in self.requests.values()
            if self.runs[request.run_id].owner == principal.id
            and run_id in (None, request.run_id)
            and request.state is RequestState.OPEN
        )

    async def get_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return self.requests[request_id]

    async def withdraw_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        self.requests[request_id] = replace(self.requests[request_id], state=RequestState.VOID)
        return self.requests[request_id]

    async def take_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        request = self.requests[request_id]
        if request.state is not RequestState.OPEN:
            raise Conflict(f"{request_id} is not open any more.")
        self.requests[request_id] = replace(request, state=RequestState.TAKEN)
        return self.requests[request_id]

    async def answer_input_request(
        self, principal: Principal, request_id: str, answer: Answer
    ) -> InputRequest:
        self.last_answer = answer
        request = self.requests[request_id]
        if request.state not in (RequestState.OPEN, RequestState.TAKEN):
            raise Conflict(f"{request_id} was answered before.", request_id=request_id)
        if answer.approve is None:
            state, said = RequestState.ANSWERED, answer.text or answer.choice
        else:
            state, said = RequestState.APPROVED if answer.approve else RequestState.DENIED, answer.reason
        self.requests[request_id] = replace(request, state=state)
        await self._end(self._own(principal, request.run_id), RunState.COMPLETED, said)
        return self.requests[request_id]

    async def _move(self, run: Run, state: RunState) -> Run:
        if run.state is not state:
            self.runs[run.id] = replace(run, state=state)
            await self._tell(run.id, "moved", {"state": state.value})
        return self.runs[run.id]

    async def _end(self, run: Run, state: RunState, answer: str) -> Run:
        self.runs[run.id] = replace(run, state=state, answer=answer)
        await self._tell(run.id, "ended", {"state": state.value})
        return self.runs[run.id]

    async def _tell(self, run_id: str, kind: str, data: JsonObject) -> None:
        async with self.news:
            log = self.logs.setdefault(run_id, [])
            log.append(RunEvent(run_id, len(log) + 1, kind, 1_800_000_000_000, data))
            self.news.notify_all()

    def _own(self, principal: Principal, run_id: str) -> Run:
        run = self.runs.get(run_id)
        if run is None or run.owner != principal.id:
            raise NotFound(f"There is no run {run_id!r}.")
        return run
