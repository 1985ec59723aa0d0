"""Agents and runs of a gateway, without its `principal`: the far end knows the caller by the token."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Literal, TypeVar, overload
from uuid import uuid4

from toolward.client.retries import Retries, repeated
from toolward.errors import Unavailable
from toolward.types import (
    EVERY_RUN,
    Agent,
    AgentProvider,
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

T = TypeVar("T")


class Agents:
    """What only reads is tried again, and what a repeat does not change: pausing, resuming, rating. So is what goes
    by a key: starting, retrying, sending; where the caller gives none, a key is made, and a repeat after a lost
    answer starts or sends nothing twice. Cancelling, and what is done in the inbox, are asked for once."""

    def __init__(
        self, provider: AgentProvider, principal: Principal, retries: Retries, seconds: float
    ) -> None:
        self._provider, self._principal = provider, principal
        self._retries, self._seconds = retries, seconds

    async def list_agents(self) -> tuple[Agent, ...]:
        return await self._repeated(lambda: self._provider.list_agents(self._principal))

    async def start(self, agent: str, text: str, *, key: str = "", before: Sequence[Said] = ()) -> Run:
        """The same `key` again gives the run that it started first. `before` is the conversation that `text` goes
        on with, where it was held elsewhere."""
        key = key or _new_key()
        return await self._repeated(
            lambda: self._provider.start_run(self._principal, agent, text, key, before)
        )

    @overload
    def watch(
        self, run_id: str, after: int = 0, *, deltas: Literal[False] = False
    ) -> AsyncGenerator[RunEvent, None]: ...

    @overload
    def watch(
        self, run_id: str, after: int = 0, *, deltas: bool
    ) -> AsyncGenerator[RunEvent | TextDelta, None]: ...

    async def watch(
        self, run_id: str, after: int = 0, *, deltas: bool = False
    ) -> AsyncGenerator[RunEvent | TextDelta, None]:
        """The run's events from the one behind `after` to its end; with `deltas` pieces of the model's text between
        them, as they come. Where the connection is lost, it goes on behind the last event that came; it gives up
        when nothing new came in as many attempts as `retries` allows."""
        attempt = 0
        while True:
            try:
                async for news in self._provider.watch_run(self._principal, run_id, after, deltas):
                    attempt = 0
                    if isinstance(news, RunEvent):
                        after = news.seq
                    yield news
            except Unavailable as error:
                pause = self._retries.pause(error, attempt, safe=True)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                attempt += 1
            else:
                return

    async def ask(self, agent: str, text: str, *, key: str = "") -> Run:
        """Start a run and follow it to its end, however long people take to answer what it asks."""
        run = await self.start(agent, text, key=key)
        async for _ in self.watch(run.id):
            pass
        return await self.get(run.id)

    async def get(self, run_id: str) -> Run:
        return await self._repeated(lambda: self._provider.get_run(self._principal, run_id))

    async def list_runs(
        self, *, size: int = 50, cursor: str | None = None, only: RunFilter = EVERY_RUN
    ) -> RunPage:
        return await self._repeated(
            lambda: self._provider.list_runs(self._principal, size=size, cursor=cursor, only=only)
        )

    async def cancel(self, run_id: str) -> Run:
        return await self._provider.cancel_run(self._principal, run_id)

    async def pause(self, run_id: str) -> Run:
        return await self._repeated(lambda: self._provider.pause_run(self._principal, run_id))

    async def resume(self, run_id: str) -> Run:
        return await self._repeated(lambda: self._provider.resume_run(self._principal, run_id))

    async def retry(self, run_id: str, after: int, *, key: str = "") -> Run:
        """A new run that shares this one's events up to `after`; the same `key` again gives the same new run."""
        key = key or _new_key()
        return await self._repeated(lambda: self._provider.retry_run(self._principal, run_id, after, key))

    async def send(self, run_id: str, text: str, *, key: str = "") -> Run:
        """Go on with a run's conversation; the same `key` again adds nothing."""
        key = key or _new_key()
        return await self._repeated(lambda: self._provider.send_message(self._principal, run_id, text, key))

    async def rate(self, run_id: str, score: float, comment: str = "") -> Run:
        """`score` is -1 (bad) to 1 (good)."""
        return await self._repeated(lambda: self._provider.rate_run(self._principal, run_id, score, comment))

    async def model_request(self, run_id: str, turn: int) -> TurnRequest:
        """What the model was asked in this turn of the run, exactly as it was."""
        return await self._repeated(lambda: self._provider.get_model_request(self._principal, run_id, turn))

    async def input_requests(self, run_id: str | None = None) -> tuple[InputRequest, ...]:
        """What waits for a person."""
        return await self._repeated(lambda: self._provider.list_input_requests(self._principal, run_id))

    async def answer(self, request_id: str, answer: Answer) -> InputRequest:
        """The request afterwards. Where the answer changed the arguments and somebody else must agree, it is
        another open one, which stands in its place."""
        return await self._provider.answer_input_request(self._principal, request_id, answer)

    async def input_request(self, request_id: str) -> InputRequest:
        """One that the caller made or may answer, in whatever state it is."""
        return await self._repeated(lambda: self._provider.get_input_request(self._principal, request_id))

    async def withdraw(self, request_id: str) -> InputRequest:
        """Take back a request that the caller made."""
        return await self._provider.withdraw_input_request(self._principal, request_id)

    async def take(self, request_id: str) -> InputRequest:
        """Take a case over: nobody else answers it then, and its run waits until the caller does."""
        return await self._provider.take_input_request(self._principal, request_id)

    async def _repeated(self, work: Callable[[], Awaitable[T]]) -> T:
        """For what a repeat does no harm to."""
        return await repeated(lambda _: work(), self._retries, safe=True, seconds=self._seconds)


def _new_key() -> str:
    return uuid4().hex
