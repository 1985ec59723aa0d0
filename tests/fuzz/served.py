"""A gateway of its own, whose doors are fuzzed; a process, so that it can crash, hang or grow without the tests.

It says on stdout where its doors are, and for every line on stdin what it holds at that moment, as JSON.
"""

import asyncio
import gc
import json
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from gateway.bootstrap import Gateway, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings

ROOT = Path(__file__).parents[2]
CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  fixture: {command: [COMMAND, -m, tests.servers.fixture], env: {PYTHONPATH: ROOT}}
policies: [policy.yaml]
"""
POLICY = """
version: 1
rules:
  - {id: no-bugs, tools: [fixture.crash], effect: deny}
  - {id: tools, principals: ["role:operator"], tools: ["fixture.*"], effect: allow}
  - {id: operations, principals: ["role:operator"], operations: ["*"], effect: allow}
"""


async def serve(home: Path) -> None:
    config = home / "toolward.yaml"
    config.write_text(
        CONFIG.replace("COMMAND", json.dumps(sys.executable)).replace("ROOT", json.dumps(str(ROOT)))
    )
    (home / "policy.yaml").write_text(POLICY)
    async with (
        open_gateway(read_settings(config), home / "state", environment={}) as gateway,
        open_doors(gateway) as doors,
    ):
        token = secret_file(gateway.home).read_text()
        assert doors.http is not None
        assert doors.grpc is not None
        told = {"http": doors.http.port, "grpc": doors.grpc.port, "token": token}
        print(json.dumps(told), flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        while await lines.readline():
            print(json.dumps(held(gateway)), flush=True)


def held(gateway: Gateway) -> dict[str, Any]:
    gc.collect()
    watched = gateway.runs._feed.watched()  # pyright: ignore[reportPrivateUsage]
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    return {"tasks": tasks.total(), "watched": len(watched), "which": tasks}


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(serve(Path(sys.argv[1])))
