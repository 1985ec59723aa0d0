"""`toolserver search index`: read what is new or changed in folders of documents into an index."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import msgspec
from anyio.to_thread import run_sync

from toolservers.search.commands import saying
from toolservers.search.commands.asked import PATHS, Asked, asked, embedder, opened, parser
from toolservers.search.commands.progress import ProgressBar
from toolservers.search.embedding.catching_up import CatchingUp, Embedding, embedding
from toolservers.search.embedding.port import Embedder
from toolservers.search.ingestion.following import ingested
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.lock import IndexLock, holder_of
from toolservers.search.ingestion.report import Report
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import ADDED
from toolward.errors import ToolwardError, Unavailable

EXAMPLES = f"""examples:
  toolserver search index ./handbook
  toolserver search index ./handbook ./manuals --index team.db --embeddings none
  toolserver search index --sources sources.toml --json

{PATHS}

What is as it was is not read again, and a run that was stopped is gone on with by the next one. Files that could
not be read are named, each with the reason.

Exit codes: 0 done, also where files could not be read; 1 refused, or a folder could not be read; 130 stopped."""

PATIENCE = 1.0
"""Seconds for which the lock is waited for: who only asks for its holder has it for a moment."""


@dataclass
class Done:
    """What `--json` prints."""

    index: str
    sources: dict[str, Report] = field(default_factory=dict[str, Report])
    """By what they are called."""
    failed: dict[str, str] = field(default_factory=dict[str, str])
    """Sources that could not be read, or watched, and why: their documents stay as they were."""
    others: dict[str, int] = field(default_factory=dict[str, int])
    """Documents of sources that were not given, by name."""
    forgotten: bool = False
    """Whether those were taken out of the index."""
    embedding: Embedding | None = None
    meaning: str = ""
    """Why no passage is embedded; empty where they are."""


def main(arguments: list[str]) -> int:
    made = parser("index", __doc__, EXAMPLES)
    made.add_argument("--again", action="store_true", help="read unchanged files, too")
    made.add_argument(
        "--forget-others",
        action="store_true",
        help="take documents out of the index whose sources are not given (those added by a tool stay)",
    )
    options = made.parse_args(arguments)
    wanted = asked(options)
    say = _silent if options.json else print
    try:
        run = _Run(wanted, say, again=options.again, forget=options.forget_others)
        done = asyncio.run(run.whole())
    except KeyboardInterrupt:
        print("\nStopped. What is done stays; the same command goes on from there.", file=sys.stderr)
        return 130
    if options.json:
        print(msgspec.json.encode(done).decode())
    return 1 if done.failed else 0


def _silent(_: str) -> None:
    """The data says it."""


class _Run:
    def __init__(self, wanted: Asked, say: Callable[[str], None], *, again: bool, forget: bool) -> None:
        self._wanted = wanted
        self._say = say
        self._again = again
        self._forget = forget
        self._done = Done(str(wanted.index))

    async def whole(self) -> Done:
        """Raises Unavailable where another process keeps the index, or it cannot be written."""
        model = embedder(self._wanted.settings)
        async with opened(self._wanted) as (file, ingestion):
            with IndexLock(self._wanted.index, "indexing") as lock:
                await _require(lock, self._wanted)
                sources = await run_sync(self._sources, file)
                for source in sources:
                    await self._ingest(ingestion, source)
                await self._look_at_others(file, ingestion, {source.name for source in sources})
                self._done.meaning = model.reason
                if model.embedder is not None:
                    await self._embed(file, model.embedder)
        return self._done

    def _sources(self, file: IndexFile) -> list[Source]:
        with file.reading() as reader:
            sources, refused = self._wanted.sources(reader.watched())
        self._done.failed |= refused
        for line in saying.refused(refused):
            self._say(line)
        return sources

    async def _ingest(self, ingestion: Ingestion, source: Source) -> None:
        bar = ProgressBar(about=source.called)
        try:
            report = await ingested(ingestion, source, again=self._again, told=bar)
        except ToolwardError as error:
            bar.end()
            self._done.failed[source.called] = error.text
            self._say(f"{source.called}: {error.text}")
        else:
            bar.end()
            self._done.sources[source.called] = report
            self._say(saying.ingested(source, report))

    async def _look_at_others(self, file: IndexFile, ingestion: Ingestion, given: set[str]) -> None:
        others = await run_sync(_others, file, given | {ADDED, *self._done.failed})
        for name, documents in others.items():
            self._done.others[name or self._wanted.settings.collection_name] = documents
            if self._forget:
                await ingestion.remove(name)
            done = "taken out" if self._forget else "left as they are; --forget-others takes them out"
            self._say(f"{name}: not among the folders that are given; documents {done}: {documents:,}")
        self._done.forgotten = self._forget

    async def _embed(self, file: IndexFile, model: Embedder) -> None:
        bar = ProgressBar(about=model.name)
        telling = asyncio.create_task(_tell(file, bar), name="telling how far embedding is")
        try:
            await CatchingUp(file, model).catch_up()
        except ToolwardError as error:
            self._done.failed[model.name] = error.text
            self._say(f"{model.name}: {error.text}")
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            bar.end()
            await model.close()
        self._done.embedding = state = await run_sync(embedding_of, file)
        self._say(f"{model.name}: {state.embedded:,} of {state.passages:,} passages embedded")


async def _tell(file: IndexFile, bar: ProgressBar) -> None:
    while True:
        state = await run_sync(embedding_of, file)
        bar.embedded(state.embedded, state.passages)
        await asyncio.sleep(0.5)


async def _require(lock: IndexLock, wanted: Asked) -> None:
    with anyio.move_on_after(PATIENCE):
        await lock.hold()
    if not lock.held:
        raise Unavailable(
            f"{saying.kept_by(holder_of(wanted.index))} keeps the index {wanted.index} up to date.",
            hint="Let it, or end it first. `toolserver search status` shows what is not in the index yet.",
        )


def _others(file: IndexFile, given: set[str]) -> dict[str, int]:
    with file.reading() as reader:
        return {name: documents for name, (documents, _) in reader.by_source().items() if name not in given}


def embedding_of(file: IndexFile) -> Embedding:
    with file.reading() as reader:
        return embedding(reader)
