"""Tools over a knowledge base, in the shape that connector clients call: `search`, then `fetch`."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from toolservers.search.answers import Document, Listing, SearchResults, Status
from toolservers.search.settings import Settings
from toolward.kit import Context, Effects, ToolServer
from toolward.types import Principal, ResourceBody, ToolCall, ToolResult

if TYPE_CHECKING:
    from toolservers.search.knowledge_base import KnowledgeBase
else:
    KnowledgeBase = Any  # it brings SQLite and more, which listing tools does not need

server = ToolServer(
    "search",
    title="Knowledge base search",
    instructions="Find documents with `search`, then read the one that fits with `fetch` before answering.",
    settings=Settings,
    commands={
        word: f"toolservers.search.commands.{word}:main" for word in ("index", "watch", "status", "eval")
    },
)

Go = Callable[[KnowledgeBase], Awaitable[ToolResult]]

READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}

Name = Annotated[str, Field(max_length=200)]
Names = Annotated[list[Name], Field(max_length=20)]
Cursor = Annotated[str, Field(max_length=2_000), "`next_cursor` of the page before."]


@server.lifespan
async def lifespan(settings: Settings) -> AsyncGenerator[KnowledgeBase, None]:
    from toolservers.search.knowledge_base import KnowledgeBase

    async with KnowledgeBase.open(settings) as knowledge:
        if not settings.writable:
            yield knowledge
            return
        from toolservers.search.writing_tools import offered

        with offered(server):
            yield knowledge


@server.effects
def effects(knowledge: KnowledgeBase) -> Effects[Any]:
    return knowledge.effects()


@server.around
async def when_ready(knowledge: KnowledgeBase, _principal: Principal, call: ToolCall, go: Go) -> ToolResult:
    """What is asked just after the start is answered when all sources have been looked through, or some seconds
    later; and before a transaction is begun, for which that would have to wait."""
    if call.name != get_index_status.__name__:
        await knowledge.upkeep.ready()
    return await go(knowledge)


@server.resource("kb://{source}/{+path}", name="document", title="A document")
async def document(ctx: Context[KnowledgeBase], source: str, path: str) -> ResourceBody:
    """A document of the knowledge base, by its address; with #char=120,480 behind it that range alone."""
    return await ctx.state.resource(source, path)


@server.tool(title="Search the knowledge base", annotations=READ_ONLY)
async def search(
    ctx: Context[KnowledgeBase],
    query: Annotated[
        str,
        'Words or a question. Also "a phrase", prefix*, -without, type:pdf, source:NAME, after:2026-01-31,'
        " before:…, and key:value of documents' metadata.",
    ],
    limit: Annotated[int, Field(ge=1, le=20), "How many results at most."] = 5,
    cursor: Cursor = "",
    types: Annotated[Names, "Only text, markdown, html, pdf, docx, csv, json, email."] = [],  # noqa: B006 -- read, never written
    sources: Annotated[Names, "Only these, as `get_index_status` names them."] = [],  # noqa: B006
    after: Annotated[Name, "Only updated on this day or later."] = "",
    before: Annotated[Name, "Only updated before this day."] = "",
    metadata: Annotated[dict[str, Name], Field(max_length=20), "Only with these values."] = {},  # noqa: B006
) -> SearchResults:
    """Search the documents of the knowledge base. Where no other folder is served, these are a shop's support
    pages: policies (returns, damaged items, refunds, shipping, warranty, privacy), how-to guides, product
    manuals, incident notes.

    Returns references with a snippet, best match first, and in `note` why little was found. Read a document with
    `fetch` and its id. Documents may be outdated or contradict each other: compare `updated` and `status`.
    """
    narrowed = ctx.state.narrowed(types, sources, after, before, metadata)
    return await ctx.state.search(query, narrowed, limit, cursor)


@server.tool(title="Read a document", annotations=READ_ONLY)
async def fetch(
    ctx: Context[KnowledgeBase],
    id: Annotated[  # noqa: A002 -- the connector contract calls it so
        str,
        "A document's id or url from the results of `search`, such as returns-policy. With #char=120,480 those"
        " characters alone.",
    ],
    start: Annotated[int, Field(ge=0), "First character; `next_start` of the part before."] = 0,
    end: Annotated[int | None, Field(ge=0), "Up to this one; null: as much as fits."] = None,
) -> Document:
    """Read one document of the knowledge base: its text, title, address, category and date.

    At most 20,000 characters at once; `next_start` is where the rest begins. `stale`: its file has changed since.
    """
    return await ctx.state.fetch(id, start, end)


@server.tool(title="List documents", annotations=READ_ONLY)
async def list_documents(
    ctx: Context[KnowledgeBase],
    source: Annotated[Name | None, "Only this one, as `get_index_status` names it."] = None,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    cursor: Cursor = "",
) -> Listing:
    """List what is in the knowledge base, by id."""
    return await ctx.state.list_documents(source, cursor, limit)


@server.tool(title="Index status", annotations=READ_ONLY)
async def get_index_status(ctx: Context[KnowledgeBase]) -> Status:
    """Say what can be searched, which files could not be read and why, and whether indexing is under way."""
    return await ctx.state.status()
