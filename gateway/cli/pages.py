"""The help pages, out of a file that was made from the commands (`gateway.cli.command_pages`): reading their
signatures would load every module that a command works with, which takes seconds. Nothing but the standard library
is loaded here."""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TypedDict

from gateway.cli.colours import coloured

PROGRAM = "toolward"
FILE = Path(__file__).with_name("pages.json")
HELP = ("--help", "-h")

_WIDEST = 100
_INDENT = "  "


class Option(TypedDict):
    """`value` names what it takes, empty for a flag; `default` is empty where there is nothing to say."""

    names: list[str]
    value: str
    help: str
    choices: list[str]
    default: str
    repeated: bool


class Argument(TypedDict):
    name: str
    help: str
    choices: list[str]
    required: bool
    repeated: bool


class Page(TypedDict):
    """Of a command, or of a group of `commands` (heading, then name and first sentence of each)."""

    about: list[str]
    examples: list[str]
    arguments: list[Argument]
    options: list[Option]
    commands: list[tuple[str, list[tuple[str, str]]]]
    ending: str


@cache
def pages() -> dict[str, Page]:
    """By the command as it is written: `toolward run list`."""
    return json.loads(FILE.read_bytes())


def asked(words: Sequence[str]) -> str | None:
    """Of which command the page is wanted (a group without a command shows its own); None where the words are to be
    carried out, or name no command."""
    known, name = pages(), PROGRAM
    before = list(words[: words.index("--")] if "--" in words else words)
    wanted = any(flag in before for flag in HELP)
    if before[:1] == ["help"]:
        wanted, before = True, before[1:]
    while before and f"{name} {before[0]}" in known:
        name += f" {before.pop(0)}"
    if not known[name]["commands"]:
        return name if wanted else None
    alone = all(word.startswith("-") if wanted else word == "--json" for word in before)
    return name if alone else None


def show(name: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"command": name, **pages()[name]}))
        return
    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 0)).columns)
    for line in lines(name, pages()[name], max(width, 40)):
        print(line)


def lines(name: str, page: Page, width: int) -> Iterator[str]:
    yield f"Usage: {usage(name, page)}"
    for paragraph in page["about"]:
        yield ""
        yield from textwrap.wrap(paragraph, width)
    if page["examples"]:
        yield from _headed("Examples")
        yield from (f"{_INDENT}{line}" for line in page["examples"])  # never wrapped: they are to be copied
    for heading, commands in page["commands"]:
        yield from _headed(heading)
        yield from _columns(commands, width)
    if page["arguments"]:
        yield from _headed("Arguments")
        yield from _columns([(one["name"], _chosen(one)) for one in page["arguments"]], width)
    if page["options"]:
        yield from _headed("Options")
        yield from _columns([(_option(one), _said(one)) for one in page["options"]], width)
    if page["ending"]:
        yield ""
        yield from textwrap.wrap(page["ending"], width)
    if page["commands"]:
        yield ""
        yield from textwrap.wrap(f"{name} COMMAND --help says more of each.", width)


def usage(name: str, page: Page) -> str:
    if page["commands"]:
        return f"{name} COMMAND"
    words = [_argument(one) for one in page["arguments"]]
    return " ".join((name, *words, "[OPTIONS]"))


def _argument(one: Argument) -> str:
    name = f"{one['name']}…" if one["repeated"] else one["name"]
    return name if one["required"] else f"[{name}]"


def _option(one: Option) -> str:
    names = ", ".join(one["names"])
    return f"{names} {one['value']}" if one["value"] else names


def _chosen(one: Option | Argument) -> str:
    return f"{one['help']}: {', '.join(one['choices'])}" if one["choices"] else one["help"]


def _said(one: Option) -> str:
    said = _chosen(one)
    return f"{said} (default: {one['default']})" if one["default"] else said


def _headed(heading: str) -> Iterator[str]:
    yield ""
    yield coloured(heading, "bold", sys.stdout)


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    left = min(max(len(name) for name, _ in rows), width // 3)
    for name, said in rows:
        wrapped = textwrap.wrap(said, max(width - left - 4, 20)) or [""]
        first = f"{_INDENT}{name:<{left}}"
        if len(name) > left:
            yield f"{_INDENT}{name}"
            first = " " * (left + len(_INDENT))
        yield f"{first}  {wrapped[0]}".rstrip()
        yield from (f"{' ' * (left + 4)}{line}" for line in wrapped[1:])
