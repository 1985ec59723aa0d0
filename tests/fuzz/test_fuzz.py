"""A share of `make fuzz`, the same each time."""

import asyncio
import logging

import pytest

from tests.fuzz.differential import differences
from tests.fuzz.doors import DOORS
from tests.fuzz.house import opened

SHARES = {"raw": 300, "mcp": 200, "grpc": 150, "rest": 30}


def test_no_input_makes_a_door_fail_hang_or_keep_anything() -> None:
    with opened() as house:
        for name, (fuzz, _) in DOORS.items():
            fuzz(house, SHARES[name], 7)
            house.check()


def test_what_goes_the_short_way_the_parser_would_have_read_alike(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        assert asyncio.run(differences(800, 7)) > 20
