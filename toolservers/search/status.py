"""What can be searched, and what cannot: as the tool says it."""

from collections.abc import Iterator

from toolservers.search.answers import SourceStatus, Status, Unread
from toolservers.search.embedding.catching_up import embedding
from toolservers.search.ingestion.report import Coverage, coverage_of
from toolservers.search.sources_file import Sources
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import ADDED, MAIN
from toolservers.search.upkeep import Upkeep

MOST_UNREAD = 50


def status(reader: Reader, sources: Sources, upkeep: Upkeep, *, indexing: str, meaning: str) -> Status:
    """`meaning` says why there is no search by meaning, and is empty where there is."""
    coverage = coverage_of(reader)
    unread = list(_unread(reader, coverage, sources))
    return Status(
        documents=coverage.documents,
        passages=reader.counts()["passages"],
        characters=coverage.characters,
        share=round(coverage.share, 4),
        sources=list(_sources(reader, sources, upkeep)),
        indexing=indexing,
        meaning=meaning or f"{_meaning(reader)}{upkeep.unembedded}",
        unread=unread[:MOST_UNREAD],
        more_unread=max(len(unread) - MOST_UNREAD, 0),
    )


def called(source: str, sources: Sources) -> str:
    """The main source has the name of the collection."""
    return sources[MAIN].collection if source == MAIN else source


def _sources(reader: Reader, sources: Sources, upkeep: Upkeep) -> Iterator[SourceStatus]:
    counts = reader.by_source()
    for name in sorted({*counts, *sources, *reader.watched()}):
        documents, problems = counts.get(name, (0, 0))
        if name == ADDED:
            state = "by `add_documents`"
        elif name in upkeep.unfollowed:
            state = upkeep.unfollowed[name]
        else:
            state = "followed" if name in upkeep.followed else "not followed here"
        yield SourceStatus(called(name, sources), documents, problems, state)


def _unread(reader: Reader, coverage: Coverage, sources: Sources) -> Iterator[Unread]:
    for problem in coverage.problems:
        yield Unread(called(problem.source, sources), problem.path, 0.0, problem.message)
    for partial in coverage.partial:
        row = reader.document(partial.id)
        if row is not None:
            path = row.file.path if row.file else row.id
            yield Unread(
                called(row.source, sources), path, round(partial.share, 4), " ".join(partial.left_out)
            )


def _meaning(reader: Reader) -> str:
    done = embedding(reader)
    if done.building and done.serving:
        return (
            f"By words and by meaning ({done.serving}). {done.building} takes its place when it has all passages: "
            f"{done.embedded:,} of {done.passages:,} so far."
        )
    if done.building or not done.serving:
        return (
            f"By words only, until all passages are embedded: {done.embedded:,} of {done.passages:,} so far."
        )
    return f"By words and by meaning ({done.serving}): {done.embedded:,} of {done.passages:,} passages."
