"""The gateway's HTTP door: one ASGI application before the MCP door, the REST application and the console."""

from typing import Any

from gateway.servers.console.app import is_of_console
from toolward.doors.origin import Origins
from toolward.doors.probes import Probes
from toolward.doors.replies import refuse
from toolward.errors import ToolwardError


def front(mcp: Any, rest: Any, console: Any, origins: Origins, probes: Probes) -> Any:
    """`/mcp` and `/mcp/` go to MCP without a redirect; the console has `/` and the rooms of its own, REST the rest.
    Hosts and origins are checked on every route but those that answer whatever probes the gateway."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":  # no websockets; the gateway opens and closes its parts itself
            return
        if scope["path"] in ("/mcp", "/mcp/"):
            await mcp(scope, receive, send)
            return
        if scope["path"] in probes.paths:
            await probes(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            origins.check(headers)
        except ToolwardError as error:
            await refuse(send, error)
            return
        await (console if is_of_console(scope["path"]) else rest)(scope, receive, send)

    return app
