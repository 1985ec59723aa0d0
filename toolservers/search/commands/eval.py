"""`toolserver search eval`: how well questions find their documents, by words, by meaning, and by both."""

import asyncio
import sys
from argparse import ArgumentTypeError
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from anyio.to_thread import run_sync

from toolservers.search.commands.asked import Asked, asked, embedder, existing, parser
from toolservers.search.commands.progress import ProgressBar
from toolservers.search.commands.saying import one_line
from toolservers.search.embedding.catching_up import CatchingUp
from toolservers.search.embedding.port import Embedder
from toolservers.search.evaluation.indexing import indexed
from toolservers.search.evaluation.judging import Judged, Measures, by_kind, judged, measures, ways
from toolservers.search.evaluation.labels import BUNDLED as BUNDLED_QUESTIONS
from toolservers.search.evaluation.labels import Question, questions
from toolservers.search.retrieval.by_meaning import Meaning
from toolservers.search.settings import BUNDLED as BUNDLED_DOCUMENTS
from toolservers.search.storage.file import IndexFile
from toolward.errors import ConfigurationError

EXAMPLES = """examples:
  toolserver search eval                                        the bundled documents and questions
  toolserver search eval ./handbook --questions asked.jsonl --misses 10
  toolserver search eval --index team.db --questions asked.jsonl --json

Without --index, PATH is read into an index of its own, which is gone afterwards. A question is a line of JSON:
  {"id": "q1", "question": "How long is the warranty?", "relevant": [{"document": "warranty", "grade": 3}]}

Each measure is a mean over the questions that have an answer, from 0 to 1, with the range in which it lies at 95 %.
`misled`: of the questions that name misleading documents, those that found such a one first. `nothing`: of the
questions without an answer, those that rightly found nothing.

Exit codes: 0 done, 1 refused, 2 usage, 130 stopped."""

_SHOWN = 10  # documents that are named
_FOUND = 5


@dataclass(frozen=True)
class Answered:
    """One question, as `--json` prints it."""

    id: str
    ndcg: float
    recall: float
    reciprocal_rank: float
    misled: bool
    found: Sequence[str]


@dataclass(frozen=True)
class Way:
    whole: Measures
    kinds: Mapping[str, Measures]
    questions: Sequence[Answered]


@dataclass(frozen=True)
class Done:
    """What `--json` prints. An interval is [mean, low, high]."""

    documents: int
    questions: int
    missing: Sequence[str]
    """Documents that labels name and the index has not."""
    meaning: str
    """Why nothing was searched by meaning; empty where it was."""
    ways: Mapping[str, Way]


def main(arguments: list[str]) -> int:
    made = parser("eval", __doc__, EXAMPLES)
    made.add_argument("--questions", metavar="FILE", type=Path, help="JSON lines; default: the bundled ones")
    made.add_argument(
        "--misses", metavar="N", type=_number, default=0, help="show the N questions that found least"
    )
    options = made.parse_args(arguments)
    wanted = asked(options)
    labelled = _questions(wanted, options.questions)
    try:
        done, found = asyncio.run(_measured(wanted, labelled))
    except KeyboardInterrupt:
        print("\nStopped; nothing is left behind.", file=sys.stderr)
        return 130
    if options.json:
        print(msgspec.json.encode(done).decode())
        return 0
    print("\n".join([*_said(done), *_missed(list(found.values())[-1], options.misses)]))
    return 0


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text[:9])


def _questions(wanted: Asked, path: Path | None) -> tuple[Question, ...]:
    is_bundled = wanted.settings.folder == BUNDLED_DOCUMENTS and not wanted.settings.index
    if path is None and not is_bundled:
        raise ConfigurationError(
            "The bundled questions are about the bundled documents.", hint="Name yours: --questions FILE"
        )
    return questions(path or BUNDLED_QUESTIONS)


