"""The Observer of a running gateway: metrics always, spans where tracing is on.

`invoke_agent` is one stretch of work on a run, `chat` and `execute_tool` lie under it; a run that waits for people
has no span meanwhile, and its stretches have its id in common (`gen_ai.conversation.id`).
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter

from gateway.agent import events as ev
from gateway.agent.state import RunStateData
from gateway.core.ports import Called, EndpointFacts, ModelReply, ModelRequest, StopReason
from gateway.runs import content
from gateway.runs.metrics import RunMetrics
from gateway.runs.ports import Asking, Performing
from toolward.errors import Denied, ToolwardError
from toolward.telemetry import names
from toolward.telemetry.metering import Metering
from toolward.telemetry.tracing import Told, Tracing, Value
from toolward.types import Deferred, InputRequired, Run, RunState, ToolResult

_FINISH: dict[StopReason, str] = {"final": "stop", "tool_use": "tool_call"}
"""OpenTelemetry's words, where they are not ours."""

_FINE = ("ok", "input_required", "deferred")


class RunTelemetry:
    def __init__(
        self, tracing: Tracing | None = None, *, metering: Metering | None = None, content: bool = False
    ) -> None:
        """With `content`, spans hold what people, models and tools said."""
        self.metrics = RunMetrics()
        self.tracing = tracing
        self.metering = metering
        self.content = content

    def started(self, run: Run) -> None:
        self.metrics.started(run)

    def moved(self, before: RunStateData, after: RunStateData, event: ev.Event) -> None:
        self.metrics.moved(before, after, event)

    @contextmanager
    def work(self, state: Callable[[], RunStateData]) -> Generator[None, None, None]:
        gauge = self.metrics.in_work
        gauge.value += 1
        try:
            if self.tracing is None:
                yield
                return
            before = state().run
            name = f"{names.INVOKE_AGENT} {before.agent}"
            with self.tracing.span(name, "", _about(names.INVOKE_AGENT, before), "internal") as told:
                try:
                    yield
                except BaseException as error:
                    told.failed(_code(error))
                    raise
                finally:
                    _conclude(told, before, state().run)
        finally:
            gauge.value -= 1

    def chat(
        self, run: Run, endpoint: EndpointFacts, request: ModelRequest
    ) -> AbstractContextManager[Asking]:
        return _Chat(self, run, endpoint, request)

    def call(self, run: Run, called: ev.ToolCalled) -> AbstractContextManager[Performing]:
        return _Call(self, run, called)


class _Chat:
    __slots__ = ("_endpoint", "_of", "_reply", "_request", "_run", "_span", "_started", "_told")

    def __init__(self, of: RunTelemetry, run: Run, endpoint: EndpointFacts, request: ModelRequest) -> None:
        self._of, self._run, self._endpoint, self._request = of, run, endpoint, request
        self._reply: ModelReply | None = None
        self._span: AbstractContextManager[Told] | None = None
        self._told: Told | None = None

    def __enter__(self) -> "_Chat":
        if (tracing := self._of.tracing) is not None:
            facts = self._endpoint
            about: dict[str, Value] = {**_about(names.CHAT, self._run), names.SPAN_TURN: self._run.turns + 1}
            about |= {names.PROVIDER: facts.provider or "unknown", names.SPAN_ENDPOINT: facts.name}
            about[names.REQUEST_MODEL] = facts.model
            self._span = tracing.span(f"{names.CHAT} {facts.model}".strip(), "", about, "client")
            self._told = self._span.__enter__()
            if self._of.content and self._told.recording:
                self._told.say(content.asked(self._request.messages))
        self._started = perf_counter()
        return self

    def replied(self, reply: ModelReply) -> None:
        self._reply = reply
        told = self._told
        if told is None or not told.recording:
            return
        usage, finish = reply.usage, _FINISH.get(reply.stop, reply.stop)
        said: dict[str, Value] = {
            names.RESPONSE_MODEL: reply.model,
            names.FINISH_REASONS: (finish,),
            names.INPUT_TOKENS: usage.input_tokens,
            names.OUTPUT_TOKENS: usage.output_tokens,
            names.CACHED_TOKENS: usage.cached_tokens,
            names.CACHE_WRITTEN_TOKENS: usage.cache_written_tokens,
            names.REASONING_TOKENS: usage.reasoning_tokens,
            names.SPAN_ENDPOINT: reply.endpoint or self._endpoint.name,
        }
        if reply.response_id:
            said[names.RESPONSE_ID] = reply.response_id
        if reply.cost is not None:
            said[names.SPAN_COST] = reply.cost / 1e9
        told.say(said)
        if self._of.content:
            told.say(content.answered(reply, finish))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        seconds = perf_counter() - self._started
        metrics, agent, reply = self._of.metrics, self._run.agent, self._reply
        endpoint = (reply.endpoint if reply else "") or self._endpoint.name
        outcome = _code(error) if error is not None else reply.stop if reply else "internal"
        metrics.asked.add(agent, endpoint, outcome)
        metrics.model_seconds.observe(seconds, endpoint)
        if reply is not None:
            metrics.replied(agent, endpoint, reply)
        if (metering := self._of.metering) is not None:
            self._meter(metering, seconds, error)
        if self._span is not None and self._told is not None:
            if error is not None:
                self._told.failed(_code(error))
            self._span.__exit__(None, None, None)

    def _meter(self, metering: Metering, seconds: float, error: BaseException | None) -> None:
        facts, reply = self._endpoint, self._reply
        about = {names.OPERATION: names.CHAT, names.PROVIDER: facts.provider or "unknown"}
        about[names.REQUEST_MODEL] = facts.model
        if error is not None:
            about[names.ERROR_TYPE] = _code(error)
        if reply is None:
            metering.asked(about, seconds, None)
            return
        about[names.RESPONSE_MODEL] = reply.model
        metering.asked(about, seconds, (reply.usage.input_tokens, reply.usage.output_tokens))


