"""The backends that are the gateway's own, and no server's."""

from collections.abc import Mapping

from gateway.core import agent_tools, people
from gateway.core.entries import ToolFacts

OURS: Mapping[str, str] = {
    people.PEOPLE: "by people.* agents turn to people, through the gateway itself",
    agent_tools.AGENTS: "agents.* are this gateway's agents, as tools",
}
"""Their names, which no other backend may have, and why not: words that go on from "a name that is taken: "."""

FACTS: Mapping[str, ToolFacts] = {**people.FACTS, **agent_tools.FACTS}
