"""The gateway's HTTP door: one ASGI application before the MCP door and the REST application."""

from typing import Any

from toolward.doors.origin import Origins
from toolward.errors import ToolwardError
from toolward.wire.errors import to_problem


def front(mcp: Any, rest: Any, origins: Origins) -> Any:
    """`/mcp` and `/mcp/` go to MCP without a redirect; hosts and origins are checked on every route."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if (
            scope["type"] != "http"
        ):  # no websockets, no lifespan: the gateway opens and closes its parts itself
            return
        if scope["path"] in ("/mcp", "/mcp/"):
            await mcp(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            origins.check(headers)
        except ToolwardError as error:
            await _refuse(send, error)
            return
        await rest(scope, receive, send)

    return app


async def _refuse(send: Any, error: ToolwardError) -> None:
    import msgspec

    status, problem = to_problem(error)
    body = msgspec.json.encode(problem)
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
