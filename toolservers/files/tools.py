"""The tools over files: paths in, text out. What may be touched is `Root`'s to say, how it changes `Changes`'."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from anyio.to_thread import run_sync
from pydantic import Field

from toolservers.files.listing import listed
from toolservers.files.roots import Roots
from toolservers.files.settings import Settings
from toolservers.files.waiting import in_worker
from toolward.kit import Context, ToolServer

READS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
WRITES = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": False}

server = ToolServer(
    "files",
    title="Files",
    instructions="Files inside the root folders that are served. Paths are relative to a root, with /.",
    settings=Settings,
)


@dataclass(frozen=True)
class Files:
    """What the tools work on."""

    roots: Roots


@server.lifespan
async def open_roots(settings: Settings) -> AsyncGenerator[Files, None]:
    roots = await run_sync(Roots.open, settings)
    try:
        yield Files(roots)
    finally:
        roots.close()


@server.tool(title="List a folder", annotations=READS)
async def list_files(
    ctx: Context[Files],
    path: str = ".",
    depth: Annotated[int, Field(ge=1, le=64), "Folders in folders: how many levels."] = 1,
    pattern: Annotated[str | None, "Glob from path, such as *.py or docs/**."] = None,
    offset: Annotated[int, Field(ge=0)] = 0,
) -> str:
    """List names, with sizes in bytes, as a tree."""
    return await in_worker(
        lambda cancelled: listed(
            ctx.state.roots, path, depth=depth, pattern=pattern, offset=offset, cancelled=cancelled
        )
    )
