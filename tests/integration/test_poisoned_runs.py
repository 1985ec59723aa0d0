"""A run whose step ends the gateway each time does so three times, and then a person is asked."""

import asyncio
import sys

import pytest

from tests.chaos.poison import CASES


@pytest.mark.parametrize("case", CASES)
async def test_a_step_that_ends_the_gateway_is_not_tried_for_ever(case: str):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.poison",
        case,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 110)
    assert process.returncode == 0, said.decode()
