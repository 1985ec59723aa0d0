"""Words go when their time is over, as the configuration says, while the gateway goes on."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.core.ports import ERASED
from gateway.ledger.ledger import Ledger
from gateway.ledger.retention import keep_erasing
from tests.integration.test_ledger_erasure import DAY, SECRET, write
from tests.twins import TwinClock


async def until_erased(ledger: Ledger) -> None:
    while True:
        if (await ledger.get("run_1")).run.input == ERASED:
            return


@pytest.mark.parametrize("days", [1, 0])
async def test_words_go_after_so_many_days_or_never(
    tmp_path: Path, days: int, caplog: pytest.LogCaptureFixture
):
    clock = TwinClock()
    looked = asyncio.Event()

    def now() -> int:
        looked.set()
        return clock.now_ms()

    def kept() -> int:
        looked.set()
        return days

    async with Ledger.open(tmp_path / "ledger.db", now=clock.now_ms) as ledger:
        await write(ledger, clock, "run_1")
        clock.advance(DAY + 1)
        with caplog.at_level(logging.INFO):
            erasing = asyncio.create_task(keep_erasing(ledger, now, kept, every=0))
            await looked.wait()
            if days:
                await asyncio.wait_for(until_erased(ledger), 30)
            erasing.cancel()
            await asyncio.wait([erasing])
        assert (await ledger.get("run_1")).run.input == (ERASED if days else SECRET)


async def test_a_failure_is_told_and_it_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    clock = TwinClock()
    async with Ledger.open(tmp_path / "ledger.db", now=clock.now_ms) as ledger:
        pass
    with caplog.at_level(logging.ERROR):
        erasing = asyncio.create_task(keep_erasing(ledger, clock.now_ms, lambda: 1, every=0))
        while "cannot be erased: The database" not in caplog.text:
            assert not erasing.done()
            await asyncio.sleep(0)
        erasing.cancel()
        await asyncio.wait([erasing])
