"""The tools that change what is in the index. Off by default (`--writable true`); who only asks needs none."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field

from toolservers.search.answers import Added, Deleted, NewText, Watched
from toolservers.search.knowledge_base import KnowledgeBase
from toolward.kit import Context, ToolServer, Transaction

Tx = Transaction[Any]  # over apsw's connection to the index file: keys and changes are committed together

_ADDS = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": False}
_SECONDS = 120.0
_BYTES = 4_000_000

Id = Annotated[str, Field(min_length=1, max_length=500)]


async def add_documents(
    ctx: Context[KnowledgeBase],
    tx: Tx,
    documents: Annotated[list[NewText], Field(min_length=1, max_length=20)],
) -> Added:
    """Put texts into the knowledge base. One with the id of a text that was added earlier takes its place."""
    return await ctx.state.add_documents(tx, documents)


async def delete_documents(
    ctx: Context[KnowledgeBase],
    tx: Tx,
    ids: Annotated[list[Id], Field(min_length=1, max_length=100)],
    dry_run: Annotated[bool, "Only show what would go."] = False,
) -> Deleted:
    """Delete documents that `add_documents` put in. Those of files go with their files."""
    return await ctx.state.delete_documents(tx, ids, dry_run=dry_run)


async def watch_folder(
    ctx: Context[KnowledgeBase],
    tx: Tx,
    folder: Annotated[str, Field(max_length=2_000), "Inside a folder that the operator allows."],
    name: Annotated[str, Field(max_length=40), "Of the new source, such as handbook."],
    stop: Annotated[bool, "Watch it no longer, and forget its documents."] = False,
) -> Watched:
    """Index a folder's documents and follow their changes from now on."""
    return await ctx.state.watch_folder(tx, folder, name, stop=stop)


_TOOLS = (
    (add_documents, "Add documents"),
    (delete_documents, "Delete documents"),
    (watch_folder, "Watch a folder"),
)


@contextmanager
def offered(server: ToolServer[Any]) -> Generator[None]:
    """While this is open, the server has them too."""
    for function, title in _TOOLS:
        server.tool(title=title, annotations=dict(_ADDS), deadline=_SECONDS, max_bytes=_BYTES)(function)
    try:
        yield
    finally:
        for function, _ in _TOOLS:
            server.remove_tool(function.__name__)
