"""`toolward tool list|show|call`."""

import asyncio
import sys
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.remedies import say_of_a_call
from gateway.cli.session import Common, Session, open_session
from gateway.cli.tables import print_table
from toolward.errors import InvalidRequest, ToolwardError, UnknownTool
from toolward.names import closest
from toolward.printable import printable_lines
from toolward.types import CallContext, Progress, Tool, ToolCall
from toolward.wire.outcome import as_result


async def every_tool(session: Session) -> list[Tool]:
    """All pages of the list."""
    found: list[Tool] = []
    cursor: str | None = None
    while True:
        page = await session.tools.list_tools(session.principal, cursor)
        found += page.tools
        if (cursor := page.next_cursor) is None:
            return found


def list_tools(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """List the tools that you may call."""
    return asyncio.run(_list(common))


async def _list(common: Common) -> int:
    async with open_session(common) as session:
        tools = await every_tool(session)
        if session.own is not None:
            for line in session.own.settings.notes:
                note(shorten(line, 300))
            for listing in session.own.backends.listings():
                if listing.problem:
                    note(f"{listing.backend} does not answer: {shorten(listing.problem, 300)}")
                elif listing.warning:
                    note(f"{listing.backend}: {shorten(listing.warning, 300)}")
    if common.json:
        print_json({"tools": tools})
    else:
        print_table(("name", "description"), [(one.name, _first_sentence(one)) for one in tools])
    return EXIT_OK


def show(name: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Show one tool with its schemas."""
    return asyncio.run(_show(name, common))


async def _show(name: str, common: Common) -> int:
    async with open_session(common) as session:
        tools = {one.name: one for one in await every_tool(session)}
    tool = tools.get(name)
    if tool is None:
        near = closest(name, tools)
        hint = f"Did you mean {near}?" if near else "`toolward tool list` shows them."
        raise UnknownTool(f"There is no tool named {name[:128]!r}.", hint=hint)
    if common.json:
        print_json(tool)
        return EXIT_OK
    print(f"{tool.name}\n\n{printable_lines(tool.description)}\n\narguments")
    print(_indented(tool.input_schema))
    if tool.output_schema is not None:
        print(f"\nresult\n{_indented(tool.output_schema)}")
    return EXIT_OK


def call(
    name: str,
    arguments: Annotated[str, Parameter(help="a JSON object; - reads it from standard input")] = "{}",
    /,
    *,
    key: Annotated[str, Parameter(help="idempotency key: a repeat with it has no second effect")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Call a tool, through policy."""
    text = sys.stdin.read() if arguments == "-" else arguments
    _look_at(name[:128], text)
    return asyncio.run(_call(name, text, key, common))


def _look_at(name: str, text: str) -> None:
    """Before servers are started: what a shell made of missing quotes. Raises InvalidRequest."""
    hint = f'Write them in quotes: toolward tool call {name} \'{{"name": "value"}}\''
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"The arguments of {name} are not JSON: {error}.", hint=hint) from None
    if not isinstance(found, dict):
        raise InvalidRequest(f"The arguments of {name} are not a JSON object.", hint=hint)


async def _call(name: str, arguments: str, key: str, common: Common) -> int:
    def report(progress: Progress) -> None:
        total = f"/{progress.total:g}" if progress.total else ""
        note(f"  {progress.progress:g}{total} {shorten(progress.message or '', 200)}")

    async with open_session(common, patient=False) as session:
        if session.own is not None and (needed := session.own.dispatch.catalog.backend_of(name)) is not None:
            await session.own.backends.answered(needed.name)
        request = ToolCall(name, arguments.encode(), idempotency_key=key)
        try:
            context = CallContext(progress=report)
            result = as_result(await session.tools.call_tool(session.principal, request, context))
        except ToolwardError as error:
            say_of_a_call(error, name, arguments, session.principal.id)
            raise
    if common.json:
        structured = None if result.structured_json is None else msgspec.Raw(result.structured_json)
        print_json({"content": result.content, "structured_content": structured, "is_error": result.is_error})
    else:
        print(printable_lines(result.text))
    return EXIT_FAILED if result.is_error else EXIT_OK


def _first_sentence(tool: Tool) -> str:
    return shorten(" ".join(tool.description.split()).partition(". ")[0].rstrip("."), 100)


def _indented(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
