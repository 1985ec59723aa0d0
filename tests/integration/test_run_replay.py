"""Replay: the loop makes a run's log again from what came from outside, or says where the log is not its own."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.runs.trajectories import Trajectory, replayed, trajectory
from tests.integration.moody_runs import Life
from tests.integration.run_house import ADA


async def lived(path: Path, seed: int, actions: int) -> list[Trajectory]:
    life = Life(path, seed)
    await life.live(actions)
    async with life.house.open() as runs:
        return [await trajectory(runs, ADA, run_id) for run_id in life.runs]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.integers(0, 2**32))
def test_whatever_a_moody_model_moody_tools_and_moody_people_make_of_a_run_replays(seed: int):
    with tempfile.TemporaryDirectory() as folder:
        for found in asyncio.run(lived(Path(folder) / "ledger.db", seed, 40)):
            assert replayed(found) is None, (seed, [event.type for event in found.events])
