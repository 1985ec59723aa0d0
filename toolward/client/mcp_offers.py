"""Resources and prompts of an MCP server, by the SDK's client: a ResourceProvider and a PromptProvider."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import mcp_types as types
import msgspec
from mcp import ClientSession, MCPError
from pydantic import TypeAdapter

from toolward.errors import InvalidArguments, InvalidResult, NotFound, ToolwardError
from toolward.offers import (
    Prompt,
    PromptArgument,
    PromptMessage,
    PromptPage,
    PromptText,
    Resource,
    ResourcePage,
    ResourceTemplate,
    TemplatePage,
)
from toolward.types import CallContext, JsonObject, Principal, ResourceBody
from toolward.wire.mcp import HOPS_META, ON_BEHALF_META

NOT_FOUND = -32002
"""What the handshake eras answer for a resource that is not there; later ones say INVALID_PARAMS (SEP-2164)."""

_RAW: TypeAdapter[Any] = TypeAdapter(JsonObject)

ResultT = TypeVar("ResultT")
TypeT = TypeVar("TypeT")

Refusal = Callable[[MCPError], ToolwardError | None]
"""What an error of the server's means of what was asked; None where it means nothing special."""


class Ask(Protocol):
    """One request of the client's session, its errors as ours. `what` was to be done, `timeout` in seconds; without
    one, the client's own."""

    async def __call__(
        self,
        work: Callable[[ClientSession], Awaitable[ResultT]],
        what: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 -- it says so in the error, too
        refusal: Refusal | None = None,
    ) -> ResultT: ...


class _Contents(msgspec.Struct):
    contents: tuple[ResourceBody, ...]


class _Filled(msgspec.Struct):
    messages: tuple[PromptMessage, ...]
    description: str | None = None


class McpOffers:
    """`name` is what errors call the server."""

    def __init__(self, name: str, ask: Ask) -> None:
        self._name = name
        self._ask = ask

    async def list_resources(self, principal: Principal, cursor: str | None = None) -> ResourcePage:
        """Raises Unavailable, DeadlineExceeded, InvalidResult; so do the other lists."""
        params = types.PaginatedRequestParams(cursor=cursor)
        page = await self._ask(lambda session: session.list_resources(params=params), "list its resources")
        return ResourcePage(tuple(map(_resource, page.resources)), page.next_cursor)

    async def list_templates(self, principal: Principal, cursor: str | None = None) -> TemplatePage:
        """A server that has resources and does not know this method has no templates."""
        params = types.PaginatedRequestParams(cursor=cursor)
        try:
            page = await self._ask(
                lambda session: session.list_resource_templates(params=params),
                "list its templates",
                refusal=lambda error: (
                    NotFound("no templates") if error.code == types.METHOD_NOT_FOUND else None
                ),
            )
        except NotFound:
            return TemplatePage(())
        return TemplatePage(tuple(map(_template, page.resource_templates)), page.next_cursor)

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Raises the ToolwardError that the server answered, NotFound, InvalidArguments, Unavailable,
        DeadlineExceeded, InvalidResult."""
        request = types.ReadResourceRequest(
            params=types.ReadResourceRequestParams(uri=uri, _meta=_meta(context))
        )
        what = f"give {uri[:200]}"
        raw = await self._ask(
            lambda session: session.send_request(request, _RAW),
            what,
            timeout=context.timeout,
            refusal=lambda error: self._refusal(error, f"no resource at {uri[:200]!r}"),
        )
        return self._read(raw, _Contents, what).contents

    async def list_prompts(self, principal: Principal, cursor: str | None = None) -> PromptPage:
        params = types.PaginatedRequestParams(cursor=cursor)
        page = await self._ask(lambda session: session.list_prompts(params=params), "list its prompts")
        return PromptPage(tuple(map(_prompt, page.prompts)), page.next_cursor)

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        """Raises as `read_resource`."""
        params = types.GetPromptRequestParams(name=name, arguments=dict(arguments), _meta=_meta(context))
        what = f"give the prompt {name[:128]}"
        raw = await self._ask(
            lambda session: session.send_request(types.GetPromptRequest(params=params), _RAW),
            what,
            timeout=context.timeout,
            refusal=lambda error: self._refusal(error, f"no prompt {name[:128]!r}"),
        )
        found = self._read(raw, _Filled, what)
        return PromptText(found.messages, found.description)

    def _refusal(self, error: MCPError, absent: str) -> ToolwardError | None:
        if error.code == NOT_FOUND:
            return NotFound(f"{self._name} has {absent}.")
        if error.code != types.INVALID_PARAMS:
            return None
        if "not found" in error.message.lower() or "unknown" in error.message.lower():
            return NotFound(f"{self._name} has {absent}.")
        return InvalidArguments(f"{self._name} refused what was asked: {error.message}")

    def _read(self, raw: JsonObject, kind: type[TypeT], what: str) -> TypeT:
        if (given := raw.get("resultType", "complete")) != "complete":
            raise InvalidResult(
                f"{self._name} was to {what} and answered with {given!r}, which cannot be passed on.",
                hint="It wants to ask a person.",
            )
        try:
            return msgspec.convert(raw, kind)
        except ValueError as error:  # msgspec's
            raise InvalidResult(f"{self._name} was to {what}, and its answer is none: {error}.") from None


def _meta(context: CallContext) -> Any:
    extra = {
        HOPS_META: context.hops,
        ON_BEHALF_META: context.on_behalf_of,
        "traceparent": context.traceparent,
    }
    return {key: value for key, value in extra.items() if value} or None


def _resource(found: types.Resource) -> Resource:
    return Resource(
        found.uri,
        found.name,
        found.title,
        found.description,
        found.mime_type,
        _object(found.annotations),
        found.size,
        _icons(found.icons),
    )


def _template(found: types.ResourceTemplate) -> ResourceTemplate:
    return ResourceTemplate(
        found.uri_template,
        found.name,
        found.title,
        found.description,
        found.mime_type,
        _object(found.annotations),
        _icons(found.icons),
    )


def _prompt(found: types.Prompt) -> Prompt:
    arguments = tuple(
        PromptArgument(one.name, one.description, bool(one.required), one.title)
        for one in found.arguments or ()
    )
    return Prompt(found.name, found.description, found.title, arguments, _icons(found.icons))


def _object(found: types.Annotations | None) -> JsonObject | None:
    return None if found is None else found.model_dump(mode="json", by_alias=True, exclude_none=True)


def _icons(found: list[types.Icon] | None) -> tuple[JsonObject, ...]:
    return tuple(one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in found or ())
