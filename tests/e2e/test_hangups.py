"""SIGHUP asks for the configuration to be read again, whenever it comes: it ends neither a gateway that is still
starting, nor one that finishes the calls in work."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.command import BIN, free_port

SERVER = """
import asyncio
from pathlib import Path
from toolward.kit import ToolServer

server = ToolServer("slow")


@server.tool
async def wait(folder: str) -> str:
    \"\"\"Until there is a file `go`.\"\"\"
    Path(folder, "begun").touch()
    while not Path(folder, "go").exists():
        await asyncio.sleep(0.02)
    return "done"
"""
POLICY = "version: 1\nrules: [{id: all, tools: ['slow.*'], principals: ['role:operator'], effect: allow}]\n"


@pytest.mark.parametrize(
    "workers", ["1", pytest.param("2", marks=pytest.mark.skipif("sys.platform != 'linux'"))]
)
async def test_a_gateway_outlives_hangups_from_its_first_word_to_its_last(
    tmp_path: Path, workers: str
) -> None:
    (tmp_path / "slow.py").write_text(SERVER)
    (tmp_path / "policy.yaml").write_text(POLICY)
    http = free_port()
    config = tmp_path / "gateway.yaml"
    config.write_text(
        f"version: 1\nhttp: 127.0.0.1:{http}\ngrpc: 127.0.0.1:0\npolicies: [policy.yaml]\nlimits: {{drain: 60}}\n"
        f"backends: {{slow: {{command: [{json.dumps(str(BIN / 'toolserver'))}, slow.py], cwd: ., timeout: 60}}}}\n"
    )
    async with started(tmp_path, "up", "--config", str(config), "--workers", workers) as process:
        await said(process, "Starting 1 tool server")
        process.send_signal(signal.SIGHUP)
        await said(process, "Ctrl-C stops everything")
        headers = {"authorization": f"Bearer {(tmp_path / 'home' / 'secret').read_text()}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{http}", headers=headers, timeout=60
        ) as client:
            calling = asyncio.create_task(
                client.post("/v1/tools/slow.wait/calls", json={"folder": str(tmp_path)})
            )
            await asyncio.to_thread(there, tmp_path / "begun")
            process.send_signal(signal.SIGTERM)
            await said(process, "Stopping: calls in work are finished first")
            process.send_signal(signal.SIGHUP)
            (tmp_path / "go").touch()
            answer: Any = (await calling).json()
        assert answer["content"][0]["text"] == "done"
        assert await process.wait() == 0


@pytest.mark.skipif("sys.platform != 'linux'")
async def test_what_a_hangup_came_to_is_told_also_where_all_workers_were_started_again(
    tmp_path: Path,
) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("version: 1\nhttp: 127.0.0.1:0\ngrpc: 127.0.0.1:0\nbackends: {}\n")
    async with started(tmp_path, "up", "--config", str(config), "--workers", "2") as process:
        await said(process, "Ctrl-C stops everything")
        for worker in psutil.Process(process.pid).children():
            worker.kill()
        await said(process, "is back")
        await said(process, "is back")
        process.send_signal(signal.SIGHUP)
        await said(process, "Nothing has changed.")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@asynccontextmanager
async def started(folder: Path, *arguments: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLWARD_")}
    process = await asyncio.create_subprocess_exec(
        str(BIN / "toolward"),
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=kept | {"TOOLWARD_HOME": str(folder / "home")},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def said(process: asyncio.subprocess.Process, text: str) -> None:
    """Reads on until it has said that."""
    assert process.stderr is not None
    heard = ""
    while text not in heard:
        line = (await process.stderr.readline()).decode()
        assert line, f"it ended after: {heard}"
        heard += line


def there(file: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < until, file
        time.sleep(0.02)
