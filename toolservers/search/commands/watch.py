"""`toolserver search watch`: keep an index like its folders, until it is stopped."""

import asyncio
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from anyio.to_thread import run_sync

from toolservers.search.commands import saying
from toolservers.search.commands.asked import PATHS, Asked, asked, embedder, opened, parser
from toolservers.search.commands.progress import ProgressBar
from toolservers.search.embedding.catching_up import CatchingUp
from toolservers.search.ingestion.following import Following
from toolservers.search.ingestion.lock import IndexLock, holder_of
from toolservers.search.ingestion.report import Progress, Report
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile
from toolward.errors import ToolwardError

EXAMPLES = f"""examples:
  toolserver search watch ./handbook
  toolserver search watch --sources sources.toml --index team.db --json

{PATHS}

A server does the same by itself for the folders that it is given; this is for an index that servers only serve. One
process at a time keeps an index: this one waits for its turn. With --json each line is a JSON object.

Exit codes: 0 stopped (Ctrl-C, SIGTERM), 1 refused, 2 usage."""

_STOPPING = (signal.SIGINT, signal.SIGTERM)

Say = Callable[[str, str, dict[str, Any]], None]
"""(a source's name or nothing, what is said of it, the same as data)"""


def main(arguments: list[str]) -> int:
    options = parser("watch", __doc__, EXAMPLES).parse_args(arguments)
    asyncio.run(until_stopped(asked(options), _as_json if options.json else _as_text))
    return 0


def _as_text(source: str, sentence: str, _: dict[str, Any]) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {source}{': ' if source else ''}{sentence}", flush=True)


def _as_json(source: str, sentence: str, data: dict[str, Any]) -> None:
    now = datetime.now().astimezone().isoformat(timespec="milliseconds")
    print(msgspec.json.encode({"at": now, "source": source, "said": sentence, **data}).decode(), flush=True)


async def until_stopped(wanted: Asked, say: Say) -> None:
    """Until it is cancelled, or a signal comes. Raises ConfigurationError, Unavailable."""
    work = asyncio.create_task(_watched(wanted, say), name="keeping an index")
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        say("", "Stopped.", {"event": "stopped"})
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


async def _watched(wanted: Asked, say: Say) -> None:
    model = embedder(wanted.settings)
    async with opened(wanted) as (file, ingestion):
        with IndexLock(wanted.index, "watching") as lock:
            if not lock.try_hold():
                who = saying.kept_by(holder_of(wanted.index))
                say("", f"{who} keeps the index; this one waits for its turn.", {"event": "waiting"})
                await lock.hold()
            sources, refused = await run_sync(_sources, wanted, file)
            for line in saying.refused(refused):
                say("", line, {"event": "refused"})
            catching_up = None if model.embedder is None else CatchingUp(file, model.embedder)
            listener = _Listener(say, catching_up)
            following = Following(sources, ingestion, listener, told=listener.progressed)
            async with asyncio.TaskGroup() as group:
                group.create_task(following.run(), name="following folders")
                if catching_up is not None:
                    group.create_task(catching_up.run(), name="embedding")


def _sources(wanted: Asked, file: IndexFile) -> tuple[list[Source], dict[str, str]]:
    with file.reading() as reader:
        return wanted.sources(reader.watched())


class _Listener:
    """Says what has changed, and what fails once."""

    def __init__(self, say: Say, catching_up: CatchingUp | None) -> None:
        self._say = say
        self._catching_up = catching_up
        self._bar: ProgressBar | None = None
        self._said: dict[str, str] = {}
        """By source: the last failure, or nothing where all is well."""

    def progressed(self, source: Source, progress: Progress) -> None:
        if self._bar is None:
            self._bar = ProgressBar(about=source.called)
        self._bar(progress)

    def ingested(self, source: Source, report: Report) -> None:
        self._end_bar()
        counts, coverage = report.counts, report.coverage
        is_new = self._said.get(source.name) != ""
        self._said[source.name] = ""
        if is_new or counts.added or counts.changed or counts.renamed or counts.removed:
            said = f"{saying.counted(counts)}; {len(coverage.problems):,} not in the index"
            self._say(source.called, said, {"event": "ingested", "report": report})
        if self._catching_up is not None:
            self._catching_up.look()

    def failed(self, source: Source, error: ToolwardError) -> None:
        self._end_bar()
        if self._said.get(source.name) != error.text:
            self._said[source.name] = error.text
            self._say(source.called, error.text, {"event": "failed"})

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.end()
            self._bar = None
