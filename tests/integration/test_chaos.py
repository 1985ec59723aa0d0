"""A seeded sample of `make chaos`: the gateway is killed (-9) at points of its runs, which end as they should."""

import asyncio
import os
import sys

SEED = os.environ.get("TOOLWARD_SEED", "20261126")
KILLS = os.environ.get("TOOLWARD_KILLS", "24")


async def test_whatever_point_the_gateway_is_killed_at_its_runs_come_to_the_same_end():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.chaos", "--kills", KILLS, "--seed", SEED, "--jobs", "2", "--seconds", "60"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    print(said.decode())
    assert process.returncode == 0, said.decode()
