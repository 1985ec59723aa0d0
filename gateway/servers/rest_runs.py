"""Agents and runs over REST; run events as server-sent events."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import Field

from gateway.servers.openapi import describing, streaming
from gateway.servers.rest_bodies import Body, answer
from gateway.servers.rest_route import routes
from gateway.servers.sse import EventStream, server_sent
from toolward.types import (
    Agent,
    AgentProvider,
    Principal,
    Run,
    RunEvent,
    RunFilter,
    RunPage,
    RunState,
    Said,
    SaidBy,
    TextDelta,
    TurnRequest,
)

_MAX_NUMBER = 2**53 - 1  # what every JSON reader can hold


class SaidBefore(Body):
    """A message of a conversation that was held elsewhere."""

    role: SaidBy
    text: str = Field(min_length=1)


class StartRun(Body):
    """Which agent is to work, on what; `before` is the conversation that the input goes on with."""

    agent: str = Field(examples=["support"])
    input: str = Field(min_length=1, examples=["Where is my order ORD-1003?"])
    before: list[SaidBefore] = Field(default=[], max_length=1_000)


class RetryRun(Body):
    """From where: the new run shares the events up to this sequence number."""

    after: int = Field(ge=0, le=_MAX_NUMBER, examples=[4])


class SendMessage(Body):
    """What the person says next."""

    text: str = Field(min_length=1, examples=["And when does it arrive?"])


class RateRun(Body):
    """How good it was: -1 (bad) to 1 (good)."""

    score: float = Field(ge=-1, le=1, examples=[1])
    comment: str = ""


def _filter(
    agent: str = "",
    owner: Annotated[str, Query(description="who started it: you, if this is left out; * for anybody")] = "",
    state: RunState | None = None,
    tool: Annotated[str, Query(description="qualified name of a tool that it called")] = "",
    since: Annotated[
        int, Query(ge=0, le=_MAX_NUMBER, description="started at or after: Unix milliseconds")
    ] = 0,
    until: Annotated[
        int, Query(ge=0, le=_MAX_NUMBER, description="started before: Unix milliseconds; 0 is no bound")
    ] = 0,
    min_tokens: Annotated[
        int, Query(ge=0, le=_MAX_NUMBER, description="input and output tokens together, at least")
    ] = 0,
) -> RunFilter:
    return RunFilter(agent, owner, state, tool, since, until, min_tokens)


wanted = Depends(_filter)


async def _sent(news: AsyncIterator[RunEvent | TextDelta]) -> AsyncGenerator[bytes, None]:
    try:
        async for one in news:
            if isinstance(one, TextDelta):
                yield server_sent("text_delta", one)
            else:
                yield server_sent(one.type, one, one.seq)
    finally:
        if isinstance(news, AsyncGenerator):  # whoever watches is known to the feed until then
            await news.aclose()


# The functions below are long because each is one list of routes, which share what they close over.


# Long because it is one list: each route in it is a line or two.
def run_routes(agents: AgentProvider, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1")

    @router.get("/agents", responses=describing(tuple[Agent, ...], "agents"))
    async def list_agents(principal: Principal = who) -> Response:
        """The agents that you may start."""
        return answer({"agents": await agents.list_agents(principal)})

    @router.post("/runs", status_code=201, responses=describing(Run, status=201))
    async def start_run(
        body: StartRun, idempotency_key: Annotated[str, Header()] = "", principal: Principal = who
    ) -> Response:
        """Queue a run and return at once; follow it at `/v1/runs/{id}/events`."""
        before = [Said(said.role, said.text) for said in body.before]
        run = await agents.start_run(principal, body.agent, body.input, idempotency_key, before)
        return answer(run, status=201, headers={"location": f"/v1/runs/{run.id}"})

    @router.get("/runs", responses=describing(RunPage))
    async def list_runs(
        size: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
        only: RunFilter = wanted,
        principal: Principal = who,
    ) -> Response:
        """Your runs, newest first: those that fit all filters."""
        return answer(await agents.list_runs(principal, size=size, cursor=cursor, only=only))

    @router.get("/runs/{run_id}", responses=describing(Run))
    async def get_run(run_id: str, principal: Principal = who) -> Response:
        """One run as it is now."""
        return answer(await agents.get_run(principal, run_id))

    async def visible(run_id: str, principal: Principal = who) -> str:
        """Refuse before the stream begins, while there is still a status to say it with."""
        return (await agents.get_run(principal, run_id)).id

    @router.get(
        "/runs/{run_id}/events",
        status_code=200,
        response_class=EventStream,
        responses=streaming(RunEvent, TextDelta),
    )
    async def watch_run(
        run_id: Annotated[str, Depends(visible)],
        after: Annotated[
            int, Query(ge=0, le=_MAX_NUMBER, description="events with a greater number are sent")
        ] = 0,
        deltas: Annotated[bool, Query(description="with pieces of what the model says as they come")] = False,
        last_event_id: Annotated[int | None, Header(ge=0, le=_MAX_NUMBER)] = None,
        principal: Principal = who,
    ) -> Response:
        """The run's events as server-sent events, old ones first; ends with the run. A client that lost its
        connection goes on by `Last-Event-ID`. With `deltas` also events `text_delta`, which have no id: they are
        not stored, and a slow client misses some of them. Their `kind` says what they are pieces of: the answer's
        `text`, the model's `reasoning`, or `call`, the names of tools whose calls it begins to write. An event
        `problem` says why it ends before the run."""
        start = after if last_event_id is None else last_event_id
        return EventStream(_sent(agents.watch_run(principal, run_id, start, deltas)))

    @router.post("/runs/{run_id}/cancel", responses=describing(Run))
    async def cancel_run(run_id: str, principal: Principal = who) -> Response:
        """Cancel a run in any state; one that has ended stays as it is."""
        return answer(await agents.cancel_run(principal, run_id))

    _add_requests(router, agents, who)
    _add_controls(router, agents, who)
    return router


def _add_requests(router: APIRouter, agents: AgentProvider, who: Any) -> None:
    @router.get("/runs/{run_id}/requests/{turn}", responses=describing(TurnRequest))
    async def get_model_request(
        run_id: str, turn: Annotated[int, Path(ge=1, le=_MAX_NUMBER)], principal: Principal = who
    ) -> Response:
        """What the model was asked in this turn, exactly as it was."""
        return answer(await agents.get_model_request(principal, run_id, turn))


def _add_controls(router: APIRouter, agents: AgentProvider, who: Any) -> None:
    """What people can do with a run beside cancelling it."""

    @router.post("/runs/{run_id}/pause", responses=describing(Run))
    async def pause_run(run_id: str, principal: Principal = who) -> Response:
        """Stop the work on a run until it is resumed."""
        return answer(await agents.pause_run(principal, run_id))

    @router.post("/runs/{run_id}/resume", responses=describing(Run))
    async def resume_run(run_id: str, principal: Principal = who) -> Response:
        """Let a paused run go on."""
        return answer(await agents.resume_run(principal, run_id))

    @router.post("/runs/{run_id}/retry", status_code=201, responses=describing(Run, status=201))
    async def retry_run(
        run_id: str,
        body: RetryRun,
        idempotency_key: Annotated[str, Header()] = "",
        principal: Principal = who,
    ) -> Response:
        """Start a new run that shares this one's events up to `after`."""
        run = await agents.retry_run(principal, run_id, body.after, idempotency_key)
        return answer(run, status=201, headers={"location": f"/v1/runs/{run.id}"})

    @router.post("/runs/{run_id}/messages", responses=describing(Run))
    async def send_message(
        run_id: str,
        body: SendMessage,
        idempotency_key: Annotated[str, Header()] = "",
        principal: Principal = who,
    ) -> Response:
        """Go on with the run's conversation."""
        return answer(await agents.send_message(principal, run_id, body.text, idempotency_key))

    @router.post("/runs/{run_id}/rating", responses=describing(Run))
    async def rate_run(run_id: str, body: RateRun, principal: Principal = who) -> Response:
        """Say how good a run was."""
        return answer(await agents.rate_run(principal, run_id, body.score, body.comment))
