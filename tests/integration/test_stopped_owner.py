"""The owner of a run is stopped (SIGSTOP) until another gateway takes over, then goes on: nothing is done twice."""

import asyncio
import sys

import pytest

from tests.chaos.stopped import CASES


# Half of them a process: what comes before the first case takes longer than a case.
@pytest.mark.parametrize("cases", [[*CASES][::2], [*CASES][1::2]], ids=["even", "odd"])
async def test_an_owner_that_stood_still_does_no_harm(cases: list[str]):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.stopped",
        *cases,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 110)
    assert process.returncode == 0, said.decode()
    assert said.decode().endswith(f"{len(cases)} cases\n")
