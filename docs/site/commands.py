"""The reference of commands: out of `gateway/cli/commands.py` for what a command is for, and of
cyclopts for what it takes, so that it follows both."""

from collections.abc import Iterator
from typing import Any

from cyclopts import App
from cyclopts.argument import Argument

from docs.site.markdown import code, fenced, page, prose, table
from gateway.cli import EXAMPLES, EXIT_CODES, make_app

_SHARED = ("--config", "--json")
_EXAMPLE = "Example"


def commands() -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command that does something, by its words: `("run", "list")`."""
    app = make_app()
    for name in _names(app):
        words = _names(app[name])
        if not words:
            yield (name,), app[name]
        for word in words:
            yield (name, word), app[name][word]


def _names(app: App) -> list[str]:
    """Its commands; without flags such as --help, and what is not shown."""
    return [name for name in app if not name.startswith("-") and app[name].show]


def examples(help_text: str) -> list[str]:
    """The command lines of a help text's examples; a line that does not begin a new one goes on with
    the one before."""
    found: list[str] = []
    for line in help_text.splitlines():
        if line.startswith(_EXAMPLE):
            found.append(line.partition(": ")[2])
        elif found and line.strip():
            found[-1] += f"\n{line}"
    return found


def arguments(app: App) -> list[Argument]:
    """What a command takes, in its order, without the options that all of them have."""
    taken = [one for one in app.assemble_argument_collection() if one.show]
    return [one for one in taken if one.name not in _SHARED]


def commands_page() -> str:
    parts = [
        "Written by `make docs` from the commands themselves; `toolward COMMAND --help` says the same. "
        "Every command "
        "takes `--json`, which prints JSON, and `--config FILE`, a configuration instead of the one that is found, "
        "unless its usage says otherwise.",
        fenced("text", f"{EXAMPLES}\n\n{EXIT_CODES}"),
    ]
    app, group = make_app(), ""
    for words, command in commands():
        if len(words) > 1 and words[0] != group:
            group = words[0]
            parts += [f"## toolward {group}", prose(app[group].help)]
        level = "#" * (len(words) + 1)
        parts += [f"{level} toolward {' '.join(words)}", *_told(words, command)]
    return page("Commands", *parts)


def _told(words: tuple[str, ...], command: App) -> Iterator[str]:
    sentence, *more = [part for part in command.help.split("\n\n") if part]
    yield prose(sentence)
    for part in more:
        if not part.startswith(_EXAMPLE):
            yield prose(part)
    taken = arguments(command)
    if taken or not _shared(command):
        yield fenced("text", usage(words, taken, shared=_shared(command)))
    yield table(("argument", "meaning", "by default"), [_row(one) for one in taken])
    shown = examples(command.help)
    if shown:
        yield "For example:"
        yield fenced("sh" if shown[0].startswith("toolward") else "json", "\n".join(shown))


def _shared(command: App) -> bool:
    return {one.name for one in command.assemble_argument_collection()}.issuperset(_SHARED)


def usage(words: tuple[str, ...], taken: list[Argument], *, shared: bool) -> str:
    """`toolward tool call NAME [ARGUMENTS] [OPTIONS]`"""
    places = [one for one in taken if _positional(one)]
    shown = [one.name if one.required else f"[{one.name}]" for one in places]
    needed = [f"{one.name} …" for one in taken if one.required and not _positional(one)]
    options = ["[OPTIONS]"] if shared or len(places) + len(needed) < len(taken) else []
    return " ".join(["toolward", *words, *shown, *needed, *options])


def _positional(one: Argument) -> bool:
    return not one.name.startswith("-")


def _row(one: Argument) -> tuple[str, str, str]:
    names = " ".join(code(name) for name in (*one.names, *_negatives(one)))
    choices = one.get_choices() or ()
    said = prose(one.parameter.help or "")
    if choices:
        said = f"{said}: {', '.join(map(code, choices))}" if said else ", ".join(map(code, choices))
    return names, said, "needed" if one.required else _default(one.field_info.default)


def _negatives(one: Argument) -> list[str]:
    return [name for name in one.negatives if name not in one.names]


def _default(value: Any) -> str:
    if value is None or value is False or value in ("", ()):
        return ""
    return code(str(value).lower() if isinstance(value, bool) else str(value))
