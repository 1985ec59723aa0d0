"""What commands print: JSON where asked, notes and errors on stderr. Tables: `gateway.cli.tables`."""

import sys
from typing import Any

import msgspec

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


def shorten(text: str, limit: int) -> str:
    flat = printable(text)
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


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
