"""Backends that hang, crash, lie, flood, change and leak, each beside a healthy one whose calls go on. Real
processes; what it costs the others is measured by `benchmarks/faults`."""

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from gateway.backends.children import MAX_LINE, MAX_LOG_RATE
from gateway.backends.logfile import MAX_BYTES
from gateway.backends.pool import Backends
from gateway.core.catalog import MAX_TOOLS, build_catalog
from gateway.core.spec import StdioSpec
from tests.integration.test_backends import IN_TIME, QUICK, ask, backends, call, listing, stdio, until
from toolward.errors import DeadlineExceeded, InvalidResult, Overloaded, ToolwardError, Unavailable

LYING = "tests.servers.lying"


def beside(
    folder: Path,
    *,
    timeout: float = 30,
    concurrency: int = 64,
    queue: int = 256,
    left_alone: float = 30,
    **env: str,
) -> Backends:
    """A pool of a healthy backend, `good`, and one that misbehaves when it is asked to, `bad`."""
    bad = stdio("bad", "-m", LYING, timeout=timeout, **env)
    bounded = StdioSpec(
        name="bad",
        address="bad",
        launch=bad.launch,
        timeout=timeout,
        concurrency=concurrency,
        queue=queue,
    )
    timing = msgspec.structs.replace(QUICK, first_refusal=left_alone)
    return backends(folder, stdio("good", "-m", "tests.servers.fixture"), bounded, timing=timing)


async def outcome(pool: Backends, tool: str, within: float = 30) -> str:
    """The code of the error with which a call of the bad one ended, or `ok`."""
    try:
        await call(pool, "bad", tool, within=within)
    except ToolwardError as error:
        return error.code
    return "ok"


async def goes_on(pool: Backends, while_: asyncio.Task[object]) -> int:
    """How many calls the healthy backend answered meanwhile; all of them right."""
    answered = 0
    while not while_.done():
        assert (await call(pool, "good", "add", b'{"a": %d}' % answered)).structured == {"sum": answered}
        answered += 1
        await asyncio.sleep(0.001)
    return answered


async def test_one_that_hangs_takes_no_more_than_its_places_and_is_left_alone(tmp_path: Path) -> None:
    async with beside(tmp_path, timeout=1, concurrency=6, queue=4) as pool:
        calls = [asyncio.create_task(outcome(pool, "hang")) for _ in range(40)]
        await asyncio.sleep(0)
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        refused = Counter(task.result() for task in calls if task.done())
        assert refused == {"overloaded": 30}  # at once, and with nobody waiting for the others
        ended = asyncio.ensure_future(asyncio.wait(calls))
        assert await goes_on(pool, ended) > 0
        # Six were in work for their whole second. Those who waited were refused then, or had no time left either.
        codes = Counter(task.result() for task in calls)
        assert codes["overloaded"] == 30
        assert codes["deadline_exceeded"] + codes["unavailable"] == 10
        assert codes["deadline_exceeded"] >= 6
        assert "one is tried now and then" in listing(pool, "bad").warning
        assert listing(pool, "bad").problem == ""
        with pytest.raises(Unavailable, match="left alone for a while") as caught:
            await call(pool, "bad", "ok")
        assert caught.value.retry_after is not None


async def test_one_that_was_left_alone_is_found_well_again(tmp_path: Path) -> None:
    async with beside(tmp_path, timeout=0.3, concurrency=6, left_alone=0.02) as pool:
        await asyncio.gather(*(outcome(pool, "hang") for _ in range(6)))
        assert listing(pool, "bad").warning
        async with asyncio.timeout(IN_TIME):
            while await outcome(pool, "ok") != "ok":  # noqa: ASYNC110 -- nothing tells when a breaker may be tried
                await asyncio.sleep(0.01)
        assert listing(pool, "bad").warning == ""


