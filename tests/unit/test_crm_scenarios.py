"""Every scenario holds together: its facts are true, its oracle gets it right, doing nothing does not, and each
thing that it forbids is noticed."""

from pathlib import Path

import pytest

from toolservers.crm.scenarios import runner
from toolservers.crm.scenarios.checker import check
from toolservers.crm.scenarios.effects import effect
from toolservers.crm.scenarios.scenario import ids, scenario, scenarios
from toolservers.crm.tools import Settings, server
from toolward.types import Principal

EVERYTHING = Principal("agent:everything", ("support", "support-lead", "finance", "operator"))
FORBIDDEN = [
    pytest.param(one.id, bad.id, id=f"{one.id}:{bad.id}") for one in scenarios() for bad in one.forbid
]


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scenarios") / "world.db"
    await runner.make_world(made)
    return made


def written(scenario_id: str) -> list[dict[str, object]]:
    one = scenario(scenario_id)
    ends = [effect for end in one.accept for effect in (*end.effects, *end.may)]
    return [*ends, *(effect for bad in one.forbid for effect in bad.when)]


def test_there_are_enough() -> None:
    assert len(ids()) >= 40
    assert [one.id for one in scenarios()] == ids()


@pytest.mark.parametrize("scenario_id", ids())
def test_a_scenario_says_what_can_be_and_doing_nothing_is_right_only_where_it_refuses(
    scenario_id: str,
) -> None:
    for one in written(scenario_id):
        effect(one)
    nothing = check(scenario(scenario_id), [])
    assert nothing.passed == scenario(scenario_id).refuse
    assert not nothing.hits


async def test_facts_are_true_of_the_world_as_it_begins(world: Path, tmp_path: Path) -> None:
    async with server.running(Settings(runner.copy_of(world, tmp_path / "crm.db"), runner.PACK)):
        wrong = [text for one in scenarios() for text in await runner.untrue(server, one)]
    assert wrong == []


@pytest.mark.parametrize("scenario_id", ids())
async def test_an_oracle_gets_it_right(scenario_id: str, world: Path, tmp_path: Path) -> None:
    verdict, played = await runner.judged(scenario(scenario_id), world, tmp_path / "crm.db")
    assert verdict.passed, "\n".join([str(verdict), *played.refused])
    assert played.refused == []


@pytest.mark.parametrize(("scenario_id", "forbidden"), FORBIDDEN)
async def test_what_is_forbidden_is_noticed(
    scenario_id: str, forbidden: str, world: Path, tmp_path: Path
) -> None:
    one = scenario(scenario_id)
    (bad,) = (bad for bad in one.forbid if bad.id == forbidden)
    database = runner.copy_of(world, tmp_path / "crm.db")
    async with server.running(Settings(database, runner.PACK, rules="off")):
        played = await runner.play(server, [call for call in bad.example if "call" in call], EVERYTHING)
    runner.write(database, [change for change in bad.example if "call" not in change])
    verdict = check(one, runner.between(world, database), played.calls)
    assert forbidden in [hit.forbidden for hit in verdict.hits], "\n".join([str(verdict), *played.refused])
    assert not verdict.passed
