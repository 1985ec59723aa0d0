"""The tools over files: paths in, text out. What may be touched is `Root`'s to say, how it changes `Changes`'."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from anyio import from_thread
from anyio.to_thread import run_sync
from pydantic import Field

from toolservers.documents.extractor import Extractor
from toolservers.files import reading, resources
from toolservers.files.changes import Changed, Changes, Told
from toolservers.files.editing import answering
from toolservers.files.editing.edits import Edit
from toolservers.files.finding.listing import listed
from toolservers.files.finding.queries import Query
from toolservers.files.finding.searching import SEARCH_SECONDS, Search, searched
from toolservers.files.finding.walking import Patience
from toolservers.files.keys import open_keys, state_folder
from toolservers.files.paths.roots import Roots
from toolservers.files.settings import Settings
from toolservers.files.text import contents
from toolservers.files.text.documents import Documents
from toolservers.files.text.windows import Asked
from toolservers.files.trust import marked
from toolservers.files.waiting import in_worker
from toolward.errors import ToolError
from toolward.kit import Context, Effect, Effects, Evidence, NotDone, ToolServer
from toolward.types import Principal, ResourceBody, TextContent, ToolCall, ToolResult

READS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
WRITES = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": False}
ADDS = WRITES | {"destructiveHint": False}

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
    changes: Changes
    documents: Documents
    settings: Settings


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
        changes = await run_sync(Changes, roots, state_folder(settings))
        try:
            async with Extractor.open() as extractor:
                yield Files(roots, changes, Documents(extractor), settings)
        finally:
            await run_sync(changes.close)
    finally:
        roots.close()


@server.effects
def effects(files: Files) -> Effects[Any]:
    return Effects(open_keys(files.settings))


@server.tool(title="Read file", annotations=READS)
async def read_file(
    ctx: Context[Files],
    path: Annotated[str, "such as `notes/today.md`"],
    line: Annotated[int, "first line; -50: the last 50"] = 1,
    count: Annotated[int | None, Field(ge=1), "lines; null: as many as fit"] = None,
    column: Annotated[int, Field(ge=1), "first character in that line"] = 1,
    page: Annotated[int | None, Field(ge=1), "of a PDF or DOCX: begin there, not at a line"] = None,
) -> ToolResult:
    """Read lines of a text file, PDF or DOCX, at most 20,000 characters, or see an image.

    The text comes first, exactly as it is in the file; then one line in brackets with size, encoding, ends of
    lines, etag, which lines these are, and the `next` line (and column) where there is more.
    """
    asked = Asked(line, count, column, page)
    found = await in_worker(lambda cancelled: reading.read(ctx.state.roots, path, asked, cancelled))
    if isinstance(found, ToolResult):
        return found
    document = await ctx.state.documents.read(found.data, found.etag, found.name)
    return await in_worker(lambda _cancelled: reading.document(document, found, asked))


@dataclass(frozen=True)
class Editing(Evidence[Files]):
    """An edited file on its way to where it shall stand, and what is answered when it has got there."""

    changed: Changed
    answer: str

    async def recover(self, state: Files) -> ToolResult | NotDone:
        done = await run_sync(state.changes.recover, self.changed)
        return NotDone() if done is None else ToolResult((TextContent(self.answer),))


@server.tool(title="Edit file", annotations=WRITES)
async def edit_file(
    ctx: Context[Files],
    effect: Effect[Editing],
    path: Annotated[str, "such as `notes/today.md`"],
    edits: Annotated[list[Edit], "`old` exactly as in the file, `new`, and at how many places"],
    etag: Annotated[str | None, "refuse where the file is another version"] = None,
    dry_run: Annotated[bool, "change nothing, show the diff"] = False,
) -> ToolResult:
    """Replace exact pieces of a text file: all edits, each against the file as it is now, or none.

    `old` must stand at exactly `count` places, all of which are replaced. Encoding and ends of lines stay: `\\n`
    means the file's own.
    """
    if dry_run:
        told = await run_sync(answering.dry_run, ctx.state.roots, path, edits, etag)
        return ToolResult(tuple(map(TextContent, told)))

    def before(changed: Changed, answer: str) -> None:
        from_thread.run(effect.begin, Editing(changed, answer))

    answer = await run_sync(answering.edit, ctx.state.roots, ctx.state.changes, path, edits, etag, before)
    return ToolResult((TextContent(answer),))


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


@server.tool(title="Search in files", annotations=READS)
async def search_text(
    ctx: Context[Files],
    query: Annotated[str, "Within one line."],
    path: str = ".",
    pattern: Annotated[str | None, "Glob from path."] = None,
    regex: Annotated[bool, "RE2."] = False,
    ignore_case: bool = False,
    context: Annotated[int, Field(ge=0, le=10), "Lines around each match."] = 0,
    offset: Annotated[int, Field(ge=0)] = 0,
) -> str:
    """Find text in files: path:line: text. The last line says what was skipped and why."""
    search = Search(Query(query, regex=regex, ignore_case=ignore_case), path, pattern, context, offset)
    return await in_worker(
        lambda cancelled: searched(
            ctx.state.roots,
            search,
            told=lambda seconds, words: ctx.progress(seconds, message=words),
            patience=Patience(SEARCH_SECONDS, cancelled),
        )
    )


@dataclass(frozen=True)
class Changing(Evidence[Files]):
    """A change that comes next, and what is answered when it is made."""

    changed: Changed

    async def recover(self, state: Files) -> Changed | NotDone:
        return await run_sync(state.changes.recover, self.changed) or NotDone()


async def _changed(effect: Effect[Changing], change: Callable[[Told], Changed]) -> Changed:
    def told(changed: Changed) -> None:
        from_thread.run(effect.begin, Changing(changed))

    return await run_sync(change, told)


@server.tool(title="Write a file", annotations=WRITES)
async def write_file(
    ctx: Context[Files],
    effect: Effect[Changing],
    path: str,
    content: str,
    mode: Annotated[Literal["create", "overwrite", "append"], "Create: only where nothing is."] = "create",
    etag: Annotated[str | None, "Of the version you read; overwrite needs it."] = None,
) -> Changed:
    """Write text, whole or not at all. A file keeps its encoding and ends of lines; a new one is UTF-8. Missing
    folders are made."""
    files, place = ctx.state.changes, ctx.state.roots.place(path)
    match mode:
        case "create":
            if etag is not None:
                raise ToolError("A new file has no etag yet: leave it out, or give mode `overwrite`.")
            data = contents.new_file(content)
            return await _changed(effect, partial(files.create, place, data))
        case "overwrite":
            make = contents.instead(content, path)
            return await _changed(effect, partial(files.overwrite, place, make, etag))
        case "append":
            tail = contents.at_the_end(content, path)
            return await _changed(effect, partial(files.append, place, tail, etag))


@server.tool(title="Copy", annotations=ADDS)
async def copy_path(ctx: Context[Files], effect: Effect[Changing], source: str, target: str) -> Changed:
    """Copy a file or folder to where nothing is."""
    places = ctx.state.roots.place(source), ctx.state.roots.place(target)
    return await _changed(effect, partial(ctx.state.changes.copy, *places))


@server.tool(title="Move or rename", annotations=WRITES)
async def move_path(ctx: Context[Files], effect: Effect[Changing], source: str, target: str) -> Changed:
    """Move or rename a file or folder within a root, to where nothing is."""
    places = ctx.state.roots.place(source), ctx.state.roots.place(target)
    return await _changed(effect, partial(ctx.state.changes.move, *places))


@server.tool(title="Delete", annotations=WRITES)
async def delete_path(ctx: Context[Files], effect: Effect[Changing], path: str) -> Changed:
    """Delete a file or a whole folder, to a trash: undo_change brings it back."""
    return await _changed(effect, partial(ctx.state.changes.delete, ctx.state.roots.place(path)))


@server.tool(title="Undo a change", annotations=WRITES)
async def undo_change(
    ctx: Context[Files], effect: Effect[Changing], change: Annotated[str, "Id from a change's result."]
) -> Changed:
    """Undo a change, also a deletion or an undo, unless what it left has changed since."""
    return await _changed(effect, partial(ctx.state.changes.undo, change))
