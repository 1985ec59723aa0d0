"""Processes are started soundly while gRPC is at work: the gateway's tool servers, the calculator's workers."""

import subprocess
import sys

STARTED = 100
PROGRAM = f"""
import asyncio
from contextlib import suppress
import toolward
import grpc
import uvloop

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{{port}}")
    call = channel.unary_unary("/nothing/Here")

    async def busy():
        while True:
            with suppress(grpc.aio.AioRpcError):
                await call(b"")

    calling = asyncio.create_task(busy())
    codes = set()
    for _ in range({STARTED}):
        process = await asyncio.create_subprocess_exec("true")
        codes.add(await asyncio.wait_for(process.wait(), 20))
    print(codes)
    calling.cancel()
    await channel.close()
    await server.stop(None)

uvloop.run(main())
"""


def test_none_crashes_on_its_way_to_another_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.stdout, done.returncode) == ("{0}\n", 0), done.stderr[-2000:]
