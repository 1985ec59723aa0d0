"""The page on gRPC: its Python is run against a gateway, and what it says of the door is so."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.bootstrap import open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.integration.served import there
from toolservers.calculator.tools import server
from toolward.doors.grpc import serve_grpc
from toolward.doors.grpc_boundary import COMPRESSED_FROM
from toolward.doors.grpc_options import PING, PONG, STREAMS

PAGE = (Path(__file__).parents[2] / "docs" / "grpc.md").read_text(encoding="utf-8")
CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends: {calculator: {grpc: "CALCULATOR"}}
"""


async def test_the_examples_call_a_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with server.running(), serve_grpc("127.0.0.1:0", server, None, name="calculator") as calculator:
        config = tmp_path / "toolward.yaml"
        config.write_text(CONFIG.replace("CALCULATOR", calculator.address))
        async with (
            open_gateway(read_settings(config), tmp_path / "home", environment={}) as gateway,
            open_doors(gateway) as doors,
        ):
            await there(gateway, "calculator.calculate")
            monkeypatch.setenv("TOKEN", secret_file(gateway.home).read_text())
            printed: list[str] = []
            for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
                code = block.replace("127.0.0.1:8701", str(doors.grpc))
                await asyncio.to_thread(exec, code, {})  # each has a loop of its own
                printed.append(capsys.readouterr().out)
    with_client, bare = printed
    assert "'calculator.calculate'" in with_client
    assert "12.72" in with_client
    assert "invalid_arguments" in with_client
    assert "0.3" in bare
    assert "NOT_FOUND There is no tool named 'calculator.compute'" in bare
    assert "toolward unknown_tool" in bare


def test_its_numbers_are_those_of_the_door() -> None:
    for said in (
        f"Answers of {COMPRESSED_FROM >> 10} KiB",
        f"silence of {PING} s",
        f"and {PONG} s waited",
        f"{STREAMS:,} RPCs at once",
    ):
        assert said in PAGE
