"""Calls on record and what was used, over REST: for whom policy lets read the ledger."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from gateway.core.ports import CallFilter, CallPage
from gateway.oversight import Oversight
from gateway.oversight.calls import CallDetail, detail_of
from gateway.oversight.usage import Usage
from gateway.servers.openapi import describing
from gateway.servers.rest_bodies import answer
from gateway.servers.rest_route import routes
from toolward.types import Principal

_MAX_NUMBER = 2**53 - 1  # what every JSON reader can hold
Since = Annotated[int, Query(ge=0, le=_MAX_NUMBER, description="at or after: Unix milliseconds")]
Until = Annotated[int, Query(ge=0, le=_MAX_NUMBER, description="before: Unix milliseconds; 0 is no bound")]


def _filter(
    tool: Annotated[str, Query(description="qualified name")] = "",
    principal: Annotated[str, Query(description="who called")] = "",
    effect: Annotated[str, Query(description="allow, ask or deny")] = "",
    rule: Annotated[str | None, Query(description="the rule that decided; empty: none matched")] = None,
    outcome: Annotated[str, Query(description="ok, tool_error, an error's code, or under_way")] = "",
    run: Annotated[str, Query(description="id of the run that made it")] = "",
    since: Since = 0,
    until: Until = 0,
    text: Annotated[
        str,
        Query(max_length=200, description="stands in the arguments; looked for in the newest 20,000 calls"),
    ] = "",
) -> CallFilter:
    return CallFilter(tool, principal, effect, rule, outcome, run, since, until, text)


wanted = Depends(_filter)


def record_routes(oversight: Oversight, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1")

    @router.get("/calls", responses=describing(CallPage))
    async def list_calls(
        size: Annotated[int, Query(ge=1, le=1_000)] = 50,
        cursor: str | None = None,
        only: CallFilter = wanted,
        principal: Principal = who,
    ) -> Response:
        """Calls of tools on record, newest first: those that fit all filters."""
        return answer(await oversight.calls.find(principal, only, size=size, cursor=cursor))

    @router.get("/calls/{call_id}", responses=describing(CallDetail))
    async def get_call(call_id: str, principal: Principal = who) -> Response:
        """One call with its arguments and its result, as far as they were not erased."""
        return answer(detail_of(await oversight.calls.get(principal, call_id)))

    @router.get("/usage", responses=describing(Usage))
    async def get_usage(since: Since = 0, until: Until = 0, principal: Principal = who) -> Response:
        """Calls, tokens, cost, latencies and people's time by day, agent, model and tool; of the last 400 days at
        most. Costs are in billionths of a US dollar."""
        return answer(await oversight.usage.of(principal, since, until))

    return router
