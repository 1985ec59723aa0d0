"""All that one backend lists, page by page, and never more than a bound of it at once."""

import msgspec

from toolward.errors import InvalidResult
from toolward.types import Principal, Tool, ToolProvider

GATEWAY = Principal("gateway")

MAX_PAGES = 200
MAX_TOOLS = 10_000
MAX_BYTES = 16 * 1024 * 1024
"""Of all tools as JSON text: twice what the catalog takes of one backend, so that it can say what it leaves out. A
page is received whole before it is counted here, and may have 64 MiB as any message of a backend: only its content
says that it is a page and no result. So at most 80 MiB of text are held for a backend that lists."""


async def every_tool(provider: ToolProvider) -> tuple[Tool, ...]:
    """Raises InvalidResult for a list without end or above the bounds, without asking for its rest; and what
    `list_tools` raises."""
    tools: list[Tool] = []
    size = 0
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await provider.list_tools(GATEWAY, cursor)
        for tool in page.tools:
            size += len(msgspec.json.encode(tool))
            if size > MAX_BYTES:
                raise InvalidResult(f"its list of tools has more than {MAX_BYTES:,} bytes")
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tuple(tools)
        if len(tools) > MAX_TOOLS:
            break
    raise InvalidResult("its list of tools does not end")
