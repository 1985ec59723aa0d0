"""The documents behind the search: Markdown files with a small front matter.

---
title: Gift cards
updated: 2026-01-20
category: products
---
Gift cards are sold for …
"""

from dataclasses import dataclass
from pathlib import Path

from toolward.errors import ConfigurationError

BUNDLED = Path(__file__).parent / "knowledge"
_FENCE = "---"


@dataclass(frozen=True, slots=True)
class Article:
    """One document. `id` is the file's path in its folder without `.md`; `metadata` is the front matter's rest."""

    id: str
    title: str
    text: str
    metadata: dict[str, str]


def load(folder: Path) -> tuple[Article, ...]:
    """Every Markdown file below `folder`, sorted by id. Raises ConfigurationError, naming the folder or file."""
    folder = folder.expanduser()
    if not folder.is_dir():
        raise ConfigurationError(
            f"The knowledge base {folder} is not a folder.", hint="Give a folder of Markdown files."
        )
    articles = [_read(path, folder) for path in folder.rglob("*.md") if path.is_file()]
    if not articles:
        raise ConfigurationError(
            f"The folder {folder} has no Markdown file.", hint="Documents are files that end in .md."
        )
    return tuple(sorted(articles, key=lambda article: article.id))


def _read(path: Path, folder: Path) -> Article:
    try:
        source = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8: byte {error.start} cannot be read.", hint="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    name = path.relative_to(folder).with_suffix("").as_posix()
    fields, text = _split(source, path)
    title = fields.pop("title", "") or _heading(text) or name
    return Article(name, title, text, fields)


def _split(source: str, path: Path) -> tuple[dict[str, str], str]:
    """Front matter and text. A file without front matter is all text."""
    lines = source.splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        return {}, source.strip()
    fields: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == _FENCE:
            return fields, "\n".join(lines[number:]).strip()
        key, colon, value = line.partition(":")
        if not colon:
            raise ConfigurationError(
                f"{path}, line {number}: {line[:80]!r} is no `key: value` line.",
                hint="The front matter has one `key: value` per line and ends with ---.",
            )
        fields[key.strip()] = _unquote(value.strip())
    raise ConfigurationError(f"{path}: the front matter does not end.", hint="Close it with a line of ---.")


def _unquote(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _heading(text: str) -> str:
    first = text.partition("\n")[0]
    return first.lstrip("#").strip() if first.startswith("#") else ""
