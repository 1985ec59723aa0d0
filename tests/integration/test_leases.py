"""Leases of runs, over a real ledger file: who is stopped while one is taken or given up leaves none behind."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.ports import RunRecord
from gateway.ledger.ledger import Ledger
from gateway.runs.leases import Leases
from tests.twins import TwinClock
from toolward.types import Run, RunState

RUN = Run("run_1", "support", "ada", RunState.QUEUED, "Go.", created_at=1, updated_at=1, last_seq=1)


class Held:
    """Something that the ledger does, whose answer or whose beginning is held up until it is let go."""

    def __init__(self, does: Callable[..., Awaitable[Any]], *, answer: bool) -> None:
        self._does, self._answer = does, answer
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()

    async def __call__(self, *given: Any, **named: Any) -> Any:
        if not self._answer:
            await self._wait()
        done = await self._does(*given, **named)
        if self._answer:
            await self._wait()
        return done

    async def _wait(self) -> None:
        self.reached.set()
        await self.let_go.wait()


@pytest.mark.parametrize("at", ["take", "release"])
async def test_who_is_stopped_in_the_middle_leaves_no_lease_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.create(RunRecord(RUN, "default", ("support",)), ())
        leases = Leases(ledger, TwinClock(), "one")
        held = Held(getattr(ledger, at), answer=at == "take")
        monkeypatch.setattr(ledger, at, held)

        async def work() -> None:
            lease = await leases.take("run_1")
            assert lease is not None
            await leases.release(lease)

        working = asyncio.create_task(work())
        await held.reached.wait()
        working.cancel()
        asyncio.get_running_loop().call_soon(held.let_go.set)
        with pytest.raises(asyncio.CancelledError):
            await working
        monkeypatch.undo()
        assert await ledger.take("run_1", "another", 10) is not None
