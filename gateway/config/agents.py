"""Agents from disk, one to a file.

name: support
title: Support
description: Answers customers, and looks up what it needs.
instructions: |
  You help ...
tools: ["crm.find_records", "search.*"]     # globs over qualified names
model: default                              # the name of a model endpoint
limits: {turns: 20, calls: 60}
people: [self, "role:support-lead"]         # who answers what it asks people; `self` is the run's owner
"""

import re
from collections.abc import Iterable
from pathlib import Path

from gateway.agent.definition import AGENT_NAME, AgentDefinition, Limits
from gateway.config.reader import Problems, Section
from gateway.config.source import load_yaml
from gateway.core.globs import flaw_in_tool_glob
from gateway.core.policy_document import APPROVERS, flaw_in_label
from gateway.core.rules import SELF

_DEFAULT = Limits()


def load_agents(files: Iterable[Path]) -> tuple[AgentDefinition, ...]:
    """In the order of the files. Raises ConfigurationError for a file that is missing or wrong, and for a name
    that two files give."""
    found: dict[str, tuple[AgentDefinition, str]] = {}
    for file in files:
        source = load_yaml(file)
        problems = Problems(source)
        at = Section(problems, (), source.data)
        agent = _agent(at)
        if agent.name in found:
            at.wrong("name", f"is {agent.name!r}, as in {found[agent.name][1]}; give each agent its own")
        problems.raise_any()
        found[agent.name] = (agent, source.file)
    return tuple(agent for agent, _ in found.values())


def _agent(at: Section) -> AgentDefinition:
    at.only("name", "title", "description", "instructions", "tools", "model", "limits", "people")
    name = at.needed_text("name", "name: support")
    if name and not re.fullmatch(AGENT_NAME, name):
        at.wrong("name", f"is {name!r}; use a-z, 0-9, _ and -, at most 64 of them, a letter first")
    instructions = at.needed_text("instructions", "instructions: You help customers.")
    tools = at.texts("tools")
    for index, glob in enumerate(tools):
        if flaw := flaw_in_tool_glob(glob):
            at.wrong_item("tools", index, flaw)
    people = at.texts("people") if "people" in at else (SELF,)
    for index, label in enumerate(people):
        if label != SELF and (flaw := flaw_in_label(label, APPROVERS)):
            at.wrong_item("people", index, flaw)
    if not people:
        at.wrong("people", f"names nobody, so nobody could answer; write [{SELF}], or leave it out")
    limits = at.section("limits")
    limits.only("turns", "calls")
    return AgentDefinition(
        name=name,
        instructions=instructions,
        title=at.text("title"),
        description=at.text("description"),
        tools=tools,
        model=at.text("model", "default"),
        limits=Limits(
            turns=limits.count("turns", _DEFAULT.turns, least=1, most=1_000),
            calls=limits.count("calls", _DEFAULT.calls, least=0, most=10_000),
        ),
        people=people,
    )
