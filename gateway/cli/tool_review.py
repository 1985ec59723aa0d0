"""`toolward tool review`: what differs from `tools.lock`, as a diff, and the operator's word that it is right."""

import asyncio
import difflib
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway.bootstrap.surroundings import Surroundings
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.permitted import permit
from gateway.cli.session import Common
from gateway.cli.surrounding import surroundings
from gateway.core.lock import Change, ToolsLock, accept, changes, changes_digest
from toolward.errors import Conflict, UnknownTool
from toolward.names import closest
from toolward.printable import printable
from toolward.types import JsonObject, Tool

_LINES = 4_000  # more are not compared line by line: that is quadratic
_DIGITS = 32  # of the digest that accepts


def review(
    *names: Annotated[str, Parameter(help="backends or tools; without any, all")],
    accept: Annotated[
        str, Parameter(help="accept exactly the differences that were shown with this digest")
    ] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Show what differs from tools.lock, and accept it."""
    return asyncio.run(_review(names, accept, common))


async def _review(names: Sequence[str], digest: str, common: Common) -> int:
    around = await surroundings(common)
    if around.settings.lock == "off":
        if common.json:
            print_json({"changes": [], "digest": ""})
        note("Nothing is pinned: the configuration says `lock: off`.")
        return EXIT_OK
    asked = {name.partition(".")[0] for name in names}
    down = [one for one in around.listings if one.problem and (not asked or one.backend in asked)]
    found = _selected(around, around.lock, names)
    shown = changes_digest(found)[:_DIGITS]
    if digest and digest != shown:
        raise Conflict(
            "What differs now is not what was shown with that digest.",
            hint="Look at it again: toolward tool review",
        )
    if common.json:
        print_json({"changes": [_as_json(one) for one in found], "digest": shown if found else ""})
    elif not digest and (found or not down):
        _show(found)
    for one in down:
        note(f"{one.backend} does not answer, so its tools were not compared: {shorten(one.problem, 200)}")
    if not found:  # of what did not answer nobody knows
        return EXIT_FAILED if down else EXIT_OK
    if digest or (not common.json and _can_be_asked()):
        permit(around.settings, "tool.review", map(_reviewed, found))
    if digest or (not common.json and _agreed()):
        return _accept(around, names, shown)
    command = " ".join(["toolward tool review", *names, "--accept", shown])
    note(f"\n{_counted(found)}. To accept exactly this: {command}")
    return EXIT_FAILED


def _accept(around: Surroundings, names: Sequence[str], shown: str) -> int:
    def accepted(lock: ToolsLock) -> ToolsLock:
        found = _selected(around, lock, names)
        if changes_digest(found)[:_DIGITS] != shown:  # another process wrote the file in the meantime
            raise Conflict("tools.lock was changed meanwhile.", hint="Look again: toolward tool review")
        return accept(lock, found, around.origins)

    around.lock_file.update(accepted)
    note(f"Accepted, and pinned in {around.lock_file.path}. A gateway that runs takes it at once.")
    return EXIT_OK


def _selected(around: Surroundings, lock: ToolsLock, names: Sequence[str]) -> tuple[Change, ...]:
    """The differences of these backends and tools; with a tool of a backend that is started or reached in another
    way, that too. Raises UnknownTool for a name that is none."""
    known = {*around.whole.backends, *(tool.name for tool in around.whole.tools)}
    known |= {f"{backend}.{own}" for backend, pins in lock.backends.items() for own in pins.tools}
    for name in names:
        if name not in known:
            near = closest(name, known)
            hint = f"Did you mean {near}?" if near else "`toolward tool list` shows them."
            raise UnknownTool(f"There is no backend and no tool named {name[:128]!r}.", hint=hint)
    every = changes(around.whole, lock, around.origins)
    if not names:
        return every
    backends = {name.partition(".")[0] for name in names}
    return tuple(
        one
        for one in every
        if one.name in names or one.backend in names or (one.kind == "moved" and one.backend in backends)
    )


def _show(found: Sequence[Change]) -> None:
    for change in found:
        print(coloured(f"{printable(change.name)}: {_said(change)}", "bold", sys.stdout))
        for line in _diff(change):
            colour = {"+": "ok", "-": "failed"}.get(line[:1], "dim")
            print(coloured(line, colour, sys.stdout))
        print()
    if not found:
        print("Nothing differs from what is pinned.")


def _said(change: Change) -> str:
    if change.kind == "moved":
        return "started or reached in another way" if change.before is not None else "not pinned yet"
    return {"changed": "changed", "added": "new", "removed": "not there any more"}[change.kind]


def _reviewed(change: Change) -> dict[str, str]:
    """What policy is asked about, before a person is."""
    return {"backend": change.backend, "tool": "" if change.kind == "moved" else change.name}


def _can_be_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _agreed() -> bool:
    if not _can_be_asked():
        return False
    sys.stderr.write("Accept all of this? [y]es, [N]o: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _counted(found: Sequence[Change]) -> str:
    return "1 difference waits" if len(found) == 1 else f"{len(found)} differences wait"


def _as_json(change: Change) -> JsonObject:
    return {
        "kind": change.kind,
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "diff": list(_diff(change)),
    }


def _diff(change: Change) -> Iterator[str]:
    """Unified, every character that could play tricks escaped."""
    before, after = _lines(change.before), _lines(change.after)
    if max(len(before), len(after)) > _LINES:
        yield from (f"-{line}" for line in before)
        yield from (f"+{line}" for line in after)
        return
    lines = difflib.unified_diff(before, after, n=3, lineterm="")
    yield from (line for line in lines if line not in ("--- ", "+++ "))


def _lines(side: Tool | JsonObject | None) -> list[str]:
    if side is None:
        return []
    if not isinstance(side, Tool):
        return _json_lines(side)
    found = [f"title: {side.title}"] if side.title is not None else []
    found += ["description:", *(f"  {line}" for line in side.description.split("\n"))]
    for what, value in (
        ("annotations", side.annotations),
        ("input schema", side.input_schema),
        ("output schema", side.output_schema),
    ):
        if value is not None:
            found += [f"{what}:", *(f"  {line}" for line in _json_lines(value))]
    return [printable(line) for line in found]


def _json_lines(value: Any) -> list[str]:
    text = msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode()
    return [printable(line) for line in text.split("\n")]
