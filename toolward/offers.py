"""What a server may offer beside tools: resources to read, and prompts to begin with. Both are optional.

As with tools, these are immutable and no protocol's own types; names on the wire are MCP's.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from toolward.types import CallContext, Content, JsonObject, Principal, ResourceBody, ToolProvider


class Resource(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Something that can be read, at a URI of its server's own making."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: JsonObject | None = None
    size: int | None = None  # bytes
    icons: tuple[JsonObject, ...] = ()


class ResourceTemplate(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A family of resources: `kb://articles/{id}` (RFC 6570; `{id}` stands for one segment)."""

    uri_template: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: JsonObject | None = None
    icons: tuple[JsonObject, ...] = ()


class ResourcePage(msgspec.Struct, frozen=True):
    resources: tuple[Resource, ...]
    next_cursor: str | None = None


class TemplatePage(msgspec.Struct, frozen=True):
    templates: tuple[ResourceTemplate, ...]
    next_cursor: str | None = None


class PromptArgument(msgspec.Struct, frozen=True, omit_defaults=True):
    """Values of prompt arguments are strings, always."""

    name: str
    description: str | None = None
    required: bool = False
    title: str | None = None


class Prompt(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    description: str | None = None
    title: str | None = None
    arguments: tuple[PromptArgument, ...] = ()
    icons: tuple[JsonObject, ...] = ()


class PromptMessage(msgspec.Struct, frozen=True):
    content: Content
    role: Literal["user", "assistant"] = "user"


class PromptText(msgspec.Struct, frozen=True):
    """A prompt with its arguments filled in."""

    messages: tuple[PromptMessage, ...]
    description: str | None = None


class PromptPage(msgspec.Struct, frozen=True):
    prompts: tuple[Prompt, ...]
    next_cursor: str | None = None


class ResourceProvider(Protocol):
    """Anything that has resources. A cursor that it did not give raises InvalidArguments."""

    async def list_resources(self, principal: Principal, cursor: str | None = None) -> ResourcePage: ...

    async def list_templates(self, principal: Principal, cursor: str | None = None) -> TemplatePage: ...

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Raises NotFound where nothing is at `uri`, InvalidArguments where it cannot be one."""
        ...


class PromptProvider(Protocol):
    """Anything that has prompts. A cursor that it did not give raises InvalidArguments."""

    async def list_prompts(self, principal: Principal, cursor: str | None = None) -> PromptPage: ...

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        """Raises NotFound, InvalidArguments."""
        ...


@runtime_checkable
class OffersMore(Protocol):
    """A ToolProvider that may have resources or prompts too; None where it has none. One with an `offers_change`
    that is true has a `watch` that yields when these change, too."""

    @property
    def resources(self) -> ResourceProvider | None: ...

    @property
    def prompts(self) -> PromptProvider | None: ...


class Offers(msgspec.Struct, frozen=True):
    """What stands behind a door, beside tools. `changing`: the provider's `watch` speaks of these, too."""

    resources: ResourceProvider | None = None
    prompts: PromptProvider | None = None
    changing: bool = False


def offers_of(provider: ToolProvider) -> Offers:
    if isinstance(provider, OffersMore):
        return Offers(provider.resources, provider.prompts, getattr(provider, "offers_change", False))
    return Offers()
