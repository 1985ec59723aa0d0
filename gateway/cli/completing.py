"""What can stand where the cursor is: commands and options out of the help pages, names out of what is there.

The shells' scripts (`toolward completion`) call `toolward __complete WORD…`, the last word being the one that is
written, and get a line for each possibility: what it is, a tab, what it means. `:files` says that it is a file's
name. Nothing is started for it, and nothing waits for long: where no gateway runs, names that only it knows are not
offered.
"""

from collections.abc import Iterator, Sequence

from gateway.cli.pages import PROGRAM, Option, Page, pages

WORD = "__complete"
FILES = ":files"

_KINDS = {
    "RUN_ID": "run", "RUNS": "run", "--run": "run",
    "REQUEST_ID": "request",
    "--tool": "tool", "tool show NAME": "tool", "tool call NAME": "tool", "tool review NAMES": "tool",
    "backend remove NAME": "backend", "backend logs NAME": "backend",
    "--agent": "agent", "model check NAMES": "model",
}  # fmt: skip
"""What kind of thing an argument or option names."""


def possibilities(words: Sequence[str]) -> Iterator[str]:
    """The lines for these words, of which the last is being written."""
    *before, current = words or ("",)
    name, known = PROGRAM, pages()
    while before and f"{name} {before[0]}" in known:
        name += f" {before.pop(0)}"
    page = known[name]
    if page["commands"]:
        rows = [row for _, commands in page["commands"] for row in commands] if not before else []
        found = [*rows, ("--help", "")] if current.startswith("-") else rows
    else:
        found = list(_of_command(name, page, before, current))
    yield from (_line(*row) for row in found if row[0] == FILES or row[0].startswith(current))


def _of_command(name: str, page: Page, before: Sequence[str], current: str) -> Iterator[tuple[str, str]]:
    options = {each: option for option in page["options"] for each in option["names"]}
    last = options.get(before[-1]) if before else None
    if last is not None and last["value"]:
        yield from _values(last, before[-1])
    elif current.startswith("-"):
        yield from _options(page, before)
    else:
        yield from _argument(name, page, before, options)


def _options(page: Page, before: Sequence[str]) -> Iterator[tuple[str, str]]:
    for option in page["options"]:
        if option["repeated"] or not set(option["names"]) & set(before):
            yield from ((each, option["help"]) for each in option["names"])
    yield "--help", "say more"


def _values(option: Option, name: str) -> Iterator[tuple[str, str]]:
    if option["choices"]:
        yield from ((choice, "") for choice in option["choices"])
    elif option["value"] == "FILE":
        yield FILES, ""
    elif name in _KINDS:
        yield from _named(_KINDS[name])


def _argument(
    name: str, page: Page, before: Sequence[str], options: dict[str, Option]
) -> Iterator[tuple[str, str]]:
    """Of the argument that comes next."""
    given, takes_next = 0, False
    for word in before:
        option = options.get(word)
        if not takes_next and not word.startswith("-"):
            given += 1
        takes_next = option is not None and bool(option["value"])
    arguments = page["arguments"]
    if given < len(arguments):
        this = arguments[given]
    elif arguments and arguments[-1]["repeated"]:
        this = arguments[-1]
    else:
        yield from _options(page, before)
        return
    kind = _KINDS.get(f"{name.partition(' ')[2]} {this['name']}", _KINDS.get(this["name"], ""))
    if kind:
        yield from _named(kind)
    elif this["choices"]:
        yield from ((choice, "") for choice in this["choices"])
    elif this["name"] in ("FILE", "FILES"):
        yield FILES, ""


def _named(kind: str) -> Iterator[tuple[str, str]]:
    from gateway.cli.completing_names import names

    yield from names(kind)


def _line(what: str, said: str) -> str:
    return f"{what}\t{' '.join(said.split())}" if said else what
