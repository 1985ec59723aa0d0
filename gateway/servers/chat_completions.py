"""`/v1/chat/completions` and `/v1/models` for OpenAI clients, where a model's name is an agent's.

Each completion is a run, begun with the conversation that the client sends; or, where the request names one, a run
that goes on. It ends when the run has ended, and also when that waits for a person: then it says so.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Header, Request, Response

from gateway.servers.chat_completions_answer import STANDS, Outcome, Shapes, Spoken, outcome_of, sent
from gateway.servers.chat_completions_errors import ModelNotFound, OpenAiRoute, refused, to_openai
from gateway.servers.chat_completions_openapi import chat_operation, completing, describing_models
from gateway.servers.chat_completions_request import Asked, read
from gateway.servers.rest_bodies import answer, raw_json
from gateway.servers.rest_route import routes
from gateway.servers.sse import EventStream
from gateway.servers.waiting import Waiting
from toolward.errors import NotFound, ToolwardError
from toolward.types import Agent, AgentProvider, JsonObject, Principal, Run, RunEvent, RunState, TextDelta

log = logging.getLogger(__name__)

RUN_ID = "x-toolward-run-id"
"""Header of an answer: which run it is of; of a request: which run goes on."""


def chat_routes(agents: AgentProvider, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1", OpenAiRoute)

    @router.get("/models", responses=describing_models(many=True))
    async def list_models(principal: Principal = who) -> Response:
        """The agents that you may start, as models."""
        return answer({"object": "list", "data": list(map(_model, await agents.list_agents(principal)))})

    @router.get("/models/{model}", responses=describing_models())
    async def get_model(model: str, principal: Principal = who) -> Response:
        """One agent, as a model."""
        for agent in await agents.list_agents(principal):
            if agent.name == model:
                return answer(_model(agent))
        raise ModelNotFound(f"There is no agent named {model[:128]!r}.", hint="GET /v1/models lists them.")

    @router.post("/chat/completions", responses=completing(), openapi_extra=chat_operation())
    async def create_chat_completion(
        request: Request,
        idempotency_key: Annotated[str, Header()] = "",
        x_toolward_run_id: Annotated[str, Header()] = "",
        principal: Principal = who,
    ) -> Response:
        """A run of the agent that `model` names, from the last message to its answer; what stands before it is the
        conversation so far. With `x-toolward-run-id` (or `metadata.run_id`) that run goes on instead, and where the
        last message is the agent's own, it is only looked at again. A run that waits for a person ends the
        completion with what it waits for; `toolward` has the same for programs."""
        asked = read(await raw_json(request), x_toolward_run_id)
        begun = await _begin(agents, principal, asked, idempotency_key)
        following = _Following(agents, principal, asked, begun)
        headers = {RUN_ID: begun.run.id}
        if asked.streams:
            return EventStream(following.chunks(), headers=headers, left=following.left)
        return Waiting(lambda: following.whole(headers), following.left)

    return router


def _model(agent: Agent) -> JsonObject:
    return {"id": agent.name, "object": "model", "created": 0, "owned_by": "toolward"}


class _Begun(NamedTuple):
    """The run behind a request. `since` is how it was before, where it goes on; `ours`: it ends with its client,
    who has no other way to come back to it; `safe`: a repeat of the request begins nothing twice."""

    run: Run
    since: Run | None
    ours: bool
    safe: bool


async def _begin(agents: AgentProvider, principal: Principal, asked: Asked, key: str) -> _Begun:
    if not asked.run_id:
        try:
            run = await agents.start_run(principal, asked.agent, asked.text, key, asked.before)
        except NotFound as error:
            raise ModelNotFound(error.message, hint=error.hint) from None
        return _Begun(run, None, ours=not key, safe=bool(key))
    since = await agents.get_run(principal, asked.run_id)
    if since.agent != asked.agent:
        raise ModelNotFound(
            f"The run {since.id} is of the agent {since.agent!r}, not of {asked.agent[:64]!r}.",
            hint="Name its agent as the model.",
        )
    if not asked.text:
        return _Begun(since, None, ours=False, safe=True)
    run = await agents.send_message(principal, since.id, asked.text, key)
    return _Begun(run, since, ours=False, safe=bool(key))


class _Following:
    """From a run that was begun to the end of the completion."""

    def __init__(self, agents: AgentProvider, principal: Principal, asked: Asked, begun: _Begun) -> None:
        self._agents, self._principal, self._asked, self._begun = agents, principal, asked, begun
        self._shapes = Shapes(begun.run, begun.since)

    async def whole(self, headers: dict[str, str]) -> Response:
        try:
            async with aclosing(self._news(deltas=False)) as news:
                async for _ in news:
                    pass
            return answer(self._shapes.completion(await self._outcome()), headers=headers)
        except ToolwardError as error:
            response = refused(error, repeat=self._begun.safe)
            response.headers.update(headers)
            return response

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events; an error on the way is told as one."""
        shapes, spoken = self._shapes, Spoken()
        yield shapes.chunk({"role": "assistant", "content": ""})
        try:
            async with aclosing(self._news(deltas=True)) as news:
                async for one in news:
                    text = ""
                    if isinstance(one, TextDelta):
                        text = spoken.piece(one)
                    elif one.type == "model_replied":
                        text = spoken.reply(one.data["turn"], one.data["text"])
                    if text:
                        yield shapes.chunk({"content": text})
            outcome = await self._outcome()
            if text := spoken.end(outcome.answer or outcome.notice):
                yield shapes.chunk({"content": text})
            yield shapes.chunk({}, outcome)
            if self._asked.usage:
                yield shapes.last(outcome.run)
        except ToolwardError as error:
            yield sent(to_openai(error)[1])
        yield b"data: [DONE]\n\n"

    async def left(self) -> None:
        """The client has gone before the end: nobody will hear of a run that it cannot name."""
        if not self._begun.ours:
            return
        try:
            if (await self._now()).state not in STANDS:
                await self._agents.cancel_run(self._principal, self._begun.run.id)
        except ToolwardError as error:
            log.warning("the run %s goes on, though its client has left: %s", self._begun.run.id, error.text)

    async def _news(self, *, deltas: bool) -> AsyncGenerator[RunEvent | TextDelta, None]:
        """What comes until the run does not go on by itself."""
        run, since = self._begun.run, self._begun.since
        if run.state in STANDS:
            return
        after = 0 if since is None else since.last_seq
        watching = self._agents.watch_run(self._principal, run.id, after, deltas)
        try:
            async for one in watching:
                yield one
                if isinstance(one, RunEvent) and one.seq >= run.last_seq:
                    run = await self._now()
                    if run.state in STANDS and one.seq >= run.last_seq:
                        return
        finally:
            if isinstance(watching, AsyncGenerator):
                await watching.aclose()

    async def _outcome(self) -> Outcome:
        run = await self._now()
        waits = run.state is RunState.INPUT_REQUIRED
        requests = await self._agents.list_input_requests(self._principal, run.id) if waits else ()
        return outcome_of(run, requests)

    async def _now(self) -> Run:
        return await self._agents.get_run(self._principal, self._begun.run.id)
