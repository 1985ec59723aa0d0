"""Tools over REST."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response

from gateway.servers.openapi import CallResult, describing
from gateway.servers.rest_bodies import answer, raw_json
from gateway.servers.rest_route import routes
from toolward.doors.leaving import unless_left
from toolward.errors import UnknownTool
from toolward.types import CallContext, Principal, Tool, ToolCall, ToolPage, ToolProvider
from toolward.wire.outcome import as_result


# Long because it is one list: each route in it is a line or two.
def tool_routes(tools: ToolProvider, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1/tools")

    @router.get("", responses=describing(ToolPage))
    async def list_tools(
        cursor: Annotated[str | None, Query(description="next_cursor of the page before")] = None,
        principal: Principal = who,
    ) -> Response:
        """One page of the tools that you may call or ask for."""
        return answer(await tools.list_tools(principal, cursor))

    @router.get("/{name}", responses=describing(Tool))
    async def get_tool(name: str, principal: Principal = who) -> Response:
        """One tool with its schemas."""
        cursor: str | None = None
        while True:
            page = await tools.list_tools(principal, cursor)
            for tool in page.tools:
                if tool.name == name:
                    return answer(tool)
            if (cursor := page.next_cursor) is None:
                raise UnknownTool(f"There is no tool named {name[:128]!r}.", hint="GET /v1/tools lists them.")

    @router.post(
        "/{name}/calls",
        responses=describing(CallResult),
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
        body = await raw_json(request)
        call = ToolCall(name=name, arguments_json=body or b"{}", idempotency_key=idempotency_key)
        work = tools.call_tool(principal, call, CallContext(traceparent=traceparent))
        outcome = await unless_left(work, request.receive)
        if outcome is None:
            return Response(status_code=499)  # nobody reads it; nginx's word for a client that has left
        result = as_result(outcome)
        shown = {
            "content": result.content,
            "structured_content": None
            if result.structured_json is None
            else msgspec.Raw(result.structured_json),
            "is_error": result.is_error,
        }
        return answer(shown)

    return router
