"""The gateway over HTTP: tools, runs, input requests as REST with OpenAPI; run events as server-sent events.

Errors are RFC 9457 problems with the same code and text as at every other door.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from gateway.servers.openapi import described, describing
from toolward.auth import Authenticate, proven
from toolward.errors import InvalidRequest, NotFound, ToolwardError, UnknownTool, Violation
from toolward.types import (
    Agent,
    AgentProvider,
    Answer,
    CallContext,
    InputRequest,
    Principal,
    Run,
    RunPage,
    RunState,
    ServerInfo,
    Tool,
    ToolCall,
    ToolPage,
    ToolProvider,
)
from toolward.wire.errors import to_problem
from toolward.wire.outcome import as_result

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024 * 1024  # above our own bound on arguments, so that its error answers


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StartRun(_Body):
    """Which agent is to work, on what."""

    agent: str = Field(examples=["support"])
    input: str = Field(min_length=1, examples=["Where is my order ORD-1003?"])


class GiveAnswer(_Body):
    """A person's answer to an input request: `approve` for approvals, `text` for questions. `arguments` approves
    the call with those in place of its own."""

    approve: bool | None = None
    text: str | None = None
    reason: str = ""
    arguments: dict[str, Any] | None = None


def rest_app(
    info: ServerInfo,
    tools: ToolProvider,
    agents: AgentProvider,
    authenticate: Authenticate,
    status: Callable[[Principal], Mapping[str, Any]],
) -> FastAPI:
    """The application; hosts and origins are checked before it (`gateway.servers.front`). `status` says to a caller
    how the gateway is; it raises Denied."""
    app = FastAPI(
        title=info.title or info.name,
        version=info.version,
        description=info.instructions,
        docs_url="/docs",
        redoc_url=None,
        max_body_size=MAX_BODY,
    )

    async def caller(request: Request) -> Principal:
        return await proven(authenticate, dict(request.headers))

    who = Depends(caller)
    app.include_router(_tools(tools, who), tags=["tools"])
    app.include_router(_runs(agents, who), tags=["runs"])
    app.include_router(_input_requests(agents, who), tags=["input requests"])
    app.include_router(_status(status, who), tags=["operation"])
    _map_errors(app)
    described(app)

    return app


# The routers below are long because each is one list of routes, which share what they close over.


def _tools(tools: ToolProvider, who: Any) -> APIRouter:
    router = APIRouter(prefix="/v1/tools")

    @router.get("", responses=describing(ToolPage))
    async def list_tools(
        cursor: Annotated[str | None, Query(description="next_cursor of the page before")] = None,
        principal: Principal = who,
    ) -> Response:
        """One page of the tools that you may call or ask for."""
        return _json(await tools.list_tools(principal, cursor))

    @router.get("/{name}", responses=describing(Tool))
    async def get_tool(name: str, principal: Principal = who) -> Response:
        """One tool with its schemas."""
        cursor: str | None = None
        while True:
            page = await tools.list_tools(principal, cursor)
            for tool in page.tools:
                if tool.name == name:
                    return _json(tool)
            if (cursor := page.next_cursor) is None:
                raise UnknownTool(f"There is no tool named {name[:128]!r}.", hint="GET /v1/tools lists them.")

    @router.post(
        "/{name}/calls",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    )
    async def call_tool(
        name: str,
        request: Request,
        idempotency_key: Annotated[str, Header()] = "",
        traceparent: Annotated[str, Header()] = "",
        principal: Principal = who,
    ) -> Response:
        """Call a tool; the body is its arguments. A failure that the tool reports has `is_error`."""
        body = await request.body()
        call = ToolCall(name=name, arguments_json=body or b"{}", idempotency_key=idempotency_key)
        result = as_result(await tools.call_tool(principal, call, CallContext(traceparent=traceparent)))
        answer = {
            "content": result.content,
            "structured_content": None
            if result.structured_json is None
            else msgspec.Raw(result.structured_json),
            "is_error": result.is_error,
        }
        return _json(answer)

    return router


def _runs(agents: AgentProvider, who: Any) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.get("/agents", responses=describing(tuple[Agent, ...], "agents"))
    async def list_agents(principal: Principal = who) -> Response:
        """The agents that you may start."""
        return _json({"agents": await agents.list_agents(principal)})

    @router.post("/runs", status_code=201, responses=describing(Run, status=201))
    async def start_run(
        body: StartRun, idempotency_key: Annotated[str, Header()] = "", principal: Principal = who
    ) -> Response:
        """Queue a run and return at once; follow it at `/v1/runs/{id}/events`."""
        run = await agents.start_run(principal, body.agent, body.input, idempotency_key)
        return _json(run, status=201, headers={"location": f"/v1/runs/{run.id}"})

    @router.get("/runs", responses=describing(RunPage))
    async def list_runs(
        size: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
        state: RunState | None = None,
        principal: Principal = who,
    ) -> Response:
        """Your runs, newest first."""
        return _json(await agents.list_runs(principal, size=size, cursor=cursor, state=state))

    @router.get("/runs/{run_id}", responses=describing(Run))
    async def get_run(run_id: str, principal: Principal = who) -> Response:
        """One run as it is now."""
        return _json(await agents.get_run(principal, run_id))

    async def visible(run_id: str, principal: Principal = who) -> str:
        """Refuse before the stream begins, while there is still a status to say it with."""
        return (await agents.get_run(principal, run_id)).id

    @router.get("/runs/{run_id}/events", response_class=EventSourceResponse)
    async def watch_run(
        run_id: Annotated[str, Depends(visible)],
        after: Annotated[int, Query(ge=0, description="events with a greater number are sent")] = 0,
        last_event_id: Annotated[int | None, Header()] = None,
        principal: Principal = who,
    ) -> AsyncIterator[ServerSentEvent]:
        """The run's events as server-sent events, old ones first; ends with the run. A client that lost its
        connection goes on by `Last-Event-ID`."""
        start = after if last_event_id is None else last_event_id
        async for event in agents.watch_run(principal, run_id, start):
            text = msgspec.json.encode(event).decode()
            yield ServerSentEvent(raw_data=text, event=event.type, id=str(event.seq))

    @router.post("/runs/{run_id}/cancel", responses=describing(Run))
    async def cancel_run(run_id: str, principal: Principal = who) -> Response:
        """Cancel a run in any state; one that has ended stays as it is."""
        return _json(await agents.cancel_run(principal, run_id))

    return router


def _input_requests(agents: AgentProvider, who: Any) -> APIRouter:
    router = APIRouter(prefix="/v1/input-requests")

    @router.get("", responses=describing(tuple[InputRequest, ...], "input_requests"))
    async def list_input_requests(run_id: str | None = None, principal: Principal = who) -> Response:
        """The open requests that you made or may answer."""
        return _json({"input_requests": await agents.list_input_requests(principal, run_id)})

    @router.post("/{request_id}/answer", responses=describing(InputRequest))
    async def answer_input_request(request_id: str, body: GiveAnswer, principal: Principal = who) -> Response:
        """Approve (as it is, or with other arguments), deny with a reason, or answer a question. Where other
        arguments need somebody else's yes, the answer is the open request that stands in this one's place."""
        arguments = None if body.arguments is None else msgspec.json.encode(body.arguments)
        answer = Answer(body.approve, body.text, body.reason, arguments)
        return _json(await agents.answer_input_request(principal, request_id, answer))

    @router.get("/{request_id}", responses=describing(InputRequest))
    async def get_input_request(request_id: str, principal: Principal = who) -> Response:
        """One that you made or may answer, in whatever state it is."""
        return _json(await agents.get_input_request(principal, request_id))

    @router.post("/{request_id}/withdraw", responses=describing(InputRequest))
    async def withdraw_input_request(request_id: str, principal: Principal = who) -> Response:
        """Take back one that you made."""
        return _json(await agents.withdraw_input_request(principal, request_id))

    return router


def _status(status: Callable[[Principal], Mapping[str, Any]], who: Any) -> APIRouter:
    router = APIRouter(prefix="/v1/status")

    @router.get("", response_class=JSONResponse)
    async def get_status(principal: Principal = who) -> Response:
        """How the gateway is: its configuration, whether a change of it could not be taken, its backends. For whom
        policy lets read all backends."""
        return _json(status(principal))

    return router


def _json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def _problem(error: ToolwardError, status: int | None = None) -> JSONResponse:
    code, body = to_problem(error)
    headers = {"www-authenticate": "Bearer"} if code == 401 else {}
    if error.retry_after is not None:
        headers["retry-after"] = str(round(error.retry_after))
    return JSONResponse(body, status or code, headers, media_type="application/problem+json")


def _map_errors(app: FastAPI) -> None:
    """Foreign exceptions become ours here, once."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ToolwardError)  # noqa: S101 -- a type guard: it is registered for nothing else
        return _problem(error)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 -- likewise
        found = [Violation("/" + "/".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        said = "; ".join(map(str, found))
        return _problem(InvalidRequest(f"The request is wrong: {said}.", violations=found), 422)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 -- likewise
        if error.status_code == 404:
            return _problem(NotFound(f"There is nothing at {request.url.path}.", hint="See /docs."))
        return _problem(InvalidRequest(f"{error.detail}."), error.status_code)

    async def unexpected(request: Request, error: Exception) -> Response:
        from toolward.errors import Internal

        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return _problem(Internal("The gateway failed inside.", hint="Its log says why."))

    app.add_exception_handler(ToolwardError, ours)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)
