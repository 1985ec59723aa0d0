"""Replay: the loop makes a run's log again from what came from outside, or says where the log is not its own."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.agent import events as ev
from gateway.agent.stored import UnreadableEvent, decode
from gateway.core.ports import ModelReply, ModelRequest, OnPiece
from gateway.runs.trajectories import Trajectory, replayed, trajectory
from tests.integration.moody_runs import Life
from tests.integration.run_house import ADA, House, calls, ended, says
from tests.integration.told_runs import tell, told_house
from tests.twins import TwinModel
from toolward.errors import InvalidRequest
from toolward.types import Run, RunEvent


async def lived(path: Path, seed: int, actions: int) -> list[Trajectory]:
    life = Life(path, seed)
    await life.live(actions)
    async with life.house.open() as runs:
        return [await trajectory(runs, ADA, run_id) for run_id in life.runs]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.integers(0, 2**32))
def test_whatever_a_moody_model_moody_tools_and_moody_people_make_of_a_run_replays(seed: int):
    with tempfile.TemporaryDirectory() as folder:
        for found in asyncio.run(lived(Path(folder) / "ledger.db", seed, 40)):
            assert replayed(found) is None, (seed, [event.type for event in found.events])


# --- a log that was changed ------------------------------------------------------------------------------

GIVEN: Mapping[str, frozenset[str]] = {
    "run_started": frozenset(
        {"agent", "owner", "tenant", "input", "definition", "scopes", "api_key", "before", "hops"}
    ),
    "run_taken_up": frozenset(),
    "message_received": frozenset({"text", "by", "key", "hops"}),
    "model_replied": frozenset(
        {"text", "tool_uses", "stop", "usage", "model", "duration_ms", "endpoint", "passed_over", "reasoning"}
        | {"native", "native_source", "response_id", "cost"}
    ),
    "tool_called": frozenset({"call_id"}),
    "tool_returned": frozenset(
        {"call_id", "code", "is_error", "text", "structured", "trust", "effect", "rule", "duration_ms"}
        | {"whole", "length"}
    ),
    "results_folded": frozenset(),
    "turns_summarised": frozenset({"text", "usage", "endpoint", "model", "cost", "duration_ms"}),
    "input_classified": frozenset({"turn", "label", "usage", "endpoint", "cost"}),
    "limit_reached": frozenset({"limit", "message"}),
    "input_requested": frozenset(
        {"call_id", "request_id", "kind", "prompt", "approvers", "expires_at", "choices"}
    ),
    "input_answered": frozenset(
        {"request_id", "approve", "text", "reason", "by", "expired", "arguments_json", "edited_by"}
        | {"void", "again", "choice", "handed_back"}
    ),
    "run_paused": frozenset({"by", "reason"}),
    "run_resumed": frozenset({"by"}),
    "run_retried": frozenset({"parent", "owner", "effects", "scopes", "api_key"}),
    "run_rated": frozenset({"by", "score", "comment"}),
    "run_completed": frozenset(),
    "run_failed": frozenset(),
    "run_cancelled": frozenset({"by"}),
}
"""What comes from outside, by type. A change of it is found where something follows from it; `toolward ledger
verify` finds each."""


def test_what_comes_from_outside_is_said_of_every_event():
    assert set(GIVEN) == set(ev.TYPES)
    for name, given_fields in GIVEN.items():
        assert given_fields <= set(ev.TYPES[name].__struct_fields__)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trajectory, ...]:
    async def made() -> tuple[Trajectory, ...]:
        house = told_house(tmp_path_factory.mktemp("told") / "ledger.db")
        async with house.open() as runs:
            return tuple([await trajectory(runs, ADA, run_id) for run_id in await tell(house, runs)])

    return asyncio.run(made())


def test_a_run_with_something_of_everything_replays(told: tuple[Trajectory, ...]):
    types = {event.type for one in told for event in one.events}
    assert set(ev.TYPES) - types == {"run_cancelled", "input_classified", "limit_reached"}
    assert [one.run.state.value for one in told] == ["completed", "failed"]
    assert [replayed(one) for one in told] == [None, None]


def test_a_change_of_what_the_loop_made_is_found_wherever_it_is(told: tuple[Trajectory, ...]):
    missed = [
        (event.seq, event.type, path)
        for one in told
        for event in one.events
        for path, changed in changes(event)
        if path.split(".")[0] not in GIVEN[event.type] and not same(event, changed)
        if replayed(put(one, changed)) is None
    ]
    assert missed == []


def test_a_change_of_what_the_model_had_read_is_found_in_what_it_was_asked_next(told: tuple[Trajectory, ...]):
    words = {
        "run_started": "input definition.instructions",
        "message_received": "text",
        "model_replied": "text tool_uses.0.arguments_json tool_uses.0.name tool_uses.0.id",
        "tool_returned": "text is_error",
        "input_answered": "text reason",
    }
    found: set[str] = set()
    for event in told[0].events:
        for path, changed in changes(event):
            if path not in words.get(event.type, "").split() or not event.data.get(path, True):
                continue
            difference = replayed(put(told[0], changed))
            assert difference is not None, (event.seq, event.type, path)
            assert difference.seq > event.seq or event.type == "tool_returned"
            found.add(event.type)
    assert found == set(words)


def test_an_event_that_is_gone_is_found(told: tuple[Trajectory, ...]):
    (first, _) = told
    for at, gone in enumerate(first.events[:-1]):
        rest = (*first.events[:at], *first.events[at + 1 :])
        renumbered = tuple(msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(rest, 1))
        found = replayed(first._replace(events=renumbered)) is not None
        assert found or gone.type == "run_rated", gone  # of which nothing follows


def test_a_difference_says_where_and_what(told: tuple[Trajectory, ...]):
    (first, _) = told
    at = next(event for event in first.events if event.type == "tool_called")
    other = msgspec.structs.replace(at, data=at.data | {"key": "another/1/0"})
    difference = replayed(put(first, other))
    assert difference is not None
    assert (difference.seq, difference.type, difference.field) == (at.seq, "tool_called", "key")
    assert (difference.recorded, difference.made) == ("another/1/0", at.data["key"])


def test_a_changed_prompt_is_found(told: tuple[Trajectory, ...], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.agent.context.RESULTS_ARE_DATA", "Trust every result.")
    difference = replayed(told[0])
    assert difference is not None
    assert (difference.type, difference.field) == ("model_replied", "request.add.0.1")


def put(one: Trajectory, changed: RunEvent) -> Trajectory:
    events = list(one.events)
    events[changed.seq - 1] = changed
    return one._replace(events=tuple(events))


def same(event: RunEvent, changed: RunEvent) -> bool:
    """Whether it is read as the same event: what a later version adds is not looked at."""
    try:
        return decode(changed) == decode(event)
    except UnreadableEvent:
        return False


def changes(event: RunEvent) -> Iterator[tuple[str, RunEvent]]:
    """The event with one of its single values changed, each in turn, and the path of that value."""
    for path, changed in _changes(event.data):
        yield path, msgspec.structs.replace(event, data=changed)


def _changes(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            fields = cast(dict[str, Any], value)
            for name, inner in fields.items():
                for path, changed in _changes(inner, f"{where}.{name}".lstrip(".")):
                    yield path, {**fields, name: changed}
        case list():
            items = cast(list[Any], value)
            yield where, [*items, "more"]
            for at, inner in enumerate(items):
                yield where, [*items[:at], *items[at + 1 :]]
                for path, changed in _changes(inner, f"{where}.{at}"):
                    yield path, [*items[:at], changed, *items[at + 1 :]]
        case bool():
            yield where, not value
        case str():
            yield where, f"{value}x"
        case int() | float():
            yield where, value + 1
        case _:
            yield where, "something"


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_who_writes_while_the_model_fails_hears_nothing_from_before(tmp_path: Path, turns: int) -> None:
    """What a failed run has of an answer is what was said since somebody wrote last, in the log as in its replay;
    `turns` of the event loop lie between the writing and the failure."""
    house = House(tmp_path / "ledger.db")
    async with house.open() as runs:
        writing: list[asyncio.Task[Run]] = []

        class Written(TwinModel):
            async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
                if self.requests:
                    writing.append(asyncio.create_task(runs.send_message(ADA, run.id, "And?")))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                return await super().reply(request, on_piece)

        house.model = Written(
            (calls(("get", "A"), text="I look."), InvalidRequest("Too sad."), says("Here."))
        )
        run = await runs.start_run(ADA, "support", "Do it.")
        await ended(runs, run)
        await writing[0]
        await ended(runs, run)
        found = await trajectory(runs, ADA, run.id)
    assert replayed(found) is None
