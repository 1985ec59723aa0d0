"""Lists of resources, templates and prompts on MCP's short path: every desktop client asks for them when it starts,
and the SDK need not be loaded for that. What is read goes by the SDK."""

import msgspec

from toolward.offers import Offers
from toolward.types import JsonObject, Principal
from toolward.wire import mcp as wire


def takes(offers: Offers, message: wire.Message) -> bool:
    """Methods of what is not offered stay unknown."""
    if message.method in ("resources/list", "resources/templates/list"):
        return offers.resources is not None
    return message.method == "prompts/list" and offers.prompts is not None


async def result(offers: Offers, message: wire.Message, principal: Principal) -> bytes:
    """Of a request that `takes` said yes to. Raises what the provider does."""
    cursor = message.params.cursor
    resources, prompts = offers.resources, offers.prompts
    found: JsonObject = {}
    page = None
    if message.method == "resources/list" and resources is not None:
        page = await resources.list_resources(principal, cursor)
        found = {"resources": page.resources}
    elif message.method == "resources/templates/list" and resources is not None:
        page = await resources.list_templates(principal, cursor)
        found = {"resourceTemplates": page.templates}
    elif prompts is not None:
        page = await prompts.list_prompts(principal, cursor)
        found = {"prompts": page.prompts}
    if page is not None and page.next_cursor is not None:
        found["nextCursor"] = page.next_cursor
    if message.era == "modern":
        found |= {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    return msgspec.json.encode(found)
