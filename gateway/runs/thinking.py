"""What a run asks of models: its turns, summaries of old ones, a label for what it begins with. Each is on record
as soon as it is there."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec

from gateway.agent import events as ev
from gateway.agent.classifying import classifying, label_of
from gateway.agent.context import Conversation
from gateway.agent.conversation import BYTES_A_TOKEN
from gateway.agent.definition import AgentDefinition, Limits
from gateway.agent.loop import CallModel, Summarise, last_words
from gateway.agent.making import model_replied, summarised
from gateway.agent.offering import NO_TOOLS, Offer
from gateway.agent.routing import Asked, endpoints_for, must_classify
from gateway.agent.state import RunStateData
from gateway.agent.stopping import ahead
from gateway.agent.stored import encode
from gateway.agent.summarising import SUMMARY_TOKENS, plain_summary, summary_request
from gateway.core.ports import ContextExceeded, Lease, ModelReply, ModelRequest, ModelUse, OnPiece
from gateway.runs.budgets import Hold
from gateway.runs.journal import Journal
from gateway.runs.model_calls import ask
from gateway.runs.observed import observed
from gateway.runs.ports import Ports
from toolward.errors import ConfigurationError, DeadlineExceeded, ToolwardError
from toolward.types import Principal, RunState

LONGEST_REPLY = 3_600.0
"""Seconds that a model call may take where the run has no limit of time; each endpoint has one of its own."""

LAST_SECONDS = 60.0
"""For the last turn of a run whose time is over."""

_RUNNING = frozenset({RunState.RUNNING})
_AT_WORK = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.PAUSED})


class Thinking:
    """`principal` is the run's owner, with the rights of now; `offer` gives the agent's tools of now."""

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        principal: Principal,
        ports: Ports,
        offer: Callable[[AgentDefinition], Offer],
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._principal = principal
        self._ports = ports
        self._offer = offer
        self._conversation = Conversation()

    @property
    def _state(self) -> RunStateData:
        return self._journal.state

    def limits(self, agent: AgentDefinition) -> Limits:
        """The agent's, with no more context than the endpoints take that may answer."""
        limits = agent.limits
        for name in endpoints_for(self._state, agent, self._asked(agent, last=False)):
            try:
                facts = self._ports.endpoint(name).facts
            except ConfigurationError:
                continue  # it is said when it is asked
            room = facts.context_tokens - facts.max_output_tokens
            if 0 < room < limits.context_tokens:
                limits = msgspec.structs.replace(limits, context_tokens=room)
        return limits

    async def call_model(self, step: CallModel, agent: AgentDefinition) -> None:
        """Raises Superseded, and what the ledger raises."""
        state = self._state
        about = self._asked(agent, last=step.last)
        label = state.classified.label if state.classified and state.classified.turn == step.turn else ""
        if not label and must_classify(state, agent, about):
            await self._classify(step.turn, agent)
            return
        names = endpoints_for(state, agent, about, label)
        async with self._room(names, about.input_tokens) as room:
            if room.reached and not step.last:
                await self._note(ev.LimitReached(limit="budget", message=room.reached))
            else:
                await self._turn(step, agent, names, room)

    async def _turn(
        self, step: CallModel, agent: AgentDefinition, names: tuple[str, ...], room: Hold
    ) -> None:
        state = self._state
        started = self._ports.clock.monotonic()
        asked = self._conversation.asked(state, last=step.last)
        offered = self._offer(agent).shown(state)
        shown, before = (NO_TOOLS, offered.tools) if step.last else (offered, ())
        seconds = self._seconds(agent, step)
        memo = self._conversation.memo
        request = ModelRequest(asked.messages, shown.tools, seconds, memo=memo, tools_before=before)
        say = self._ports.feed.speaker(state.run.id, step.turn, self._offer(agent).names)
        try:
            reply = await self._ask(names, agent, request, say)
        except ContextExceeded as error:
            await self._note(ev.LimitReached(limit="context", message=error.text))
            return
        except ToolwardError as error:
            await self._note(self._failure(error, agent))
            return
        event = model_replied(state, step, reply, asked, shown.digest, self._since(started))
        assert event.request is not None  # noqa: S101 -- it was made just now
        known = event.request.tools == state.tools
        new = asked.messages[event.request.keep :]
        encoding = partial(encode, asked=new, tools=b"" if known else shown.listed)
        use = room.took(reply.usage, reply.cost)
        await self._journal.amend(lambda _: (event,), lease=self._lease, encoding=encoding, use=use)

    async def summarise(self, step: Summarise, agent: AgentDefinition) -> None:
        """Where no model gives one, a list of calls stands in its place. Raises as `call_model`."""
        state = self._state
        started = self._ports.clock.monotonic()
        names = endpoints_for(state, agent, self._asked(agent, last=True))
        request = ModelRequest(
            summary_request(state, step.turn), timeout=LONGEST_REPLY, max_output_tokens=SUMMARY_TOKENS
        )
        reply: ModelReply | None = None
        async with self._room(names) as room:
            if not room.reached:
                with suppress(ToolwardError):
                    reply = await self._ask(names, agent, request)
            text = (reply.text.strip() if reply else "") or plain_summary(state, step.turn)
            use = room.took(reply.usage, reply.cost) if reply else None
            await self._note(summarised(step, text, reply, self._since(started)), use)

    async def _classify(self, turn: int, agent: AgentDefinition) -> None:
        """An endpoint that fails has said nothing: the classifier's default holds."""
        assert agent.classifier is not None  # noqa: S101 -- it must be asked
        reply = ModelReply("")
        names = (agent.classifier.model,)
        async with self._room(names) as room:
            if not room.reached:
                with suppress(ToolwardError):
                    reply = await self._ask(names, agent, classifying(self._state, agent.classifier))
            classified = ev.InputClassified(
                turn=turn,
                label=label_of(reply.text, agent.classifier),
                usage=reply.usage,
                endpoint=reply.endpoint,
                cost=reply.cost,
            )
            await self._note(classified, room.took(reply.usage, reply.cost) if reply.endpoint else None)

    @asynccontextmanager
    async def _room(self, names: tuple[str, ...], least: int = 0) -> AsyncGenerator[Hold]:
        """In the budgets of the run's owner, for one question of at least so many tokens to one of these
        endpoints."""
        tokens, cost = ahead(self._state)
        tokens = max(tokens, least)
        held = await self._ports.budgets.hold(
            self._principal, tokens, None if self._without_price(names) else cost
        )
        with held as hold:
            yield hold

    def _without_price(self, names: tuple[str, ...]) -> str:
        """The first of them that has none; one that is not there says so when it is asked."""
        for name in names:
            with suppress(ConfigurationError):
                if not self._ports.endpoint(name).facts.priced:
                    return name
        return ""

    async def _ask(
        self,
        names: tuple[str, ...],
        agent: AgentDefinition,
        request: ModelRequest,
        on_piece: OnPiece | None = None,
    ) -> ModelReply:
        if agent.limits.cost and (name := self._without_price(names)):
            raise ConfigurationError(
                f"The agent {agent.name} has a limit on cost, and the model endpoint {name!r} has no price.",
                hint=f"Set models.{name}.prices, or take the limit away.",
            )
        find = observed(self._ports.endpoint, self._ports.observer, self._state.run)
        return await ask(names, find, request, on_piece)

    def _asked(self, agent: AgentDefinition, *, last: bool) -> Asked:
        offer = self._offer(agent)
        tokens = self._state.seen.tokens
        if not self._state.seen.counted and not last:  # else the endpoint has counted them, too
            tokens += len(offer.shown(self._state).listed) // BYTES_A_TOKEN
        return Asked(tokens, tools_offered=not last and bool(offer.tools))

    def _seconds(self, agent: AgentDefinition, step: CallModel) -> float:
        if not agent.limits.seconds:
            return LONGEST_REPLY
        left = agent.limits.seconds - self._state.spent.ms / 1000
        return max(left, LAST_SECONDS) if step.last else max(left, 1.0)

    def _failure(self, error: ToolwardError, agent: AgentDefinition) -> ev.RunFailed:
        state, seconds = self._state, agent.limits.seconds
        code, message = error.code, error.text
        worked = (state.spent.ms + self._ports.clock.now_ms() - state.run.updated_at) / 1000
        if seconds and isinstance(error, DeadlineExceeded) and worked >= seconds:
            code, message = "limit_reached", f"The run reached its limit of {seconds:,} seconds of work."
        return ev.RunFailed(code=code, message=message)

    async def _note(self, event: ev.Event, use: ModelUse | None = None) -> None:
        """Unless the run has ended meanwhile, or is paused and would."""
        states = _RUNNING if isinstance(event, ev.RunFailed) else _AT_WORK

        def noted(state: RunStateData) -> tuple[ev.Event, ...]:
            if state.run.state not in states:
                return ()
            if isinstance(event, ev.RunFailed):  # somebody may have written since the model was asked
                return (msgspec.structs.replace(event, answer=last_words(state)),)
            return (event,)

        await self._journal.amend(noted, lease=self._lease, use=use)

    def _since(self, started: float) -> int:
        return round((self._ports.clock.monotonic() - started) * 1000)
