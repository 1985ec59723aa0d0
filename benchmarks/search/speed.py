"""`python -m benchmarks.search.speed [--passages 20000 200000] [--questions 100] [--rounds 3] [--without-others]
[--keep FOLDER]`: takes some ten minutes at these sizes, most of it to index.

Made texts (`texts.py`) are written to a folder, indexed by our pipeline, and given a vector each; other people's
full-text search gets the same passages. Then each question is asked of all in turn, in another order each time, so
that whatever else the machine does strikes all alike. Ours is timed whole (the question understood, ranked, folded,
ten snippets made), others from a question to the keys of ten passages. What a model takes to embed a question is
left out.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import NamedTuple

from benchmarks import peers
from benchmarks.search.engines import OTHERS, PINNED, PLAIN, Ask, Asked, Vectors, embed, other, ours
from benchmarks.search.texts import SUBJECTS, Language, Made, write
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.search.ingestion.ingesting import Ingestion
from toolservers.search.ingestion.scanning import Folder
from toolservers.search.sources import Source
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import MAIN

_OF_A_DOCUMENT = 5  # passages
_WARM = 10  # questions that are not counted


class Row(NamedTuple):
    name: str
    p50: float
    p95: float
    """Milliseconds."""
    processor: float
    """Milliseconds of the processor, p50."""
    agrees: float
    """The share of plain FTS5's ten best that are among its ten best."""


class Measured(NamedTuple):
    passages: int
    megabytes: float
    """That were indexed; 0 where an earlier run did it."""
    indexed: float
    """Seconds for the files, from their bytes to a searchable index, without vectors."""
    built: dict[str, float]
    """Seconds that others took for the passages, which they were given as text."""
    rows: list[Row]


async def measure(
    passages: int, questions: int, rounds: int, others: Sequence[str], keep: Path | None = None
) -> Measured:
    """`keep`: a folder whose texts and index are those of an earlier run, or are left there for a later one."""
    if keep is not None:
        return await _measured(keep / str(passages), passages, questions, rounds, others)
    with tempfile.TemporaryDirectory(prefix="toolward-bench-", ignore_cleanup_errors=True) as name:
        return await _measured(Path(name), passages, questions, rounds, others)


async def _measured(
    where: Path, passages: int, questions: int, rounds: int, others: Sequence[str]
) -> Measured:
    language = Language()
    folder, index, handed = where / "texts", where / "index.db", where / "passages.jsonl"
    made = dict(_written(folder, language, passages // _OF_A_DOCUMENT))
    file = IndexFile(index)
    began = time.perf_counter()
    report = await Ingestion(file, _extracted).run(Folder(Source(MAIN, folder, "made")))
    took = time.perf_counter() - began
    vectors = Vectors(SUBJECTS)
    embed(file, made, vectors)
    count = _handed_over(file, handed)
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(other(one, handed)) for one in others]
        asks = ours(file, vectors) | {one.name: one.ask for one in started}
        rows = await _asked(asks, [language.question() for _ in range(questions)], rounds)
    file.close()
    built = {one.name: one.built for one in started}
    return Measured(count, report.counts.bytes / 1e6, took, built, rows)


def _written(folder: Path, language: Language, documents: int) -> Iterator[tuple[str, Made]]:
    folder.mkdir(parents=True, exist_ok=True)
    for number, made in enumerate(write(folder, language, documents)):
        yield f"{number // 500:03}/{number:06}", made


async def _extracted(data: bytes, name: str) -> Extracted:
    return extract(data, name)


def _handed_over(file: IndexFile, to: Path) -> int:
    """The passages as other people's programs get them; gives how many."""
    count = 0
    with file.reading() as reader, to.open("w", encoding="utf-8") as lines:
        for row in reader.documents():
            for passage in reader.passages_of(row.key):
                text = reader.text(row.key, passage.start, passage.end)
                lines.write(json.dumps([passage.key, row.title, passage.heading, text]) + "\n")
                count += 1
    return count


async def _asked(asks: Mapping[str, Ask], questions: Sequence[str], rounds: int) -> list[Row]:
    draw = random.Random(1)
    answers: dict[str, dict[str, list[Asked]]] = {name: defaultdict(list) for name in asks}
    for round_ in range(rounds + 1):
        for question in questions if round_ else questions[:_WARM]:
            for name in draw.sample(list(asks), len(asks)):
                answer = await asks[name](question)
                if round_:
                    answers[name][question].append(answer)
    plain = {question: set(each[0].best) for question, each in answers[PLAIN].items()}
    return [_row(name, each, plain) for name, each in answers.items()]


def _row(name: str, answers: Mapping[str, Sequence[Asked]], plain: Mapping[str, set[int]]) -> Row:
    """The median over rounds for each question, so that a question counts once."""
    took = [median(one.took for one in each) for each in answers.values()]
    used = [median(one.processor for one in each) for each in answers.values()]
    shares = [
        len(plain[question] & set(each[0].best)) / len(plain[question])
        for question, each in answers.items()
        if plain[question]
    ]
    return Row(name, median(took), quantiles(took, n=20)[-1], median(used), fmean(shares))


def text(measured: Sequence[Measured]) -> str:
    parts: list[str] = []
    for one in measured:
        others = "".join(f"; {name} took {took:,.1f} s for the passages" for name, took in one.built.items())
        parts += [
            f"\n{one.passages:,} passages, {one.megabytes:,.1f} MB of Markdown: indexed in {one.indexed:,.1f} s "
            f"({one.megabytes / one.indexed:.2f} MB/s){others}\n",
            "| | p50, ms | p95, ms | of the processor, p50 | of plain FTS5's ten best |\n|---|---|---|---|---|",
            *(
                f"| {row.name} | {row.p50:.1f} | {row.p95:.1f} | {row.processor:.1f} | {row.agrees:.0%} |"
                for row in one.rows
            ),
        ]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-others", action="store_true")
    parser.add_argument(
        "--keep", type=Path, help="a folder for texts and index, used again where they are there"
    )
    given = parser.parse_args()
    others = () if given.without_others else OTHERS
    versions = ", ".join(f"{name} {peers.version(PINNED, name)}" for name in others)
    print(f"{given.questions} questions, {given.rounds} rounds{': ' if versions else ''}{versions}")
    for passages in given.passages:
        print(
            text([asyncio.run(measure(passages, given.questions, given.rounds, others, given.keep))]),
            flush=True,
        )


if __name__ == "__main__":
    main()
