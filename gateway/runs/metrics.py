"""What is counted of runs, for Prometheus."""

from collections.abc import Sequence

from gateway.agent import events as ev
from gateway.agent.state import RunStateData
from gateway.core.ports import ModelReply
from toolward.telemetry import names
from toolward.telemetry.metrics import (
    LONG_BUCKETS,
    PATIENT_BUCKETS,
    Counter,
    Gauge,
    Histogram,
    Metric,
)
from toolward.types import Run, RunState

_BILLION = 1_000_000_000  # what costs are counted in, of a US dollar


class RunMetrics:
    """Since the process began. Labels are names of the configuration and codes of ours; never ids, never text."""

    def __init__(self) -> None:
        model = (names.AGENT, names.ENDPOINT)
        agent = (names.AGENT,)
        self.tokens = Counter(names.TOKENS, "Tokens of model replies.", (*model, names.KIND))
        self.cost = Counter(names.COST, "What model replies cost, in US dollars.", model, unit=_BILLION)
        self.unpriced = Counter(names.UNPRICED, "Model replies without a price.", model)
        self.asked = Counter(names.MODEL_CALLS, "Model calls that have ended.", (*model, names.OUTCOME))
        self.model_seconds = Histogram(
            names.MODEL_SECONDS, "How long model calls took.", (names.ENDPOINT,), buckets=LONG_BUCKETS
        )
        self.turns = Histogram(
            names.TURN_SECONDS,
            "From asking the model to the last outcome of its turn; not of turns that waited for people.",
            agent,
            buckets=LONG_BUCKETS,
        )
        self.calls = Counter(
            names.RUN_CALLS, "Tool calls of runs that have ended.", (*agent, names.TOOL, names.OUTCOME)
        )
        self.call_seconds = Histogram(
            names.RUN_CALL_SECONDS, "How long they took.", (names.TOOL,), buckets=LONG_BUCKETS
        )
        self.decisions = Counter(names.DECISIONS, "What policy decided on them.", (*agent, names.EFFECT))
        self.waited = Histogram(
            names.WAITED, "How long runs waited for people.", agent, buckets=PATIENT_BUCKETS
        )
        self.states = Counter(names.RUNS, "How often a run came into a state.", (*agent, names.STATE))
        self.ends = Counter(names.RUN_ENDS, "Runs that have ended.", (*agent, names.STATE, names.CODE))
        self.in_work = Gauge(names.RUNS_IN_WORK, "Runs that are worked on here.")

    @property
    def all(self) -> Sequence[Metric]:
        return tuple(vars(self).values())

    def started(self, run: Run) -> None:
        self.states.add(run.agent, run.state.value)

    def moved(self, before: RunStateData, after: RunStateData, event: ev.Event) -> None:
        was, now = before.run, after.run
        if was.state is not now.state:
            self.states.add(now.agent, now.state.value)
            if now.state.ended:
                self.ends.add(now.agent, now.state.value, now.error_code or "ok")
            if was.state is RunState.INPUT_REQUIRED:
                self.waited.observe((now.updated_at - was.updated_at) / 1000, now.agent)
        if isinstance(event, ev.ToolReturned):
            if (seconds := _turn_seconds(after, event.call_id)) is not None:
                self.turns.observe(seconds, now.agent)
        elif isinstance(event, ev.ModelReplied) and not event.tool_uses:
            self.turns.observe(event.duration_ms / 1000, now.agent)

    def replied(self, agent: str, endpoint: str, reply: ModelReply) -> None:
        usage = reply.usage
        for kind, count in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cached", usage.cached_tokens),
            ("cache_written", usage.cache_written_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if count:
                self.tokens.add(agent, endpoint, kind, count=count)
        if reply.cost is None:
            self.unpriced.add(agent, endpoint)
        else:
            self.cost.add(agent, endpoint, count=reply.cost)


def _turn_seconds(state: RunStateData, call_id: str) -> float | None:
    """What the turn of this call took, if that was its last outcome and people had no part in it."""
    for turn in reversed(state.turns):
        calls = turn.begun
        if any(call.id == call_id for call in calls):
            if not turn.settled or any(call.kind is not None for call in calls):
                return None
            began = min(call.at for call in calls) - turn.reply.duration_ms
            return (state.run.updated_at - began) / 1000
    return None
