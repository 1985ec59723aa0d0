"""Help pages, made from the commands and their signatures. `python -m gateway.cli.command_pages` writes them to the
file from which `toolward --help` answers; a test holds the file against this."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cyclopts import App

from gateway.cli import make_app
from gateway.cli.commands import ALONE, ENDING, GROUPS, TITLE, Command
from gateway.cli.pages import FILE, PROGRAM, Argument, Option, Page

_VALUES = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "FILE"}


def made_pages() -> dict[str, Page]:
    app = make_app()
    found = {PROGRAM: _group(TITLE, _front(), ENDING)}
    for one in (one for commands in ALONE.values() for one in commands):
        found[f"{PROGRAM} {one.name}"] = _command(one, app[one.name])
    for (name, about), commands in GROUPS.items():
        rows = [(one.name, _first_sentence(one.help)) for one in commands]
        found[f"{PROGRAM} {name}"] = _group(about, [("Commands", rows)])
        for one in commands:
            found[f"{PROGRAM} {name} {one.name}"] = _command(one, app[name][one.name])
    return found


def written(pages: dict[str, Page]) -> str:
    return json.dumps(pages, indent=1, ensure_ascii=False) + "\n"


def _front() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for heading, commands in ALONE.items():
        yield heading, [(one.name, _first_sentence(one.help)) for one in commands]
    yield "Commands about one kind of thing", [(name, about) for name, about in GROUPS]


def _group(about: str, commands: Iterable[tuple[str, list[tuple[str, str]]]], ending: str = "") -> Page:
    paragraphs, examples = _parted(about)
    return Page(
        about=paragraphs, examples=examples, arguments=[], options=[], commands=list(commands), ending=ending
    )


def _command(one: Command, app: App) -> Page:
    paragraphs, examples = _parted(one.help)
    found = [each for each in app.assemble_argument_collection() if each.names != ("*",)]
    return Page(
        about=paragraphs,
        examples=examples,
        arguments=[_argument(each) for each in found if each.index is not None],
        options=[_option(each) for each in found if each.index is None],
        commands=[],
        ending="",
    )


def _parted(text: str) -> tuple[list[str], list[str]]:
    """The paragraphs, and what stands behind `Example: `."""
    rows = text.split("\n")
    examples = [row.partition("Example: ")[2] for row in rows if row.startswith("Example: ")]
    rest = "\n".join(row for row in rows if not row.startswith("Example: "))
    return [" ".join(part.split()) for part in rest.split("\n\n") if part.strip()], examples


def _first_sentence(text: str) -> str:
    return _parted(text)[0][0].partition(". ")[0].rstrip(".") + "."


def _argument(found: Any) -> Argument:
    return Argument(
        name=found.names[0].lstrip("-").replace("-", "_").upper(),
        help=found.parameter.help or "",
        required=found.required,
        repeated=found.token_count()[1],
    )


def _option(found: Any) -> Option:
    takes, repeated = found.token_count()
    default = found.field_info.default
    says = isinstance(default, str | int | float) and not isinstance(default, bool)
    return Option(
        names=list(found.names),
        value=_value(found) if takes else "",
        help=found.parameter.help or "",
        choices=list(found.get_choices() or ()),
        default=str(default) if says and default else "",
        repeated=repeated,
    )


def _value(found: Any) -> str:
    if found.get_choices():
        return "WORD"
    said = str(found.hint)
    return next(
        (word for kind, word in _VALUES.items() if found.hint is kind or kind.__name__ in said), "TEXT"
    )


if __name__ == "__main__":
    FILE.write_text(written(made_pages()), encoding="utf-8")
