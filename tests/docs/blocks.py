"""Blocks of code in the pages, and what our own commands in them are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)(?P=fence)$", re.M | re.S
)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.DOTALL)
_PROGRAMS = ("toolward", "toolserver")


class Block(NamedTuple):
    page: str  # by its path below the root
    line: int
    info: tuple[str, ...]  # the words behind the fence: the language, then the name of a file
    text: str
    not_run: str  # why it is not, or nothing

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def file(self) -> str:
        """The file that it is to be saved as, or nothing."""
        return self.info[1] if len(self.info) > 1 and "." in self.info[1] else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """All that people read, but the decisions and the changelog: those are history."""
    found = [path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")]
    return sorted(["README.md", "CONTRIBUTING.md", *(path for path in found if "/decisions/" not in path)])


def blocks_of(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            tuple(found["info"].split()),
            re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            why[1] if (why := _NOT_RUN.search(text[: found.start()])) else "",
        )
        for found in _FENCE.finditer(text)
    ]


class Command(NamedTuple):
    """What is typed at a prompt, and what it prints."""

    typed: str
    prints: list[str]


def commands_of(block: Block) -> list[Command]:
    """Of a `console` block: a line that begins with `$ ` is typed, what follows is printed."""
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ "), []))
        elif found:
            found[-1].prints.append(line)
    return found


def ours(text: str) -> Iterator[list[str]]:
    """The commands of ours in a shell's text, as words without the program's path and what follows a pipe."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\s(?:&&|\||;)\s", line.removeprefix("$ ")):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # a quotation that goes on: what it belongs to is checked by sh itself
                continue
            while words and re.fullmatch(r"\w+=.*", words[0]):
                words.pop(0)
            if words and Path(words[0]).name in _PROGRAMS:
                yield [Path(words[0]).name, *words[1:]]
