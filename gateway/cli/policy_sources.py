"""What `toolward policy explain` takes for the run of a call: one on record, or what it is told on its line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from gateway.bootstrap.past import PastRuns
from gateway.core.provenance import Source, Sources
from gateway.core.rules_reader import LABELS
from toolward.errors import InvalidRequest, NotFound
from toolward.names import closest
from toolward.types import Label, RunScope

_NO_RUN = "run_of_this_command"


class Asked(NamedTuple):
    """The options: a run on record, or an agent, and for that what has entered its run."""

    run: str = ""
    agent: str = ""
    sources: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises InvalidRequest."""
        if self.run and (self.agent or self.sources):
            raise InvalidRequest(
                "--run says which agent it is, and what has entered its run.",
                hint="Leave out --agent and --source.",
            )
        if self.sources and not self.agent:
            raise InvalidRequest(
                "--source is of a run, and no agent is named.", hint="Name one: --agent support"
            )
        read_sources(self.sources)


def scope_of(
    asked: Asked, agents: Mapping[str, tuple[str, ...]], ledger: Path
) -> tuple[RunScope | None, Sources | None]:
    """The run of the call (None = outside one), and what has entered it (None = not known). Raises NotFound."""
    if asked.run:
        return _on_record(asked.run, agents, ledger)
    if not asked.agent:
        return None, None
    tools = _tools(asked.agent, agents)
    if not asked.sources:
        return RunScope(_NO_RUN, asked.agent, tools), None
    sources = read_sources(asked.sources)
    return RunScope(_NO_RUN, asked.agent, tools, untrusted=sources.untrusted), sources


def read_sources(written: Sequence[str]) -> Sources:
    """`user=Refund PAY-5007`, in the order in which they entered. Raises InvalidRequest."""
    found: list[Source] = []
    for text in written:
        label, equals, said = text.partition("=")
        if not equals or label not in LABELS:
            near = closest(label, LABELS)
            raise InvalidRequest(
                f"--source {text[:60]!r} does not begin with a label and =.",
                hint=f"Did you mean {near}=…?"
                if near
                else f"Write one of {', '.join(LABELS)}: user='refund PAY-5007'",
            )
        found.append(Source(cast(Label, label), said, f"--source {label}"))
    return Sources(found)


def _on_record(run_id: str, agents: Mapping[str, tuple[str, ...]], ledger: Path) -> tuple[RunScope, Sources]:
    runs = PastRuns(ledger)
    state = runs.state(run_id)
    if state is None:
        raise NotFound(
            f"There is no run {run_id[:128]!r} on record, or its words were erased.",
            hint="`toolward run list` shows them.",
        )
    sources = runs.so_far(state)
    tools = _tools(state.run.agent, agents)
    return RunScope(run_id, state.run.agent, tools, untrusted=sources.untrusted), sources


def _tools(agent: str, agents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if agent in agents:
        return agents[agent]
    near = closest(agent, agents)
    raise NotFound(
        f"There is no agent {agent[:128]!r}.",
        hint=f"Did you mean {near}?" if near else f"There are {', '.join(agents) or 'none'}.",
    )
