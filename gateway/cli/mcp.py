"""`toolward mcp`: what a desktop client starts."""

import asyncio

from gateway.bootstrap.searching import over_stdio
from gateway.cli.output import EXIT_OK
from gateway.cli.session import Common, open_session, settings_of
from toolward.doors.serve import serve_stdio


def mcp(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Serve the gateway over MCP on stdio."""
    asyncio.run(_mcp(common))
    return EXIT_OK


async def _mcp(common: Common) -> None:
    async with open_session(common, patient=False) as session:
        settings, _ = settings_of(common)
        async with over_stdio(session.tools, session.own, settings) as tools:
            await serve_stdio(tools, session.info, session.principal)
