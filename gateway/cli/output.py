"""What commands print: tables for people, tab-separated lines for pipes, JSON where asked; errors on stderr."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.cli.colours import coloured
from gateway.cli.remedies import remedy
from toolward.errors import ToolwardError
from toolward.printable import printable, printable_lines
from toolward.wire.errors import details

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_DENIED, EXIT_SIGN_IN, EXIT_WAITING, EXIT_INTERRUPTED = (
    0,
    1,
    2,
    3,
    4,
    5,
    130,
)

_EXITS = {
    "invalid_request": EXIT_USAGE,
    "denied": EXIT_DENIED,
    "unauthenticated": EXIT_SIGN_IN,
    "approval_required": EXIT_WAITING,
}


def print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned with a header on a terminal; values apart by tabs, without it, in a pipe."""
    lines = [[printable(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            print("\t".join(line))
        return
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    for index, line in enumerate([[name.upper() for name in header], *lines]):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        print(coloured(text, "dim", sys.stdout) if index == 0 else text)


def shorten(text: str, limit: int) -> str:
    flat = printable(text)
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def note(text: str = "") -> None:
    """Progress and hints, for people: on stderr."""
    print(text, file=sys.stderr, flush=True)


def exit_code(error: ToolwardError) -> int:
    return _EXITS.get(error.code, EXIT_FAILED)


def print_error(error: ToolwardError, *, as_json: bool) -> None:
    """What was wrong and what to do; with --json as one object on stdout."""
    hint = remedy(error)
    if as_json:
        print_json({"error": details(error) | {"message": error.message, "hint": hint}})
    else:
        rule = f" (rule {error.rule})" if error.rule else ""
        note(f"toolward: {printable_lines(error.message)}{rule}")
        if hint:
            note(f"  {printable_lines(hint)}")
