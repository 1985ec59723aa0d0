"""What an agent is: its instructions, its tools, its model endpoints and which of them answers when, its limits.

A run's log keeps the definition that it began with, so old ones are read for ever: a field may be added, with a
default that says what held before there was one.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from toolward.types import Agent

AGENT_NAME = r"^[a-z][a-z0-9_-]{0,63}$"

TOOL_SEARCH = 40

Whole = Annotated[int, msgspec.Meta(ge=0)]
Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on one run, counted since somebody wrote last. 0 = none, where there may be none."""

    turns: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    calls: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 60
    tokens: Whole = 0  # input and output of all turns
    cost: Whole = 0  # billionths of a US dollar
    seconds: Whole = 0  # at work: the time in which it waits for people does not count
    context_tokens: Annotated[int, msgspec.Meta(ge=1_000)] = (
        100_000  # of what a model is sent: then it is folded
    )


class Classifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small call of the endpoint `model` that gives what a person wrote one of the `labels` (what each is for, by
    name). `default` is the label where it says none of them; empty = the first."""

    model: str
    labels: Annotated[Mapping[str, str], msgspec.Meta(min_length=1)]
    default: str = ""

    @property
    def fallback(self) -> str:
        return self.default or next(iter(self.labels))


ToolNeed = Literal["", "offered", "none", "used", "unused"]
"""Of a turn: tools are offered in it, or none are; the run has called some before, or none. Empty = whichever."""


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which endpoints answer a round that begins with a turn like this: all that is set must fit. Bounds are
    included; 0 = no bound."""

    model: Names
    least_tokens: Whole = 0  # of what the model is sent, estimated
    most_tokens: Whole = 0
    first_turn: Whole = 0
    last_turn: Whole = 0
    tools: ToolNeed = ""
    labels: tuple[str, ...] = ()  # of the classifier; empty = any, and it need not be asked


class AgentDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `agents/`. `tools` are globs over qualified names; policy may allow less, never more.
    `model` names the model endpoints, the first choice first (one as plain text in older logs); `routes` say which
    others answer when: the first that fits. Above `tool_search` tools (0 = never) the model gets a search in their
    place. `people` are the labels (globs) of those who answer what it asks them; `self` is the run's owner."""

    name: Annotated[str, msgspec.Meta(pattern=AGENT_NAME)]
    instructions: Annotated[str, msgspec.Meta(min_length=1)]
    title: str = ""
    description: str = ""
    tools: tuple[str, ...] = ()
    model: str | Names = "default"
    limits: Limits = Limits()
    people: tuple[str, ...] = ("self",)
    routes: tuple[Route, ...] = ()
    classifier: Classifier | None = None
    tool_search: Whole = TOOL_SEARCH

    @property
    def models(self) -> tuple[str, ...]:
        """Names of endpoints, the first choice first."""
        return (self.model,) if isinstance(self.model, str) else self.model

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every endpoint that it may use, each once."""
        routed = (name for route in self.routes for name in route.model)
        classifier = (self.classifier.model,) if self.classifier else ()
        return tuple(dict.fromkeys((*self.models, *routed, *classifier)))

    @property
    def shown(self) -> Agent:
        """As clients see it."""
        return Agent(self.name, self.title or self.name, self.description, ", ".join(self.models))
