"""`toolserver crm world …`: the world, controlled from a shell. It works on the database itself, also while a
server has it open, which then sees what was done."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from toolservers.crm.tools import Settings
from toolward.errors import ConfigurationError, ToolError, ToolwardError
from toolward.kit.settings import read

EXAMPLES = """examples:
  toolserver crm world build --pack support --seed 7 --database demo.db
  toolserver crm world snapshot save before-refunds
  toolserver crm world clock --days 5
  toolserver crm world diff --since before-refunds --json
  toolserver crm world snapshot restore before-refunds
  toolserver crm world events --type 'refund.*' --record PAY-5007
  toolserver crm world check && echo it is true

Exit codes: 0 done, 1 refused, or (check) the world contradicts itself, 2 usage."""

Said = tuple[Any, str]
"""What was found, as data and as a person reads it."""


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    given = {name: value for name in ("database", "pack", "seed") if (value := getattr(asked, name, None))}
    settings = read("crm", Settings, given)
    try:
        found, said = asyncio.run(_done(settings, asked))
    except ToolError as error:
        raise ToolwardError(str(error)) from None
    print(msgspec.json.encode(found).decode() if asked.json else said)
    return 1 if asked.what == "check" and found else 0


async def _done(settings: Settings, asked: argparse.Namespace) -> Said:
    from toolservers.crm import deeds  # it brings SQLAlchemy, which --help does not need
    from toolservers.crm.desk import Desk
    from toolservers.crm.storage.database import Database

    if asked.what == "build" and _is_there(settings.database):
        raise ConfigurationError(
            f"There is a world in {settings.database} already.",
            hint="To begin anew: toolserver crm world reset",
        )
    progress = _progress() if asked.what == "build" and sys.stderr.isatty() else None
    desk = Desk(await Database.open(settings.database, settings.pack, settings.seed, progress), settings.mode)
    try:
        return await deeds.DEEDS[asked.what](desk, asked)
    finally:
        await desk.close()


def _is_there(database: Path | str) -> bool:
    path = Path(str(database).removeprefix("sqlite:///")).expanduser()
    return path.exists() and path.stat().st_size > 0


def _progress() -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        print(
            f"\r{done * 100 // max(of, 1):3d} %", end="\n" if done >= of else "", file=sys.stderr, flush=True
        )

    return tell


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-11-20T10:00") from None


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="toolserver crm world", description=__doc__, epilog=EXAMPLES, formatter_class=form
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--database", metavar="FILE|URL", help="[TOOLWARD_CRM_DATABASE]")
    shared.add_argument("--json", action="store_true", help="print what was found as JSON")
    said = parser.add_subparsers(dest="what", required=True, metavar="WHAT")

    def word(name: str, says: str) -> argparse.ArgumentParser:
        return said.add_parser(name, help=says, description=says, parents=[shared])

    for name, says in (("build", "make a world"), ("reset", "begin the world anew")):
        one = word(name, says)
        one.add_argument("--pack", help="tiny, support or large")
        one.add_argument("--seed", help="the same seed gives the same world")
    clock = word("clock", "say what time it is there, or let time pass")
    clock.add_argument("--days", type=int, default=0, help="days of Amsterdam")
    clock.add_argument("--hours", type=int, default=0)
    clock.add_argument("--to", type=_instant, help="an instant; without an offset: Amsterdam")
    snapshot = word("snapshot", "keep a moment, bring one back, list them")
    snapshot.add_argument("deed", choices=("save", "restore", "list"))
    snapshot.add_argument("name", nargs="?", default="")
    snapshot.add_argument("--replace", action="store_true", help="also where the name is taken")
    diff = word("diff", "what has become of the world")
    diff.add_argument("--since", default="", help="a snapshot; default: the world's beginning")
    diff.add_argument("--limit", type=int, default=200, help="rows that are shown")
    events = word("events", "what has happened")
    events.add_argument("--after", type=int, default=0, help="events behind this seq")
    events.add_argument("--type", action="append", default=[], help="glob, such as order.*; may be repeated")
    events.add_argument("--record", default="", help="such as ORD-1007")
    events.add_argument("--limit", type=int, default=100)
    word("check", "whether the world contradicts itself")
    word("digest", "one number for all that the world holds, the same on every database")
    return parser
