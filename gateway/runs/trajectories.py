"""A run as data: its events, and the lists of tools that its model was offered, from anything that runs agents."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any, NamedTuple, cast

from gateway.agent import replay
from gateway.agent.events import NAMES, ModelReplied
from gateway.agent.trajectory import TrajectoryLine
from gateway.agent.trajectory_of import added, trajectory_of
from gateway.core.ports import ERASED
from gateway.runs.so_far import log_so_far
from toolward.errors import Conflict, NotFound
from toolward.types import AgentProvider, Principal, Run, RunEvent, TurnMessage, TurnTool


class Trajectory(NamedTuple):
    """What there was of a run in one moment. `lists` has each list of tools by its digest; what was erased, or
    never recorded, is not there."""

    run: Run
    events: tuple[RunEvent, ...]
    lists: Mapping[str, tuple[TurnTool, ...]]
    prompts: Mapping[int, tuple[TurnMessage, ...]]  # what each turn's prompt added to the one before

    @property
    def erased(self) -> bool:
        """Whether words of it may be gone."""
        return any(text == ERASED for event in self.events for text in _texts(event.data))


async def trajectory(agents: AgentProvider, principal: Principal, run_id: str) -> Trajectory:
    """Raises NotFound and Denied, as `run.read` is decided."""
    run = await agents.get_run(principal, run_id)
    events = await log_so_far(agents, principal, run)
    lists: dict[str, tuple[TurnTool, ...]] = {}
    for digest, turn in _first_turns(events).items():
        with suppress(NotFound):
            lists[digest] = (await agents.get_model_request(principal, run_id, turn)).tools
    prompts: dict[int, tuple[TurnMessage, ...]] = {}
    for one in added(events):
        if one.messages is not None:
            prompts[one.turn] = one.messages
            continue
        with suppress(NotFound):  # another Toolward wrote it in other words, or they were erased
            asked = await agents.get_model_request(principal, run_id, one.turn)
            prompts[one.turn] = asked.messages[one.keep :]
    return Trajectory(run, tuple(events), lists, prompts)


def told(of: Trajectory) -> TrajectoryLine:
    """The run as a line of an export."""
    return trajectory_of(of.events, of.lists, of.prompts, toolward=version("toolward"), erased=of.erased)


def replayed(of: Trajectory) -> replay.Difference | None:
    """Where the log is not what the loop makes. Raises Conflict where the words that it would need were erased."""
    offered = {digest: {tool.alias: tool.name for tool in tools} for digest, tools in of.lists.items()}
    difference = replay.replay(of.events, offered)
    if difference is not None and of.erased:
        raise Conflict(
            f"Words of the run {of.run.id} were erased, so it cannot be replayed.",
            hint="`toolward ledger verify` says whether its log is whole.",
        )
    return difference


def _first_turns(events: list[RunEvent]) -> Mapping[str, int]:
    """The turn in which each list of tools was offered first."""
    turns: dict[str, int] = {}
    for event in events:
        if event.type == NAMES[ModelReplied] and (asked := event.data.get("request")):
            turns.setdefault(asked["tools"], event.data["turn"])
    return turns


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in cast(dict[str, Any], value).values():
                yield from _texts(inner)
        case list():
            for inner in cast(list[Any], value):
                yield from _texts(inner)
        case _:
            pass
