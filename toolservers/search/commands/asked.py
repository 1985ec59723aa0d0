"""What the commands have in common: which folders, which index, and how that is said on the command line."""

import argparse
import os
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio.to_thread import run_sync

from toolservers.documents.extractor import Extractor
from toolservers.search.embedding.choosing import Chosen, EmbeddingSettings, chosen
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.settings import Settings
from toolservers.search.sources import Source
from toolservers.search.sources_file import Sources, given, require_index_outside
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import ADDED
from toolward.errors import ConfigurationError
from toolward.kit.settings import read

AT_ONCE = 4
"""Processes at most that take documents apart."""

_FLAGS = {
    "folder": "DIR",
    "collection": "NAME",
    "sources": "FILE",
    "index": "FILE",
    "embeddings": "HOW",
    "embeddings_model": "NAME",
    "embeddings_networks": "NETWORKS",
}
_HELP = {
    "folder": "folder, where no PATH is given [TOOLWARD_SEARCH_FOLDER; default: the bundled documents]",
    "collection": "stands in the addresses of the first folder's documents [TOOLWARD_SEARCH_COLLECTION]",
    "sources": "TOML file of further folders [TOOLWARD_SEARCH_SOURCES]",
    "index": "index file [TOOLWARD_SEARCH_INDEX; default: one for each first folder, in the data folder]",
    "embeddings": "auto, local, none or the URL of an endpoint [TOOLWARD_SEARCH_EMBEDDINGS]",
    "embeddings_model": "the endpoint's model [TOOLWARD_SEARCH_EMBEDDINGS_MODEL]",
    "embeddings_networks": "that its name may lead to; or: private [TOOLWARD_SEARCH_EMBEDDINGS_NETWORKS]",
}
PATHS = """PATH is a folder. The first one's documents have ids like returns-policy, those of a further one, which
is named after its folder, like handbook:returns. The server finds the same index by the same first folder:
  toolserver search --folder PATH"""


@dataclass(frozen=True)
class Asked:
    settings: Settings
    given: Sources
    index: Path

    def sources(self, watched: Mapping[str, str]) -> tuple[list[Source], dict[str, str]]:
        """All that are to be looked at, those that tools had watched among them (`Reader.watched`); and why some of
        these are not."""
        again, refused = self.given.again(watched)
        return [*self.given.values(), *again.values()], refused


def parser(word: str, description: str | None, epilog: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"toolserver search {word}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("paths", nargs="*", metavar="PATH", type=Path, help="folder of documents")
    for name, metavar in _FLAGS.items():
        flag = f"--{name.replace('_', '-')}"
        made.add_argument(flag, metavar=metavar, default=argparse.SUPPRESS, help=_HELP[name])
    made.add_argument("--json", action="store_true", help="print data instead of sentences")
    return made


def asked(options: argparse.Namespace) -> Asked:
    """Raises ConfigurationError."""
    flags = {name: value for name, value in vars(options).items() if name in _FLAGS}
    paths: list[Path] = options.paths
    for path in paths:
        if not os.path.isdir(path):
            raise ConfigurationError(
                f"{path} is not a folder.", hint="Give folders; what is in them is found by itself."
            )
    if paths:
        flags["folder"] = str(paths[0])
    settings = read("search", Settings, flags)
    file = Path(settings.sources) if settings.sources else None
    more = _named(paths[1:], {settings.collection_name, ADDED})
    sources = given(settings.folder, settings.collection_name, file, more)
    index = settings.index_file.absolute()
    require_index_outside(index, list(sources.values()))
    return Asked(settings, sources, index)


@asynccontextmanager
async def opened(wanted: Asked) -> AsyncGenerator[tuple[IndexFile, Ingestion]]:
    """The index, made where it is missing, and what writes into it. Raises ConfigurationError, Unavailable."""
    file = await run_sync(IndexFile, wanted.index)
    try:
        async with Extractor.open(at_once=min(os.cpu_count() or 1, AT_ONCE)) as extractor:
            yield file, Ingestion(file, extractor.extract)
    finally:
        await run_sync(file.close)


def embedder(settings: Settings) -> Chosen:
    """Raises ConfigurationError."""
    return chosen(EmbeddingSettings.of(settings))


def existing(index: Path) -> IndexFile:
    """Raises ConfigurationError where there is none: looking must not make one."""
    if not index.is_file():
        raise ConfigurationError(
            f"There is no index {index} yet.",
            hint="Make it: toolserver search index, with the same arguments.",
        )
    return IndexFile(index)


def _named(paths: Iterable[Path], taken: set[str]) -> dict[str, Path]:
    """Folders by names of sources made of their own."""
    named: dict[str, Path] = {}
    for path in paths:
        plain = re.sub(r"[^a-z0-9_-]+", "-", path.resolve().name.lower()).strip("-_")[:36] or "folder"
        name, number = plain, 1
        while name in taken or name in named:
            number += 1
            name = f"{plain}-{number}"
        named[name] = path
    return named
