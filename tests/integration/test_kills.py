"""Kill -9 at random moments of keyed calls: no effect twice, and none lost after an answered call.

`make chaos-kit` runs 200 kills a tool; here are a few, from the same seed.
"""

import os
import random
from pathlib import Path

import pytest

from tests.integration.killing import UNKNOWN, Messages, Story, Target, Writes, kill_once, settle

KILLS = int(os.environ.get("TOOLWARD_KILLS", "8"))
SEED = int(os.environ.get("TOOLWARD_SEED", "20261120"))
MANY = 100
"""Kills among which some surely meet a call between its effect and its answer."""


@pytest.mark.parametrize("kind", [Messages, Writes])
async def test_no_effect_comes_twice_and_no_answered_one_is_lost(tmp_path: Path, kind: type[Target]) -> None:
    target, story, chance = kind(tmp_path), Story(), random.Random(SEED)
    for _ in range(KILLS):
        await kill_once(target, story, chance)
        assert max(target.effects().values(), default=1) == 1, f"twice, after {story.kills} kills"
    await settle(target, story, again=200)

    effects = target.effects()
    unknown = {number for number, answer in story.answers.items() if answer == UNKNOWN}
    print(
        f"\n{kind.__name__}: {story.kills} kills, {story.sent} calls, {story.interrupted} interrupted, of which "
        f"{story.done_unanswered} had taken effect; {len(unknown)} outcomes unknown"
    )
    assert story.interrupted >= KILLS
    assert KILLS < MANY or story.done_unanswered > 0
    assert not story.open
    assert [number for number in story.answers if number not in unknown and effects[number] != 1] == []
    assert [number for number, count in effects.items() if count != 1] == []
    assert kind is Writes or not unknown
