"""Budgets a day over a real SQLite file: exact over ledgers, processes and restarts, and one with the intent."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.core.limits import DAY_MS
from gateway.core.ports import CallRecord, ModelUse, RunAppend, RunRecord, Spend, StoredEvent, Taken
from gateway.ledger.ledger import Ledger
from tests.integration.test_ledger import approve, record, spec
from tests.twins import START_MS, TwinClock
from toolward.errors import Conflict, NotFound, Overloaded, Unavailable
from toolward.types import RequestState, Run, RunState

DAY = START_MS // DAY_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def calls(at_most: int, *, day: int = DAY, scope: str = "ada") -> Spend:
    return Spend("refunds", "calls", scope, day, 1, at_most)


def amount(of: int, at_most: int) -> Spend:
    return Spend("refunds", "sum:amount_minor", "ada", DAY, of, at_most)


def read(number: int | str) -> CallRecord:
    return msgspec.structs.replace(record(f"call_{number}"), changes=False)


def taken(path: Path) -> list[tuple[str, str, int, int]]:
    with sqlite3.connect(path) as connection:
        query = "SELECT call_id, measure, amount, total FROM budget_spends ORDER BY id"
        return connection.execute(query).fetchall()


async def made(ledger: Ledger, call: CallRecord, *spends: Spend) -> bool:
    try:
        await ledger.intend(call, b"{}", spends=spends)
    except Overloaded:
        return False
    return True


async def test_a_call_over_its_budget_leaves_nothing(path: Path):
    async with Ledger.open(path, now=TwinClock().now_ms) as ledger:
        await ledger.intend(read(1), b"{}", spends=[calls(9), amount(60, 100)])
        with pytest.raises(Overloaded, match="amount_minor up to 100 a day in sum") as caught:
            await ledger.intend(read(2), b"{}", spends=[calls(9), amount(41, 100)])
        assert caught.value.retry_after == (DAY_MS - START_MS % DAY_MS) / 1000
        with pytest.raises(NotFound):
            await ledger.call_record("call_2")
        await ledger.intend(read(3), b"{}", spends=[calls(9), amount(40, 100)])
    assert taken(path) == [
        ("call_1", "calls", 1, 1),
        ("call_1", "sum:amount_minor", 60, 60),
        ("call_3", "calls", 1, 2),
        ("call_3", "sum:amount_minor", 40, 100),
    ]


async def test_it_is_exact_for_two_ledgers_on_one_file_at_once(path: Path):
    clock = TwinClock()
    async with Ledger.open(path, now=clock.now_ms) as one, Ledger.open(path, now=clock.now_ms) as two:
        attempts = [made((one, two)[number % 2], read(number), calls(25)) for number in range(60)]
        assert sum(await asyncio.gather(*attempts)) == 25
    assert [total for *_, total in taken(path)] == list(range(1, 26))


PROCESS = """
import asyncio, sys
from pathlib import Path
from gateway.ledger.ledger import Ledger
from tests.integration.test_budgets import calls, made, read

async def main(name: str, path: Path) -> None:
    async with Ledger.open(path, busy_timeout=30.0) as ledger:
        done = await asyncio.gather(*(made(ledger, read(f"{name}_{n}"), calls(30)) for n in range(25)))
        print(sum(done))

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


async def test_it_is_exact_for_several_processes(path: Path):
    async with Ledger.open(path):
        pass
    root = Path(__file__).parents[2]
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROCESS, name, str(path)), stdout=subprocess.PIPE, cwd=root
        )
        for name in ("a", "b", "c")
    ]
    printed = [(await process.communicate())[0] for process in processes]
    assert sum(map(int, printed)) == 30


async def test_it_survives_a_restart_and_the_next_day_begins_anew(path: Path):
    async with Ledger.open(path) as ledger:
        assert await made(ledger, read(1), calls(1))
    async with Ledger.open(path) as ledger:
        assert not await made(ledger, read(2), calls(1))
        assert await made(ledger, read(3), calls(1, scope="bo"))
        assert await made(ledger, read(4), calls(1, day=DAY + 1))


async def test_a_repeat_of_a_call_takes_nothing_more(path: Path):
    async with Ledger.open(path) as ledger:
        for _ in range(3):
            assert await made(ledger, read(1), calls(2))
        assert await made(ledger, read(2), calls(2))
        assert not await made(ledger, read(3), calls(2))


async def test_an_approval_is_not_used_up_by_a_call_over_its_budget(path: Path):
    clock = TwinClock()
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        assert await made(ledger, read(1), calls(1))
        await approve(ledger, await ledger.open_request(spec("req_1", clock)))
        with pytest.raises(Overloaded):
            await ledger.intend(record("call_2"), b"{}", approval="req_1", spends=[calls(1)])
        assert (await ledger.get_request("req_1")).request.state is RequestState.APPROVED
        await ledger.intend(record("call_2"), b"{}", approval="req_1", spends=[calls(2)])
        assert (await ledger.get_request("req_1")).request.state is RequestState.CONSUMED


async def test_a_call_whose_approval_is_gone_spends_nothing(path: Path):
    async with Ledger.open(path) as ledger:
        with pytest.raises(Conflict):
            await ledger.intend(record("call_1"), b"{}", approval="req_404", spends=[calls(1)])
        assert await made(ledger, read(2), calls(1))


async def test_a_lowered_budget_holds_at_once_and_a_huge_amount_is_refused(path: Path):
    async with Ledger.open(path) as ledger:
        assert await made(ledger, read(1), amount(60, 100))
        assert not await made(ledger, read(2), amount(1, 50))
        assert not await made(ledger, read(3), amount(2**80, 100))


async def test_days_long_past_are_forgotten(path: Path):
    async with Ledger.open(path) as ledger:
        for day in range(40):
            assert await made(ledger, read(day), calls(1, day=DAY + day))
    assert len(taken(path)) <= 33


async def test_where_what_was_taken_is_gone_nothing_more_is_given(path: Path):
    async with Ledger.open(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE budget_spends")
    async with Ledger.open(path) as ledger:
        with pytest.raises(Unavailable):
            await made(ledger, read(1), calls(1))


# --- of models: counted with the reply, never refused there


async def reply(ledger: Ledger, number: int, tokens: int, cost: int) -> None:
    run = Run(f"run_{number}", "a", "ada", RunState.RUNNING, "", created_at=START_MS, updated_at=START_MS)
    await ledger.create(RunRecord(run, "default", ()), [StoredEvent("run_started", 1, b"{}")])
    use = ModelUse(("ada", "acme"), tokens, cost)
    await ledger.append(RunAppend(run.id, 1, (StoredEvent("model_replied", 1, b"{}"),), run, use=use))


async def test_what_models_took_is_exact_for_two_ledgers_at_once_and_after_a_restart(path: Path):
    async with Ledger.open(path) as one, Ledger.open(path) as two:
        await asyncio.gather(*(reply((one, two)[number % 2], number, 3, 5) for number in range(30)))
    async with Ledger.open(path) as again:
        assert await again.taken(("ada", "acme"), DAY) == {"ada": Taken(90, 150), "acme": Taken(90, 150)}


async def test_what_a_mad_endpoint_says_breaks_no_sum(path: Path):
    async with Ledger.open(path) as ledger:
        for number in range(2):
            await reply(ledger, number, 2**62, 0)
        assert (await ledger.taken(("ada",), DAY))["ada"].tokens == 2**62
        assert await made(ledger, read(1), calls(1))
