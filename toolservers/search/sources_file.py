"""What the operator gives: the main folder, further sources in a TOML file, and where tools may watch folders.

watch_roots = ["/srv/docs"]        # folders that `watch_folder` may be given, with what is below them

[sources.handbook]
folder = "/srv/handbook"           # a relative path begins at this file
include = ["*.md", "*.pdf"]        # these two may be left out
exclude = ["drafts/*"]
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from toolservers.search.sources import Source, is_hidden, require_name
from toolservers.search.storage.records import MAIN
from toolward.errors import ConfigurationError, ToolError

MAX_SOURCES = 64
_MAX_BYTES = 1_000_000


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folder: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    watch_roots: tuple[str, ...] = ()
    sources: dict[str, _Spec] = msgspec.field(default_factory=dict[str, _Spec])


@dataclass(frozen=True)
class Sources(Mapping[str, Source]):
    """The operator's sources by name, the main one (`records.MAIN`) among them."""

    by_name: Mapping[str, Source]
    roots: tuple[Path, ...] = ()
    """Folders that somebody else may have watched, with what is below them."""

    def __getitem__(self, name: str) -> Source:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def watched(self, name: str, folder: str, others: Mapping[str, Source]) -> Source:
        """The source that a tool asks for, or asked for when it was written into the index; `others` are watched
        already, and one of the same name is replaced. `folder` is an absolute path, links in it and all.

        Raises ToolError for a name or folder that cannot be; it tells nothing of what lies outside the roots."""
        source = self._free(name, folder, others)
        if not os.path.isdir(source.folder):
            raise self._not_there(folder)
        return source

    def again(self, watched: Mapping[str, str]) -> tuple[dict[str, Source], dict[str, str]]:
        """The sources that tools asked for in earlier runs, folders by name as an index keeps them; and why some
        can be no more. That a folder is missing is no reason: it may come back."""
        sources: dict[str, Source] = {}
        refused: dict[str, str] = {}
        for name, folder in watched.items():
            try:
                sources[name] = self._free(name, folder, sources)
            except ToolError as error:
                refused[name] = str(error)
        return sources, refused

    def _free(self, name: str, folder: str, others: Mapping[str, Source]) -> Source:
        """Raises ToolError."""
        others = {other: source for other, source in others.items() if other != name}
        try:
            require_name(name, "The name of a source")
        except ConfigurationError as error:
            raise ToolError(error.text) from None
        if name in self or name == self[MAIN].collection:
            raise ToolError(f"{name!r} is one of the operator's sources; use another name.")
        if len(self) + len(others) >= MAX_SOURCES:
            raise ToolError(f"There are {MAX_SOURCES} sources already, and no more can be.")
        root, path = self._allowed(folder)
        for other in (*self.values(), *others.values()):
            if _overlap(path, other.folder):
                raise ToolError(
                    f"{path} and the folder of the source {other.called!r} are one, or one lies in the other: "
                    "documents would be there twice. Look for them in that source, or choose another folder."
                )
        return Source(name, path, self[MAIN].collection, within=root)

    def _allowed(self, folder: str) -> tuple[Path, Path]:
        """The root and the folder, without links. Raises ToolError."""
        if not self.roots:
            raise ToolError(
                "No folder may be watched here: the operator has given no `watch_roots` (--sources). "
                "Documents can be given one by one with `add_documents`."
            )
        if os.path.isabs(folder) and "\0" not in folder:
            path = _real(Path(folder))
            for root in map(_real, self.roots):
                if path.is_relative_to(root) and not any(map(is_hidden, path.relative_to(root).parts)):
                    return root, path
        raise self._not_there(folder)

    def _not_there(self, folder: str) -> ToolError:
        roots = ", ".join(map(str, self.roots))
        return ToolError(
            f"There is no folder {folder[:200]!r} that may be watched. Give the absolute path of one of these, or "
            f"of a folder below, that is not hidden: {roots}."
        )


def given(
    folder: Path, collection: str, file: Path | None = None, more: Mapping[str, Path] = MappingProxyType({})
) -> Sources:
    """The main source has this folder; `collection` stands in its addresses; `more` are further folders by name,
    beside those of `file`. Raises ConfigurationError for what cannot be. That a folder is missing is no error: it
    may come back (see `scanning.Folder`)."""
    require_name(collection, "The name of the collection")
    sources = {MAIN: Source(MAIN, _below(None, str(folder)), collection)}
    for name, path in more.items():
        sources[name] = Source(name, _below(None, str(path)), collection)
    read = _File() if file is None else _read(file)
    for name, spec in read.sources.items():
        require_name(name, f"The name of a source of {file}")
        if name == collection or name in sources:
            raise ConfigurationError(f"{name!r} of {file} is the name of another source.", hint="Rename it.")
        path = _below(file, spec.folder)
        sources[name] = Source(name, path, collection, spec.include, spec.exclude)
    if len(sources) > MAX_SOURCES:
        raise ConfigurationError(
            f"{file} has more than {MAX_SOURCES - 1} sources.", hint="Join some of them."
        )
    _require_apart(list(sources.values()))
    roots = tuple(_below(file, root) for root in read.watch_roots)
    for root in roots:
        if file is not None and _real(file).is_relative_to(_real(root)):
            raise ConfigurationError(
                f"The sources file {file} lies in its watch root {root}: who writes there gives themselves rights.",
                hint="Put it outside of all folders that tools may have watched.",
            )
    return Sources(sources, roots)


def require_index_outside(index: Path, sources: Sequence[Source]) -> None:
    """An index in one of the folders would be found there, changed by every change. Raises ConfigurationError."""
    path = _real(index.expanduser())
    for source in sources:
        folder = _real(source.folder)
        if path.is_relative_to(folder) and not any(map(is_hidden, path.relative_to(folder).parts)):
            raise ConfigurationError(
                f"The index {index} lies in the folder of the source {source.called!r}, {source.folder}.",
                hint="Put it elsewhere by --index, or under a name that begins with a dot.",
            )


def _read(file: Path) -> _File:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ConfigurationError(f"The sources file {file} has more than {_MAX_BYTES:,} bytes.")
        return msgspec.convert(tomllib.loads(data.decode()), _File)
    except OSError as error:
        raise ConfigurationError(f"The sources file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The sources file {file} is not TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"The sources file {file} cannot be used: {error}.",
            hint='It may have watch_roots = ["FOLDER"] and tables [sources.NAME] with folder, include, exclude.',
        ) from None


def _require_apart(sources: list[Source]) -> None:
    for number, one in enumerate(sources):
        for other in sources[:number]:
            if _overlap(one.folder, other.folder):
                raise ConfigurationError(
                    f"The folders of the sources {other.called!r} and {one.called!r} are one, or one lies in the "
                    f"other: {other.folder}, {one.folder}.",
                    hint="Give folders that lie beside each other: a document would be there twice.",
                )


def _overlap(one: Path, other: Path) -> bool:
    one, other = _real(one), _real(other)
    return one.is_relative_to(other) or other.is_relative_to(one)


def _below(file: Path | None, folder: str) -> Path:
    """Absolute; links in it stay, since an operator may change where they lead."""
    start = Path() if file is None else file.parent
    path = Path(os.path.abspath(start / Path(folder).expanduser()))
    if _real(path) == Path("/"):
        raise ConfigurationError(f"The folder {folder!r} is the whole computer.", hint="Give a smaller one.")
    return path


def _real(path: Path) -> Path:
    """Without links."""
    return Path(os.path.realpath(path))
