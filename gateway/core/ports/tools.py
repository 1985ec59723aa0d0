"""Tool servers, the one road to their tools, and whom policy lets do what else."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

import msgspec

from gateway.core.ports.records import RequestSpec, RunAppend
from toolward.errors import Denied
from toolward.offers import Prompt, PromptText, Resource, ResourceTemplate
from toolward.types import (
    Answer,
    CallContext,
    InputRequest,
    Outcome,
    Principal,
    ResourceBody,
    Tool,
    ToolCall,
    ToolResult,
)


class Listing(msgspec.Struct, frozen=True):
    """What discovery knows of one backend: its tools, or why it has none, and what it offers beside them."""

    backend: str
    transport: Literal["stdio", "http", "grpc", "built-in"]
    address: str  # command line or URL, for people
    tools: tuple[Tool, ...] = ()
    problem: str = ""  # empty = it answered
    warning: str = ""  # what people should know of one that answers
    resources: tuple[Resource, ...] = ()
    templates: tuple[ResourceTemplate, ...] = ()
    prompts: tuple[Prompt, ...] = ()


class BackendPort(Protocol):
    def listings(self) -> tuple[Listing, ...]:
        """Every configured backend as it is known now, in the order of the configuration."""
        ...

    async def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> ToolResult:
        """One round trip for `principal`, whom a backend of ours is told; `call.name` is the backend's own name for
        the tool. It takes no longer than `context.timeout`, waiting included. Raises Unavailable, DeadlineExceeded,
        InvalidResult, or the ToolwardError that the backend answered."""
        ...

    async def read_resource(
        self, backend: str, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Likewise; `uri` is the backend's own. Raises NotFound, too, also where it has no resources."""
        ...

    async def get_prompt(
        self,
        backend: str,
        principal: Principal,
        name: str,
        arguments: Mapping[str, str],
        context: CallContext,
    ) -> PromptText:
        """Likewise; `name` is the backend's own."""
        ...


class Called(msgspec.Struct, frozen=True):
    """A call that policy did not deny: the rule that decided, and what came of it. A denial is raised. `note`
    tells the caller that a person changed the arguments, and what was sent."""

    effect: Literal["allow", "ask"]
    rule: str
    outcome: Outcome
    note: str = ""


Store = Callable[["RunAppend"], Awaitable[None]]
"""Stores what it is given of a run's log, and with it whatever else it is made for: a call's intent."""


Joining = Callable[[Store], Awaitable[None]]
"""How a run has its log and a call's intent stored at once: it calls the Store, with its part."""


class Caller(Protocol):
    """The one road to the tools, for those who want to know what was decided too."""

    async def call(
        self, principal: Principal, call: ToolCall, context: CallContext, *, joining: Joining | None = None
    ) -> Called: ...

    async def answer(self, principal: Principal, spec: "RequestSpec", answer: Answer) -> InputRequest:
        """What a person's answer makes of an input request, decided by the policy in force."""
        ...


class Authorize(Protocol):
    """Whether policy lets a caller do what is not a tool call. Asked wherever such a thing is done."""

    def __call__(self, principal: Principal, operation: str, resource: Mapping[str, str], /) -> Denied | None:
        """None = it may be done; otherwise the error to raise, which names the rule. `operation` is one of
        `gateway.core.operations`, `resource` has the attributes that are listed for it there."""
        ...
