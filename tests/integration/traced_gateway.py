"""A gateway to be traced: `python -m tests.integration.traced_gateway CONFIG HOME EFFECTS`.

It makes calls of a real tool server, some alone and some at once; call number N has the argument `71000000 + N`.
"""

import asyncio
import sys
from pathlib import Path

from gateway.bootstrap import local_person, open_gateway
from gateway.config.find import Found, load_settings
from toolward.errors import Unavailable
from toolward.types import NO_CONTEXT, ToolCall, ToolResult

FIRST = 71_000_000


async def main(config: Path, home: Path, effects: int) -> None:
    settings = load_settings(Found("flag", config), home)
    async with open_gateway(settings, home) as gateway, asyncio.timeout(90):

        async def call(number: int) -> None:
            wish = ToolCall("calculator.calculate", b'{"expression":"%d"}' % (FIRST + number))
            result = await gateway.dispatch.call_tool(local_person(settings), wish, NO_CONTEXT)
            assert isinstance(result, ToolResult)
            assert not result.is_error, result.text

        while True:
            try:
                await call(0)
                break
            except Unavailable:  # it is still starting
                await asyncio.sleep(0.2)
        for number in range(1, 4):
            await call(number)
        await asyncio.gather(*(call(number) for number in range(4, effects)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
