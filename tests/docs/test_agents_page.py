"""What docs/agents.md says of the keys is what the reader takes, and its example is an agent."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.agent.definition import AgentDefinition, Limits
from gateway.config.agents import MAX_INSTRUCTIONS, load_agents
from gateway.config.reader import Section
from gateway.config.routes import MOST_LABELS, MOST_NAMES, MOST_ROUTES

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_every_key_that_is_taken_is_on_the_page_and_in_its_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    taken: set[str] = set()
    used: set[str] = set()
    only = Section.only

    def note(self: Section, *known: str) -> None:
        taken.update(known)
        used.update(self)
        only(self, *known)

    monkeypatch.setattr(Section, "only", note)
    (tmp_path / "support.md").write_text(block("markdown"))
    (tmp_path / "support.yaml").write_text(block("yaml"))
    (agent,) = load_agents([tmp_path / "support.yaml"], ("strong", "other", "long", "cheap", "tiny"))
    assert agent.instructions == block("markdown")
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == taken
    assert used == taken - {"instructions"}


def test_the_defaults_and_bounds_are_those_of_the_code():
    usual = AgentDefinition(name="a", instructions="x")
    said: list[tuple[str, Any]] = [
        ("| `turns` | 1 to 1,000 | {} |", Limits().turns),
        ("| `calls` | 0 to 10,000 | {} |", Limits().calls),
        ("| `context_tokens` | 1,000 or more | {:,} |", Limits().context_tokens),
        ("| `tool_search` | 0 to 100,000 | {} |", usual.tool_search),
        ("| `model` | name, or a list of at most {} |", MOST_NAMES),
        ("| `routes` | list, at most {} |", MOST_ROUTES),
        ("| 2 to {} of them", MOST_LABELS),
        ("at most {} KiB", MAX_INSTRUCTIONS >> 10),
    ]
    for text, value in said:
        assert text.format(value) in PAGE
