"""The texts: `key: value` lines, an empty line, then blocks. `# ` and `## ` are headings, `| … |` a table whose
first row is its head, `---page---` begins a page, anything else is a paragraph."""

from dataclasses import dataclass
from pathlib import Path

PAGE = "---page---"


@dataclass(frozen=True)
class Block:
    kind: str
    """`title`, `heading`, `paragraph`, `table` or `page`."""
    lines: tuple[str, ...]

    @property
    def rows(self) -> list[list[str]]:
        return [[cell.strip() for cell in line.strip("| ").split("|")] for line in self.lines]


@dataclass(frozen=True)
class Source:
    title: str
    updated: str
    category: str
    blocks: tuple[Block, ...]


def read(path: Path) -> Source:
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    blocks = tuple(_block(text) for text in body.strip().split("\n\n"))
    return Source(fields["title"], fields["updated"], fields["category"], blocks)


def _block(text: str) -> Block:
    if text == PAGE:
        return Block("page", ())
    if text.startswith("#"):
        return Block("heading" if text.startswith("## ") else "title", (text.lstrip("# "),))
    return Block("table" if text.startswith("|") else "paragraph", tuple(text.splitlines()))