class _Call:
    __slots__ = ("_called", "_of", "_outcome", "_run", "_span", "_started", "_told", "traceparent")

    def __init__(self, of: RunTelemetry, run: Run, called: ev.ToolCalled) -> None:
        self._of, self._run, self._called = of, run, called
        self._outcome = ""
        self._span: AbstractContextManager[Told] | None = None
        self._told: Told | None = None
        self.traceparent = ""

    def __enter__(self) -> "_Call":
        called = self._called
        if (tracing := self._of.tracing) is not None:
            about: dict[str, Value] = {**_about(names.EXECUTE_TOOL, self._run), names.SPAN_TURN: called.turn}
            about |= {names.TOOL_NAME: called.tool, names.CALL_ID: called.call_id}
            self._span = tracing.span(f"{names.EXECUTE_TOOL} {called.tool}", "", about, "internal")
            self._told = self._span.__enter__()
            self.traceparent = self._told.traceparent
            if self._of.content and self._told.recording:
                self._told.say(content.called(called.arguments_json))
        self._started = perf_counter()
        return self

    def came(self, made: Called) -> None:
        self._of.metrics.decisions.add(self._run.agent, made.effect)
        outcome = made.outcome
        if isinstance(outcome, ToolResult):
            self._outcome = "tool_error" if outcome.is_error else "ok"
        elif isinstance(outcome, InputRequired):
            self._outcome = "input_required"
        elif isinstance(outcome, Deferred):  # pyright: ignore[reportUnnecessaryIsInstance]
            self._outcome = "deferred"
        if self._told is not None:
            self._told.say({names.SPAN_EFFECT: made.effect, names.SPAN_RULE: made.rule})
            if self._of.content and self._told.recording and isinstance(outcome, ToolResult):
                self._told.say(content.came(outcome))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        seconds = perf_counter() - self._started
        metrics, agent, tool = self._of.metrics, self._run.agent, self._called.tool
        if isinstance(error, ToolwardError | asyncio.CancelledError):
            self._outcome = _code(error)
        if isinstance(error, Denied):
            metrics.decisions.add(agent, "deny")
        if self._outcome:  # else it was not made: the run is paused, or waits
            metrics.calls.add(agent, tool, self._outcome)
            metrics.call_seconds.observe(seconds, tool)
        if self._span is not None and self._told is not None:
            if self._outcome and self._outcome not in _FINE:
                self._told.failed(self._outcome)
            if isinstance(error, Denied):
                self._told.say({names.SPAN_EFFECT: "deny", names.SPAN_RULE: error.rule or ""})
            self._span.__exit__(None, None, None)


def _about(operation: str, run: Run) -> dict[str, Value]:
    return {names.OPERATION: operation, names.CONVERSATION: run.id, names.AGENT_NAME: run.agent}


def _conclude(told: Told, before: Run, after: Run) -> None:
    told.say(
        {
            names.SPAN_STATE: after.state.value,
            names.INPUT_TOKENS: after.input_tokens - before.input_tokens,
            names.OUTPUT_TOKENS: after.output_tokens - before.output_tokens,
        }
    )
    if after.state is RunState.FAILED:
        told.failed(after.error_code)


def _code(error: BaseException) -> str:
    if isinstance(error, ToolwardError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"
