"""A run whose step ends the gateway each time does so three times, and then a person is asked."""

import asyncio
import sys

import pytest

from tests.chaos.poison import CASES


# Half of them a process: what comes before the first case takes longer than a case.
@pytest.mark.parametrize("cases", [[*CASES][::2], [*CASES][1::2]], ids=["even", "odd"])
async def test_a_step_that_ends_the_gateway_is_not_tried_for_ever(cases: list[str]):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.poison",
        *cases,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 110)
    assert process.returncode == 0, said.decode()
    assert said.decode().endswith(f"{len(cases)} cases\n")
