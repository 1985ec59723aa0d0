"""Agents from disk, one to a file. docs/agents.md has all keys.

name: support
title: Support
description: Answers customers, and looks up what it needs.
instructions_file: support.md               # Markdown, beside this file; or `instructions`, and the text itself
tools: ["crm.find_records", "search.*"]     # globs over qualified names
model: [strong, other]                      # names of model endpoints: the first choice, then fallbacks
routes:                                     # the first that fits says which others answer
  - {least_tokens: 60_000, model: long}
limits: {turns: 20, calls: 60, tokens: 300_000, cost: 0.50, seconds: 600}
people: [self, "role:support-lead"]         # who answers what it asks people; `self` is the run's owner
"""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from gateway.agent.definition import AGENT_NAME, TOOL_SEARCH, AgentDefinition, Limits
from gateway.config.reader import Problems, Section
from gateway.config.routes import Endpoints, read_classifier, read_routes
from gateway.config.source import load_yaml, read_file, shown
from gateway.core.agent_tools import AGENTS, NEEDS
from gateway.core.globs import flaw_in_tool_glob
from gateway.core.policy_document import APPROVERS, flaw_in_label
from gateway.core.rules import SELF
from toolward.errors import ConfigurationError

MAX_INSTRUCTIONS = 64 * 1024
"""Bytes: the model reads them in every turn."""

MOST_TOKENS = 10**12
MOST_CONTEXT = 10**8
MOST_SECONDS = 30 * 86_400
MOST_TOOLS = 100_000

_DEFAULT = Limits()


def load_agents(
    files: Iterable[Path], endpoints: Collection[str] | None = None, beside: list[Path] | None = None
) -> tuple[AgentDefinition, ...]:
    """In the order of the files. Only `endpoints` may be named, where they are given; `beside` gets the files of
    instructions. Raises ConfigurationError for a file that is missing or wrong, and for a name that two give."""
    found: dict[str, tuple[AgentDefinition, str]] = {}
    for file in files:
        source = load_yaml(file)
        problems = Problems(source)
        at = Section(problems, (), source.data)
        agent = _agent(at, file, Endpoints(endpoints), [] if beside is None else beside)
        if agent.name in found:
            at.wrong("name", f"is {agent.name!r}, as in {found[agent.name][1]}; give each agent its own")
        problems.raise_any()
        found[agent.name] = (agent, source.file)
    return tuple(agent for agent, _ in found.values())


def _agent(at: Section, file: Path, endpoints: Endpoints, beside: list[Path]) -> AgentDefinition:
    at.only(
        "name", "title", "description", "instructions", "instructions_file", "tools", "tool_search", "model",
        "classifier", "routes", "limits", "people",
    )  # fmt: skip
    name = at.needed_text("name", "name: support")
    if name and not re.fullmatch(AGENT_NAME, name):
        at.wrong("name", f"is {name!r}; use a-z, 0-9, _ and -, at most 64 of them, a letter first")
    elif name in NEEDS:
        at.wrong(
            "name", f"is taken: {AGENTS}.{name} is a tool of the gateway's own; give the agent another one"
        )
    classifier = read_classifier(at, endpoints)
    return AgentDefinition(
        name=name,
        instructions=_instructions(at, file, beside),
        title=at.text("title"),
        description=at.text("description"),
        tools=_tools(at),
        model=endpoints.named(at, "model", "default"),
        limits=_limits(at.section("limits")),
        people=_people(at),
        routes=read_routes(at, endpoints, classifier),
        classifier=classifier,
        tool_search=at.count("tool_search", TOOL_SEARCH, least=0, most=MOST_TOOLS),
    )


def _instructions(at: Section, file: Path, beside: list[Path]) -> str:
    key = "instructions_file" if "instructions_file" in at else "instructions"
    if key == "instructions_file":
        if "instructions" in at:
            at.wrong(key, "stands beside `instructions`; keep one of them")
        text = _read_beside(at, file, beside)
    else:
        text = at.needed_text(key, "instructions_file: support.md, or instructions: You help customers.")
    if len(text.encode()) > MAX_INSTRUCTIONS:
        at.wrong(key, f"are more than {MAX_INSTRUCTIONS:,} bytes; the model reads them in every turn")
    return text


def _read_beside(at: Section, file: Path, beside: list[Path]) -> str:
    """Only what lies with the agent: what is read here is sent to model endpoints, and nobody has to trust agents
    before they are used."""
    key = "instructions_file"
    named = at.needed_text(key, "instructions_file: support.md")
    if not named:
        return ""
    path = file.parent / named
    homes = (file.parent.resolve(), file.resolve().parent)
    if not any(path.resolve().is_relative_to(home) for home in homes):
        at.wrong(key, f"is {named!r}, which leads out of the agent's folder; put the file beside the agent's")
        return ""
    beside.append(path)
    try:
        text = read_file(path).text
    except ConfigurationError as error:
        at.wrong(key, f"names a file that cannot be taken: {error.text}")
        return ""
    if not text.strip():
        at.wrong(key, f"names {shown(path)}, which is empty")
    return text


def _tools(at: Section) -> tuple[str, ...]:
    tools = at.texts("tools")
    for index, glob in enumerate(tools):
        if flaw := flaw_in_tool_glob(glob):
            at.wrong_item("tools", index, flaw)
    return tools


def _people(at: Section) -> tuple[str, ...]:
    people = at.texts("people") if "people" in at else (SELF,)
    for index, label in enumerate(people):
        if label != SELF and (flaw := flaw_in_label(label, APPROVERS)):
            at.wrong_item("people", index, flaw)
    if not people:
        at.wrong("people", f"names nobody, so nobody could answer; write [{SELF}], or leave it out")
    return people


def _limits(at: Section) -> Limits:
    at.only("turns", "calls", "tokens", "cost", "seconds", "context_tokens")
    return Limits(
        turns=at.count("turns", _DEFAULT.turns, least=1, most=1_000),
        calls=at.count("calls", _DEFAULT.calls, least=0, most=10_000),
        tokens=at.count("tokens", _DEFAULT.tokens, least=0, most=MOST_TOKENS),
        cost=at.dollars("cost"),
        seconds=at.count("seconds", _DEFAULT.seconds, least=0, most=MOST_SECONDS),
        context_tokens=at.count("context_tokens", _DEFAULT.context_tokens, least=1_000, most=MOST_CONTEXT),
    )
