"""The gateway over HTTP: tools, runs, input requests as REST with OpenAPI; run events as server-sent events.

Errors are RFC 9457 problems with the same code and text as at every other door.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from gateway.oversight import Oversight
from gateway.servers.chat_completions import chat_routes
from gateway.servers.openapi import described, describing
from gateway.servers.rest_backends import backend_routes
from gateway.servers.rest_bodies import answer
from gateway.servers.rest_errors import map_errors
from gateway.servers.rest_inbox import inbox_routes
from gateway.servers.rest_policies import policy_routes
from gateway.servers.rest_records import record_routes
from gateway.servers.rest_route import caller, proven_by, routes
from gateway.servers.rest_runs import run_routes
from gateway.servers.rest_tools import tool_routes
from gateway.servers.surface import Surface
from toolward.auth import Authenticate, proven
from toolward.doors.admittance import PEER, address_of
from toolward.doors.limits import BODY_BYTES
from toolward.types import AgentProvider, Headers, Principal, ServerInfo, ToolProvider


# Long because it is one list of what the application has.
def rest_app(
    info: ServerInfo,
    tools: ToolProvider,
    agents: AgentProvider,
    authenticate: Authenticate,
    status: Callable[[Principal], Mapping[str, Any]],
    challenge: Callable[[Headers], str] = lambda headers: "Bearer",
    *,
    oversight: Oversight | None = None,
    max_body: int = BODY_BYTES,
) -> FastAPI:
    """The application; hosts and origins are checked before it (`gateway.servers.front`). `status` says to a caller
    how the gateway is; it raises Denied. `challenge` is the `WWW-Authenticate` of a 401. Without `oversight` there
    are no routes for what is on record."""
    app = FastAPI(
        title=info.title or info.name,
        version=info.version,
        description=info.instructions,
        docs_url=None,  # the console shows it: FastAPI's page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would send a body, and who sent it, twice
    )
    app.add_middleware(Surface, most=max_body)

    async def prove(request: Request) -> Principal:
        headers = dict(request.headers.items())  # of two with one name the last, as at MCP
        headers[PEER] = address_of(request.scope)
        return await proven(authenticate, headers)

    proven_by(app, prove)
    who = Depends(caller)
    app.include_router(tool_routes(tools, who), tags=["tools"])
    app.include_router(run_routes(agents, who), tags=["runs"])
    app.include_router(inbox_routes(agents, who), tags=["input requests"])
    if oversight is not None:
        app.include_router(record_routes(oversight, who), tags=["records"])
        app.include_router(policy_routes(oversight.policies, who), tags=["policies"])
        app.include_router(backend_routes(oversight.health, who), tags=["operation"])
    app.include_router(chat_routes(agents, who), tags=["OpenAI clients"])
    app.include_router(_status(status, who), tags=["operation"])
    map_errors(app, challenge)
    described(app)

    return app


def _status(status: Callable[[Principal], Mapping[str, Any]], who: Any) -> APIRouter:
    router = routes("/v1/status")

    @router.get("", response_class=JSONResponse, responses=describing(dict[str, Any]))
    async def get_status(principal: Principal = who) -> Response:
        """How the gateway is: its configuration, whether a change of it could not be taken, its backends. For whom
        policy lets read all backends."""
        return answer(status(principal))

    return router
