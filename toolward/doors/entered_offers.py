"""Resources and prompts behind the entrance: read for whoever a gateway says, like every call."""

from collections.abc import Callable, Mapping

from toolward.auth.on_behalf import Believed, caller_of, seen_by
from toolward.offers import (
    PromptPage,
    PromptProvider,
    PromptText,
    ResourcePage,
    ResourceProvider,
    TemplatePage,
)
from toolward.types import CallContext, Principal, ResourceBody

Ask = Callable[[Principal], None]
"""Raises Overloaded for who asks too often."""


class EnteredResources:
    def __init__(self, on_behalf: Believed | None, inner: ResourceProvider, ask: Ask) -> None:
        self._on_behalf, self._inner, self._ask = on_behalf, inner, ask

    async def list_resources(self, principal: Principal, cursor: str | None = None) -> ResourcePage:
        self._ask(principal)
        return await self._inner.list_resources(seen_by(self._on_behalf, principal), cursor)

    async def list_templates(self, principal: Principal, cursor: str | None = None) -> TemplatePage:
        self._ask(principal)
        return await self._inner.list_templates(seen_by(self._on_behalf, principal), cursor)

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Raises Unauthenticated where it is said for whom, and that does not hold."""
        self._ask(principal)
        return await self._inner.read_resource(caller_of(self._on_behalf, principal, context), uri, context)


class EnteredPrompts:
    def __init__(self, on_behalf: Believed | None, inner: PromptProvider, ask: Ask) -> None:
        self._on_behalf, self._inner, self._ask = on_behalf, inner, ask

    async def list_prompts(self, principal: Principal, cursor: str | None = None) -> PromptPage:
        self._ask(principal)
        return await self._inner.list_prompts(seen_by(self._on_behalf, principal), cursor)

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        """Raises Unauthenticated where it is said for whom, and that does not hold."""
        self._ask(principal)
        caller = caller_of(self._on_behalf, principal, context)
        return await self._inner.get_prompt(caller, name, arguments, context)
