"""Tools over a knowledge base, in the shape that connector clients call: `search`, then `fetch`."""

from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from anyio.to_thread import run_sync
from pydantic import Field

from toolservers.search.index import Document, Index, SearchResults
from toolservers.search.knowledge import BUNDLED, load
from toolward.kit import Context, ToolServer


@dataclass(frozen=True)
class Settings:
    folder: Annotated[Path, "folder of Markdown documents"] = BUNDLED
    collection: Annotated[str, "name of the documents, used in their addresses (kb://NAME/…)"] = "fernhill"


server = ToolServer(
    "search",
    title="Knowledge base search",
    instructions="Find documents with `search`, then read the one that fits with `fetch` before answering.",
    settings=Settings,
)

READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}


@server.lifespan
async def lifespan(settings: Settings) -> AsyncGenerator[Index, None]:
    articles = await run_sync(load, settings.folder)
    with closing(Index(articles, settings.collection)) as index:
        yield index


@server.tool(title="Search the knowledge base", annotations=READ_ONLY)
async def search(
    ctx: Context[Index],
    query: Annotated[str, "What to look for, in a few words or as a question."],
    limit: Annotated[int, Field(ge=1, le=20), "How many results at most."] = 5,
) -> SearchResults:
    """Search the support knowledge base: policies (returns, damaged items, refunds, shipping, warranty,
    privacy), how-to guides, product manuals, incident notes.

    Returns references with a snippet, best match first. Read a document whole with `fetch` and its id.
    """
    return ctx.state.search(query, limit)


@server.tool(title="Read a document", annotations=READ_ONLY)
async def fetch(
    ctx: Context[Index],
    id: Annotated[  # noqa: A002 -- the connector contract calls it so
        str, "A document's id or url from the results of `search`, such as returns-policy."
    ],
) -> Document:
    """Read one document of the knowledge base in full: its text, title, address, category and date."""
    return ctx.state.fetch(id)
