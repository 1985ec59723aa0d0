"""Where documents come from: folders with names, what in them counts, the ids and addresses of their documents."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote

from toolservers.documents.key_files import KEY_FILES
from toolservers.search.storage.records import ADDED, MAIN
from toolward.errors import ConfigurationError

SCHEME = "kb://"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""Of sources and collections: clients write the host part of an address in lower case."""

HIDDEN = (
    ".*",  # .git, .ssh, .env, .DS_Store, other programs' temporary files
    *KEY_FILES,
    *("~$*", "*~", "#*#", "*.swp", "*.tmp", "*.part", "*.crdownload", "thumbs.db", "desktop.ini"),
    *("node_modules", "__pycache__"),
)
"""Names, of files and of folders, that are never looked into: keys and passwords, and what editors and downloads
leave for a moment. Small and capital letters are one."""


def identifier(source: str, path: str) -> str:
    """The id of a document by its path in its source, with `/`: `returns-policy`, `handbook:tools/saw.pdf`."""
    path = path.removesuffix(".md")
    return path if source == MAIN else f"{source}:{path}"


def address(source: str, path: str, collection: str) -> str:
    """Its url. `collection` stands for the main source there."""
    return f"{SCHEME}{source or collection}/{quote(path.removesuffix('.md'), safe='/')}"


def identifier_of(reference: str, collection: str) -> str:
    """The id that somebody means who gives an id or an address of ours; anything else comes back as it is."""
    reference = reference.strip()
    if not reference.lower().startswith(SCHEME):
        return reference
    host, _, path = reference[len(SCHEME) :].partition("/")
    path = unquote(path)
    return path if host.lower() == collection.lower() else f"{host.lower()}:{path}"


@dataclass(frozen=True)
class Source:
    """`folder` is looked up anew at every scan, so that an operator may put another in its place."""

    name: str
    folder: Path
    collection: str
    """Stands in the addresses of the main source (`records.MAIN`); others have their name there."""
    include: tuple[str, ...] = ()
    """Globs; empty takes every file. `*` and `?` stand for characters of one name. A glob without `/` is of a name
    anywhere; one with `/` begins at the folder, and `**` in it is any number of folders. What lies in a folder that
    matches is matched, too. Small and capital letters are one."""
    exclude: tuple[str, ...] = ()
    within: Path | None = None
    """The operator's folder that it must lie in, where somebody else chose it: its way from there has no link."""

    @property
    def called(self) -> str:
        """For people."""
        return self.name or self.collection

    def identifier(self, path: str) -> str:
        return identifier(self.name, path)

    def address(self, path: str) -> str:
        return address(self.name, path, self.collection)

    def takes(self, path: str) -> bool:
        """Whether a file of this path counts."""
        return self.enters(path) and self.includes(path)

    def enters(self, path: str) -> bool:
        """Whether nothing on the way to it is hidden or excluded, nor it itself."""
        return self._exclude.match(path) is None and not any(map(is_hidden, path.split("/")))

    def passes(self, path: str) -> bool:
        """As `enters`, where the folder that it lies in is known to be entered."""
        return self._exclude.match(path) is None and not is_hidden(path.rpartition("/")[2])

    def includes(self, path: str) -> bool:
        """Whether `include` lets a file of this path count."""
        return not self.include or self._include.match(path) is not None

    @cached_property
    def _include(self) -> re.Pattern[str]:
        return _any(self.include)

    @cached_property
    def _exclude(self) -> re.Pattern[str]:
        return _any(self.exclude)


def is_hidden(name: str) -> bool:
    return _HIDDEN.match(name) is not None


def self_and_above(path: str) -> list[str]:
    """`a/b/c`, `a/b`, `a` and the empty path."""
    found = [path]
    while path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found


def require_name(name: str, what: str) -> None:
    """Raises ConfigurationError. `what` begins the sentence."""
    if NAME.fullmatch(name) is None or name == ADDED:
        taken = f" {ADDED!r} is taken by documents that came by a tool." if name == ADDED else ""
        raise ConfigurationError(
            f"{what} cannot be {name[:60]!r}.{taken}",
            hint="Use up to 40 small letters, digits, `-` and `_`, and begin with a letter or digit.",
        )


def _any(globs: Iterable[str]) -> re.Pattern[str]:
    """For whole paths."""
    either = "|".join(map(_expression, globs)) or r"(?!)"
    return re.compile(rf"(?:{either})(?:/.*)?\Z", re.IGNORECASE | re.DOTALL)


def _expression(glob: str) -> str:
    parts = [part for part in glob.split("/") if part] or [""]
    if len(parts) == 1 and not glob.startswith("/"):
        parts.insert(0, "**")
    folders = "".join("(?:[^/]+/)*" if part == "**" else f"{_name(part)}/" for part in parts[:-1])
    return folders + _name(parts[-1])


def _name(part: str) -> str:
    return re.escape(re.sub(r"\*+", "*", part)).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


_HIDDEN = _any(HIDDEN)
