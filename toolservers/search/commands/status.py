"""`toolserver search status`: what an index holds, what it lacks, and who keeps it up to date."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from toolservers.search.commands import saying
from toolservers.search.commands.asked import PATHS, Asked, asked, existing, parser
from toolservers.search.embedding.catching_up import Embedding, embedding
from toolservers.search.ingestion.lock import Holder, holder_of
from toolservers.search.ingestion.planning import planned
from toolservers.search.ingestion.report import Coverage, coverage_of
from toolservers.search.ingestion.scanning import Folder
from toolservers.search.sources import Source
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import ADDED
from toolward.errors import Unavailable

EXAMPLES = f"""examples:
  toolserver search status ./handbook
  toolserver search status --index team.db --json

{PATHS}

It changes nothing, and may be asked while a server has the index open. Files count as changed by size and time.

Exit codes: 0 told, 1 refused, 2 usage."""


@dataclass
class SourceState:
    """`folder` is empty for documents that have none, or whose source is not given."""

    name: str
    folder: str
    coverage: Coverage
    to_read: int = 0
    """Files that are new or changed."""
    to_remove: int = 0
    """Documents whose files are there no more."""
    trouble: str = ""
    """Why the folder cannot be looked at, or is not."""


@dataclass
class Status:
    """What `--json` prints."""

    index: str
    bytes: int
    documents: int
    passages: int
    characters: int
    kept_by: Holder | None
    """The process that keeps it up to date; null for none."""
    embedding: Embedding
    sources: list[SourceState] = field(default_factory=list[SourceState])


def main(arguments: list[str]) -> int:
    options = parser("status", __doc__, EXAMPLES).parse_args(arguments)
    wanted = asked(options)
    file = existing(wanted.index)
    try:
        with file.reading() as reader:
            status = _status(wanted, reader)
    finally:
        file.close()
    print(msgspec.json.encode(status).decode() if options.json else _said(status))
    return 0


def _status(wanted: Asked, reader: Reader) -> Status:
    counts = reader.counts()
    status = Status(
        str(wanted.index),
        sum(part.stat().st_size for part in _parts(wanted.index)),
        counts["documents"],
        counts["passages"],
        counts["characters"],
        holder_of(wanted.index),
        embedding(reader),
    )
    sources, refused = wanted.sources(reader.watched())
    status.sources += [_state(source, reader) for source in sources]
    for name in sorted({*reader.by_source(), *refused} - {source.name for source in sources}):
        trouble = "" if name == ADDED else refused.get(name, "Its folder is not given.")
        called = name or wanted.settings.collection_name
        status.sources.append(SourceState(called, "", coverage_of(reader, name), trouble=trouble))
    return status


def _state(source: Source, reader: Reader) -> SourceState:
    state = SourceState(source.called, str(source.folder), coverage_of(reader, source.name))
    try:
        with Folder(source) as folder:
            plan = planned(reader, source, folder.scan(), again=False)
    except Unavailable as error:
        state.trouble = error.text
    else:
        state.to_read, state.to_remove = len(plan.todo), len(plan.gone)
    return state


def _parts(index: Path) -> list[Path]:
    """SQLite's files of one database."""
    paths = [index.with_name(index.name + end) for end in ("", "-wal", "-shm")]
    return [path for path in paths if path.exists()]


def _said(status: Status) -> str:
    lines = [
        f"index {status.index} ({status.bytes / 1e6:.1f} MB)",
        f"documents: {status.documents:,}; passages: {status.passages:,}",
        "kept up to date by nobody at the moment"
        if status.kept_by is None
        else f"kept up to date by {saying.kept_by(status.kept_by).lower()} since {status.kept_by.since}",
        _by_meaning(status.embedding),
    ]
    for source in status.sources:
        lines.append(f"{source.name}{f' ({source.folder})' if source.folder else ''}: {_fresh(source)}")
        lines += [f"  {line}" for line in saying.covered(source.coverage)]
    return "\n".join(lines)


def _by_meaning(state: Embedding) -> str:
    model = state.building or state.serving
    if not model:
        return "searched by words alone: no passage is embedded"
    serving = f"; until it is whole, {state.serving} serves" if state.building and state.serving else ""
    return f"{model}: {state.embedded:,} of {state.passages:,} passages embedded{serving}"


def _fresh(source: SourceState) -> str:
    if source.trouble or not source.folder:
        return source.trouble or "added by a tool"
    if not source.to_read and not source.to_remove:
        return "as the folder is"
    return f"files to read: {source.to_read:,}; documents to remove: {source.to_remove:,}"
