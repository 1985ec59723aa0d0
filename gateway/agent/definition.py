"""What an agent is: its instructions, the tools it may have, its model endpoint, its limits."""

from typing import Annotated

import msgspec

from toolward.types import Agent

AGENT_NAME = r"^[a-z][a-z0-9_-]{0,63}$"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on one run."""

    turns: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    calls: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 60


class AgentDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `agents/`. `tools` are globs over qualified names; policy may allow less, never more.
    `model` is the name of a model endpoint. `people` are the labels (globs) of those who answer what it asks them;
    `self` is the run's owner."""

    name: Annotated[str, msgspec.Meta(pattern=AGENT_NAME)]
    instructions: Annotated[str, msgspec.Meta(min_length=1)]
    title: str = ""
    description: str = ""
    tools: tuple[str, ...] = ()
    model: str = "default"
    limits: Limits = Limits()
    people: tuple[str, ...] = ("self",)

    @property
    def shown(self) -> Agent:
        """As clients see it."""
        return Agent(self.name, self.title or self.name, self.description, self.model)
