"""Exports of many runs: one at a time, page by page, without those that policy keeps in."""

from pathlib import Path

import msgspec
import pytest

from gateway.cli.run_export import permitted, write_runs
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, House, says, until
from toolward.errors import Denied
from toolward.types import EVERY_RUN, Run

COUNT = 60  # more than a page


async def made(house: House, runs: Runs) -> list[str]:
    house.script(*[says(f"Answer {number}.") for number in range(COUNT)])
    ids: list[str] = []
    for number in range(COUNT):
        ids.append((await runs.start_run(ADA, "support", f"Question {number}?")).id)
        await until(runs, ids[-1])
    return ids


def allows(_run: Run) -> Denied | None:
    return None


async def test_each_run_is_written_before_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path / "ledger.db")
    done: list[str] = []
    async with house.open() as runs:
        ids = await made(house, runs)
        get = runs.get_run

        async def noted(principal: object, run_id: str) -> Run:
            if not done or done[-1] != f"read {run_id}":  # watching asks for it, too
                done.append(f"read {run_id}")
            return await get(ADA, run_id)

        def write(line: bytes) -> None:
            done.append(f"write {msgspec.json.decode(line)['run']['id']}")

        monkeypatch.setattr(runs, "get_run", noted)
        chosen = permitted(runs, ADA, (), EVERY_RUN, allows)
        assert await write_runs(runs, ADA, chosen, "toolward", write) == COUNT
    newest_first = reversed(ids)
    assert done == [one for run_id in newest_first for one in (f"read {run_id}", f"write {run_id}")]


async def test_what_policy_keeps_in_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path / "ledger.db")
    async with house.open() as runs:
        ids = await made(house, runs)
        written: list[bytes] = []

        def refuses(run: Run) -> Denied | None:
            return Denied("Policy keeps it in.", rule="r") if run.id == ids[3] else None

        chosen = permitted(runs, ADA, (), EVERY_RUN, refuses)
        assert await write_runs(runs, ADA, chosen, "openai", written.append) == COUNT - 1
        assert f"{ids[3]} is left out: Policy keeps it in." in capsys.readouterr().err
        assert not any(b"Question 3?" in line for line in written)
        with pytest.raises(Denied):
            await write_runs(
                runs, ADA, permitted(runs, ADA, (ids[3],), EVERY_RUN, refuses), "openai", written.append
            )