async def test_too_many_calls_are_refused_with_the_time_to_come_back(tmp_path: Path) -> None:
    async with beside(tmp_path, concurrency=1, queue=0) as pool:
        first = asyncio.create_task(call(pool, "bad", "hang"))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="1 calls of bad are in work and 0 wait") as caught:
            await call(pool, "bad", "ok")
        assert caught.value.retry_after == 1
        first.cancel()
        await asyncio.wait({first})
        assert (await call(pool, "bad", "ok")).text == "ok"


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("crash", "unavailable"),
        ("garbage", "unavailable"),
        ("other_id", "invalid_result"),
        ("huge", "unavailable"),
    ],
)
async def test_one_that_breaks_fails_its_own_calls_and_is_mended(
    tmp_path: Path, tool: str, code: str
) -> None:
    async with beside(tmp_path) as pool:
        seen: list[str] = []
        pool.on_change(lambda: seen.append(listing(pool, "bad").problem))
        before = (await ask(pool, "bad", "ok"))["pid"]
        broken = asyncio.create_task(outcome(pool, tool))
        assert await goes_on(pool, broken) > 0
        assert broken.result() == code
        mended = asyncio.ensure_future(until(pool, lambda: len(seen) > 1 and not seen[-1]))
        assert await goes_on(pool, mended) > 0
        assert (await ask(pool, "bad", "ok"))["pid"] != before


async def test_one_that_floods_us_with_notifications_waits(tmp_path: Path) -> None:
    async with beside(tmp_path, FLOOD="1") as pool:
        flood = asyncio.create_task(outcome(pool, "notify", within=2))
        assert await goes_on(pool, flood) > 0
        assert flood.result() in ("ok", "deadline_exceeded")


async def test_one_that_floods_its_log_waits_and_keeps_the_bound(tmp_path: Path) -> None:
    async with beside(tmp_path, FLOOD="1") as pool:
        flood = asyncio.create_task(outcome(pool, "shout"))
        assert await goes_on(pool, flood) > 0
        assert flood.result() == "ok"
        assert (tmp_path / "logs" / "bad.log").stat().st_size <= MAX_BYTES
    assert MAX_LOG_RATE < MAX_LINE


async def test_one_with_ten_thousand_tools_is_cut_and_told(tmp_path: Path) -> None:
    async with beside(tmp_path, MANY="10000") as pool:
        catalog = build_catalog(pool.listings())
        assert len(catalog.backends["bad"].tools) == MAX_TOOLS
        assert any("lists 10,0" in problem for problem in catalog.problems)
        assert catalog.find("good.add") is not None
        assert (await call(pool, "good", "add", b'{"a": 1}')).structured == {"sum": 1}


async def test_one_whose_list_is_endless_and_fat_is_given_up_before_it_fills_the_memory(
    tmp_path: Path,
) -> None:
    async with beside(tmp_path, FAT=str(6 * 1024 * 1024)) as pool:
        await until(pool, lambda: "it has not answered yet" not in listing(pool, "bad").problem)
        assert "its list of tools has more than 16,777,216 bytes" in listing(pool, "bad").problem
        assert listing(pool, "bad").tools == ()
        assert (await call(pool, "good", "add", b'{"a": 1}')).structured == {"sum": 1}


async def test_one_whose_tools_change_changes_no_others(tmp_path: Path) -> None:
    async with beside(tmp_path) as pool:
        good = listing(pool, "good")
        count = len(listing(pool, "bad").tools)
        changes = asyncio.create_task(outcome(pool, "change"))
        await goes_on(pool, changes)
        await until(pool, lambda: len(listing(pool, "bad").tools) == count + 1)
        assert listing(pool, "good") is good


async def test_a_caller_in_a_hurry_does_not_close_a_backend_to_the_others(tmp_path: Path) -> None:
    async with beside(tmp_path) as pool:
        for _ in range(8):
            with pytest.raises(DeadlineExceeded):
                await call(pool, "bad", "hang", within=0.02)
        assert (await call(pool, "bad", "ok")).text == "ok"


async def test_a_caller_who_asks_for_wrong_answers_does_not_either(tmp_path: Path) -> None:
    async with backends(tmp_path, stdio("legacy", "-m", "tests.servers.legacy")) as pool:
        for _ in range(8):
            with pytest.raises(InvalidResult):
                await call(pool, "legacy", "odd")
            with pytest.raises(Unavailable, match="the database is gone"):
                await call(pool, "legacy", "break")
        assert (await call(pool, "legacy", "first")).text == "done"
