"""All that one backend lists, page by page, and never more than a bound of it at once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from toolward.errors import InvalidResult
from toolward.offers import Prompt, Resource, ResourceTemplate, offers_of
from toolward.types import Principal, Tool, ToolProvider

GATEWAY = Principal("gateway")

MAX_PAGES = 200
MAX_ENTRIES = 10_000
MAX_BYTES = 16 * 1024 * 1024
"""Of all tools, and of all resources, templates or prompts, as JSON text: twice what the catalog takes of one
backend, so that it can say what it leaves out. A page is received whole before it is counted here, and may have
64 MiB as any message of a backend: only its content says that it is a page and no result. So at most 80 MiB of text
are held for a backend that lists."""

EntryT = TypeVar("EntryT")


class Offered(msgspec.Struct, frozen=True):
    """What a backend has beside tools."""

    resources: tuple[Resource, ...] = ()
    templates: tuple[ResourceTemplate, ...] = ()
    prompts: tuple[Prompt, ...] = ()


NOTHING = Offered()


async def every_tool(provider: ToolProvider) -> tuple[Tool, ...]:
    """Raises InvalidResult for a list without end or above the bounds, without asking for its rest; and what
    `list_tools` raises."""
    return await _every("tools", provider.list_tools, lambda page: page.tools)


async def every_offer(provider: ToolProvider) -> Offered:
    """Raises as `every_tool`."""
    offers = offers_of(provider)
    found = NOTHING
    if (resources := offers.resources) is not None:
        found = Offered(
            await _every("resources", resources.list_resources, lambda page: page.resources),
            await _every("templates", resources.list_templates, lambda page: page.templates),
        )
    if (prompts := offers.prompts) is not None:
        listed = await _every("prompts", prompts.list_prompts, lambda page: page.prompts)
        found = Offered(found.resources, found.templates, listed)
    return found


PageT = TypeVar("PageT")


async def _every(
    what: str,
    list_page: Callable[[Principal, str | None], Awaitable[PageT]],
    entries_of: Callable[[PageT], Sequence[EntryT]],
) -> tuple[EntryT, ...]:
    found: list[EntryT] = []
    size = 0
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page: Any = await list_page(GATEWAY, cursor)
        entries = entries_of(page)
        for entry in entries:
            size += len(msgspec.json.encode(entry))
            if size > MAX_BYTES:
                raise InvalidResult(f"its list of {what} has more than {MAX_BYTES:,} bytes")
        found += entries
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)
        if len(found) > MAX_ENTRIES:
            break
    raise InvalidResult(f"its list of {what} does not end")
