"""The tools over files: paths in, text out. What may be touched is `root`'s to say."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from anyio import from_thread
from anyio.to_thread import run_sync
from pydantic import Field

from toolservers.files.atomic import Staged
from toolservers.files.root import Entry, Root, Version, WriteMode, decoded
from toolward.kit import Context, Effect, Effects, Evidence, NotDone, ToolError, ToolServer
from toolward.types import TextContent, ToolResult

MAX_CHARACTERS = 20_000
MAX_ENTRIES = 300

_READS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
_WRITES = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": False}


@dataclass(frozen=True)
class Settings:
    root: Annotated[Path, "folder that the tools may use; made if it is missing"] = Path(".")
    keys: Annotated[
        str, "folder for idempotency keys, outside the root; default: files-keys in the data folder"
    ] = ""


server = ToolServer(
    "files",
    title="Files",
    instructions="Text files inside one folder, the root. Paths are relative to it, with /.",
    settings=Settings,
)


@dataclass(frozen=True)
class Listing:
    path: str
    entries: list[Entry]
    total: int
    next_offset: int | None


@dataclass(frozen=True)
class Written:
    path: str
    bytes: int
    etag: str
    created: bool


@dataclass(frozen=True)
class Place:
    root: Root
    keys: str


@dataclass(frozen=True)
class Writing(Evidence[Place]):
    """A file on its way to where it shall stand, and the answer when it has got there."""

    staged: Staged
    written: Written

    async def recover(self, state: Place) -> Written | NotDone:
        arrived = await run_sync(
            state.root.came_into_place, self.written.path, self.staged, self.written.etag
        )
        return self.written if arrived else NotDone()


@server.lifespan
async def open_root(settings: Settings) -> AsyncGenerator[Place, None]:
    root = await run_sync(Root, settings.root)
    try:
        yield Place(root, settings.keys)
    finally:
        root.close()


@server.effects
def effects(place: Place) -> Effects[Any]:
    from toolservers.files.keys import open_keys

    return Effects(open_keys(place.keys, place.root.path))


@server.tool(title="List files", annotations=_READS)
async def list_files(
    ctx: Context[Place],
    path: Annotated[str, "folder, such as `notes`; `.` is the root"] = ".",
    offset: Annotated[int, Field(ge=0), "continue a long listing: the `next_offset` of the last one"] = 0,
) -> Listing:
    """List the files and folders in one folder, by name, with the sizes of files in bytes.

    Use it to find out what there is before reading or writing. Not recursive; 300 entries at a time.
    """
    entries, total = await run_sync(ctx.state.root.entries, path, offset, MAX_ENTRIES)
    following = offset + MAX_ENTRIES
    return Listing(ctx.state.root.relative(path), entries, total, following if following < total else None)


@server.tool(title="Read file", annotations=_READS)
async def read_file(
    ctx: Context[Place],
    path: Annotated[str, "file, such as `notes/today.md`"],
    offset: Annotated[int, Field(ge=0), "first character to read; the `next_offset` of the last answer"] = 0,
) -> ToolResult:
    """Read a text file (UTF-8), at most 20,000 characters at a time.

    The text comes first, exactly as it is in the file; then one line in brackets says the file's size, its
    etag (`write_file` needs it to overwrite) and, where there is more, the `next_offset` to go on from.
    """
    contents = await run_sync(ctx.state.root.read, path)
    text = decoded(contents.data, path)
    if offset > len(text):
        raise ToolError(f"The offset {offset:,} is behind the end: the file has {len(text):,} characters.")
    piece = text[offset : offset + MAX_CHARACTERS]
    end = offset + len(piece)
    facts = f"[{ctx.state.root.relative(path)}: {len(contents.data):,} bytes, etag {contents.etag}"
    if len(piece) < len(text):
        facts += f"; these are the characters {offset:,} to {end:,} of {len(text):,}"
    if end < len(text):
        facts += f"; next_offset {end}"
    # Not as structured content: clients that get any show it to the model instead of the text.
    return ToolResult(content=(*((TextContent(piece),) if piece else ()), TextContent(f"{facts}]")))


@server.tool(title="Write file", annotations=_WRITES)
async def write_file(
    ctx: Context[Place],
    effect: Effect[Writing],
    path: Annotated[str, "file, such as `notes/today.md`; missing folders are made"],
    content: Annotated[str, "text to write, exactly"],
    mode: Annotated[
        WriteMode, "`create` a new file, `overwrite` a known one, `append` at its end"
    ] = "create",
    etag: Annotated[str | None, "for `overwrite`: the file's etag, from `read_file` or `write_file`"] = None,
) -> Written:
    """Save text to a file: a new one, unless `mode` says otherwise. Nothing is ever replaced unseen.

    The file is written whole or not at all. The result has the new size in bytes and the new etag.
    """
    root, shown = ctx.state.root, ctx.state.root.relative(path)

    def on_staged(staged: Staged, version: Version) -> None:
        from_thread.run(effect.begin, Writing(staged, Written(shown, *version)))

    return Written(shown, *await run_sync(root.write, path, content.encode(), mode, etag, on_staged))
