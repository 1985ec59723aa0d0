"""The tools over files: paths in, text out. What may be touched is `Root`'s to say, how it changes `Changes`'."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from anyio.to_thread import run_sync

from toolservers.files import resources
from toolservers.files.roots import Roots
from toolservers.files.settings import Settings
from toolservers.files.trust import marked
from toolward.kit import Context, ToolServer
from toolward.types import Principal, ResourceBody, ToolCall, ToolResult

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


@server.around
async def mark_trust(
    files: Files, _principal: Principal, call: ToolCall, go: Callable[[Files], Awaitable[ToolResult]]
) -> ToolResult:
    return await marked(files.roots, call, partial(go, files))


@server.resource(resources.URI, name="file", title="A file")
def file(ctx: Context[Files], root: str, path: str) -> ResourceBody:
    """A file of a root: text where it is UTF-8, else a blob."""
    return resources.body(ctx.state.roots, root, path)


@server.lifespan
async def open_roots(settings: Settings) -> AsyncGenerator[Files, None]:
    roots = await run_sync(Roots.open, settings)
    try:
        yield Files(roots)
    finally:
        roots.close()