async def _measured(wanted: Asked, labelled: Sequence[Question]) -> tuple[Done, dict[str, list[Judged]]]:
    async with _opened(wanted) as (file, meaning, reason):
        ids = await run_sync(_ids, file)
        missing = sorted({one.document for question in labelled for one in question.relevant} - ids)
        if not any(question.grades.keys() & ids for question in labelled):
            raise ConfigurationError(
                "The index has none of the documents that the questions name.",
                hint=f"They name {missing[0]!r}; it has {min(ids)!r}." if ids and missing else "",
            )
        found = {name: await judged(search, labelled) for name, search in ways(file, meaning).items()}
    done = {
        name: Way(measures(each), by_kind(each), [_answered(one) for one in each])
        for name, each in found.items()
    }
    return Done(len(ids), len(labelled), missing, reason, done), found


@asynccontextmanager
async def _opened(wanted: Asked) -> AsyncGenerator[tuple[IndexFile, Meaning | None, str]]:
    """The index, what searches it by meaning, and why nothing does."""
    model = embedder(wanted.settings)
    async with _index(wanted, model.embedder) as file:
        meaning = Meaning(file, model.embedder, model.reason)
        try:
            tried = await meaning.leg("a question")
            yield file, meaning if tried.leg is not None else None, tried.reason
        finally:
            await meaning.close()


@asynccontextmanager
async def _index(wanted: Asked, model: Embedder | None) -> AsyncGenerator[IndexFile]:
    if wanted.settings.index:
        file = await run_sync(existing, wanted.index)
        try:
            yield file
        finally:
            await run_sync(file.close)
        return
    bar = ProgressBar(about="reading")
    async with indexed(list(wanted.given.values()), told=bar) as made:
        bar.end()
        if model is not None:
            print(f"The passages are embedded by {model.name}; that takes longest.", file=sys.stderr)
            await CatchingUp(made.file, model).catch_up()
        yield made.file


def _ids(file: IndexFile) -> set[str]:
    with file.reading() as reader:
        return set(reader.ids())


def _answered(one: Judged) -> Answered:
    return Answered(one.question.id, one.ndcg, one.recall, one.reciprocal_rank, one.is_misled, one.ranking)


# --- as sentences and tables ----------------------------------------------------------------------------


def _said(done: Done) -> list[str]:
    lines = [f"{done.documents:,} documents, {done.questions:,} questions"]
    if done.missing:
        named = ", ".join(done.missing[:_SHOWN])
        more = f" and {len(done.missing) - _SHOWN:,} more" if len(done.missing) > _SHOWN else ""
        lines.append(f"not in the index, and so never found: {named}{more}")
    lines += [done.meaning] if done.meaning else []
    rows = [["", "nDCG@10", "recall@10", "MRR@10", "misled", "nothing"]]
    for name, way in done.ways.items():
        one = way.whole
        counts = [f"{one.misled} of {one.warned}", f"{one.nothing} of {one.unanswerable}"]
        rows.append([name, str(one.ndcg), str(one.recall), str(one.reciprocal_rank), *counts])
    lines += ["", *_table(rows), ""]
    kinds = next(iter(done.ways.values())).kinds
    rows = [["nDCG@10", "questions", *done.ways]]
    for kind, first in kinds.items():
        rows.append([kind, str(first.count), *(str(way.kinds[kind].ndcg) for way in done.ways.values())])
    return [*lines, *_table(rows)]


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _missed(found: Sequence[Judged], count: int) -> list[str]:
    """The questions that found least, with what was found first and what should have been."""
    worst = sorted((one for one in found if one.question.relevant), key=lambda one: one.ndcg)[:count]
    lines = [""] if worst else []
    for one in worst:
        grades = sorted(one.question.grades.items(), key=lambda label: -label[1])
        lines += [
            f"{one.ndcg:.2f}  {one.question.id} ({one.question.kind}): {one_line(one.question.question)}",
            f"      should find {', '.join(f'{document} ({grade})' for document, grade in grades)}",
            f"      found {', '.join(one.ranking[:_FOUND]) or 'nothing'}",
        ]
    return lines
