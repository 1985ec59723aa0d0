"""Agents and runs of a gateway, without its `principal`: the far end knows the caller by the token."""

import asyncio
from collections.abc import AsyncGenerator

from toolward.client.retries import Retries, repeated
from toolward.errors import Unavailable
from toolward.types import (
    Agent,
    AgentProvider,
    Answer,
    InputRequest,
    Principal,
    Run,
    RunEvent,
    RunPage,
    RunState,
)


class Agents:
    """What only reads is tried again; starting a run is, where it has a key."""

    def __init__(
        self, provider: AgentProvider, principal: Principal, retries: Retries, seconds: float
    ) -> None:
        self._provider, self._principal = provider, principal
        self._retries, self._seconds = retries, seconds

    async def list_agents(self) -> tuple[Agent, ...]:
        return await repeated(
            lambda _: self._provider.list_agents(self._principal),
            self._retries,
            safe=True,
            seconds=self._seconds,
        )

    async def start(self, agent: str, text: str, *, key: str = "") -> Run:
        """The same `key` again gives the run that it started first."""
        return await repeated(
            lambda _: self._provider.start_run(self._principal, agent, text, key),
            self._retries,
            safe=bool(key),
            seconds=self._seconds,
        )

    async def watch(self, run_id: str, after: int = 0) -> AsyncGenerator[RunEvent, None]:
        """The run's events from the one behind `after` to its end. Where the connection is lost, it goes on behind
        the last one that came; it gives up when nothing new came in as many attempts as `retries` allows."""
        attempt = 0
        while True:
            try:
                async for event in self._provider.watch_run(self._principal, run_id, after):
                    after, attempt = event.seq, 0
                    yield event
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
        return await repeated(
            lambda _: self._provider.get_run(self._principal, run_id),
            self._retries,
            safe=True,
            seconds=self._seconds,
        )

    async def list_runs(
        self, *, size: int = 50, cursor: str | None = None, state: RunState | None = None
    ) -> RunPage:
        return await repeated(
            lambda _: self._provider.list_runs(self._principal, size=size, cursor=cursor, state=state),
            self._retries,
            safe=True,
            seconds=self._seconds,
        )

    async def cancel(self, run_id: str) -> Run:
        return await self._provider.cancel_run(self._principal, run_id)

    async def input_requests(self, run_id: str | None = None) -> tuple[InputRequest, ...]:
        """What waits for a person."""
        return await repeated(
            lambda _: self._provider.list_input_requests(self._principal, run_id),
            self._retries,
            safe=True,
            seconds=self._seconds,
        )

    async def answer(self, request_id: str, answer: Answer) -> InputRequest:
        """The request afterwards. Where the answer changed the arguments and somebody else must agree, it is
        another open one, which stands in its place."""
        return await self._provider.answer_input_request(self._principal, request_id, answer)

    async def input_request(self, request_id: str) -> InputRequest:
        """One that the caller made or may answer, in whatever state it is."""
        return await repeated(
            lambda _: self._provider.get_input_request(self._principal, request_id),
            self._retries,
            safe=True,
            seconds=self._seconds,
        )

    async def withdraw(self, request_id: str) -> InputRequest:
        """Take back a request that the caller made."""
        return await self._provider.withdraw_input_request(self._principal, request_id)
