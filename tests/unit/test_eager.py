"""Work that is begun before anybody waits for it behaves as if it had been awaited."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from toolward.doors.eager import Begun


async def finished(work: Coroutine[Any, Any, Any]) -> Any:
    begun = Begun(work)
    return begun.value if begun.done else await begun.finish()


async def after(waits: int, value: str) -> str:
    for _ in range(waits):
        await asyncio.sleep(0)
    return value


async def test_what_never_waits_is_done_at_once() -> None:
    begun = Begun(after(0, "now"))
    assert begun.done
    assert begun.value == "now"


@pytest.mark.parametrize("waits", [1, 2, 5])
async def test_what_waits_is_finished_later(waits: int) -> None:
    begun = Begun(after(waits, "later"))
    assert not begun.done
    assert await begun.finish() == "later"


async def test_a_future_wakes_it_with_its_result() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait() -> int:
        return await future + 1

    begun = Begun(wait())
    future.set_result(1)
    assert await begun.finish() == 2


@pytest.mark.parametrize("waits", [0, 1])
async def test_errors_come_out(waits: int) -> None:
    async def fail() -> None:
        await after(waits, "")
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        await finished(fail())


@pytest.mark.parametrize("waits", [0, 3])
async def test_cancelling_reaches_the_work_wherever_it_waits(waits: int) -> None:
    reached, stopped = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await after(waits, "")
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task = asyncio.create_task(finished(work()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


async def test_work_may_go_on_after_it_was_cancelled() -> None:
    started = asyncio.Event()

    async def work() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return "cleaned up"
        return "never"

    async def answer_at_once() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "no matter"
        return "never"

    for one, said in ((work(), "cleaned up"), (answer_at_once(), "no matter")):
        started.clear()
        task = asyncio.create_task(finished(one))
        await started.wait()
        task.cancel()
        assert await task == said


async def test_a_timeout_inside_and_one_outside_each_hit_their_own() -> None:
    async def inner() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "inner"
        return "never"

    begun = Begun(inner())
    async with asyncio.timeout(10):
        assert await begun.finish() == "inner"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Begun(asyncio.Event().wait()).finish()
