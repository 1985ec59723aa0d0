"""A provider whose one tool does what a test says, and who calls it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from toolward.errors import ToolwardError
from toolward.types import CallContext, Outcome, Principal, Progress, ToolCall, ToolPage, text_result

ADA = Principal("ada", roles=("support",))
NOBODY = Principal("")  # the token says who calls, not this
CALL = ToolCall("any")
Behaviour = Callable[[Principal, ToolCall, CallContext], Awaitable[Outcome]]


class Tools:
    """A provider whose one tool does what the test says."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = self._greet
        self.pages: dict[str | None, ToolPage] = {None: ToolPage(())}
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.stopped = asyncio.Event()

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return self.pages[cursor]

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        return await self.behaviour(principal, call, context)

    async def watch(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    def gives(self, outcome: Outcome | Exception) -> None:
        async def behaviour(*_: Any) -> Outcome:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        self.behaviour = behaviour

    def waits(self) -> None:
        """A call starts, and then takes until it is released or stopped."""

        async def behaviour(*_: Any) -> Outcome:
            self.started.set()
            try:
                await self.released.wait()
            finally:
                self.stopped.set()
            return text_result("released")

        self.behaviour = behaviour

    async def _greet(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        return text_result(f"hello {principal.id}")


def ignore(_: Progress) -> None:
    pass


async def failing(call: Awaitable[Any]) -> ToolwardError:
    with pytest.raises(ToolwardError) as caught:
        await call
    return caught.value
