"""Questions put to a search, and what came back, measured."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from toolservers.search.evaluation.labels import Question
from toolservers.search.evaluation.metrics import DEPTH, Interval, interval, ndcg, recall, reciprocal_rank
from toolservers.search.retrieval.legs import Ranked
from toolservers.search.retrieval.query import Query
from toolservers.search.retrieval.searching import Asked, ByMeaning, Searching
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader

Search = Callable[[str], Awaitable[Sequence[str]]]
"""From a question to the ids of documents, the best first."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One question with its answer. The measures are 0 where it has no relevant document."""

    question: Question
    ranking: tuple[str, ...]
    ndcg: float
    recall: float
    reciprocal_rank: float
    is_misled: bool
    """A misleading document stands before every one that answers."""


@dataclass(frozen=True, slots=True)
class Measures:
    """`count` questions with an answer; of `warned` ones that have something misleading, `misled` found that
    first; `unanswerable` ones, of which `nothing` rightly found nothing."""

    count: int
    ndcg: Interval
    recall: Interval
    reciprocal_rank: Interval
    warned: int = 0
    misled: int = 0
    unanswerable: int = 0
    nothing: int = 0


async def judged(search: Search, questions: Sequence[Question]) -> list[Judged]:
    """One after the other. Raises what `search` does."""
    return [judge(one, await search(one.question)) for one in questions]


def judge(question: Question, ranking: Sequence[str]) -> Judged:
    ranking, grades = tuple(ranking), question.grades
    if not grades:
        return Judged(question, ranking, 0, 0, 0, False)
    best = max(grades.values())
    answers = {document for document, grade in grades.items() if grade == best}
    first = next(
        (document for document in ranking if document in answers or document in question.misleading), ""
    )
    return Judged(
        question,
        ranking,
        ndcg(ranking, grades),
        recall(ranking, grades),
        reciprocal_rank(ranking, grades),
        first in question.misleading,
    )


def measures(found: Sequence[Judged]) -> Measures:
    """Raises ValueError where no question has an answer."""
    answerable = [one for one in found if one.question.relevant]
    others = [one for one in found if not one.question.relevant]
    return Measures(
        len(answerable),
        interval([one.ndcg for one in answerable]),
        interval([one.recall for one in answerable]),
        interval([one.reciprocal_rank for one in answerable]),
        sum(bool(one.question.misleading) for one in answerable),
        sum(one.is_misled for one in answerable),
        len(others),
        sum(not one.ranking for one in others),
    )


def by_kind(found: Sequence[Judged]) -> dict[str, Measures]:
    """Kinds that have an answer, in the order in which they come."""
    kinds = dict.fromkeys(one.question.kind for one in found if one.question.relevant)
    return {kind: measures([one for one in found if one.question.kind == kind]) for kind in kinds}


def ways(file: IndexFile, meaning: ByMeaning | None) -> dict[str, Search]:
    """One index, searched by words, by meaning, and by both as the tools do."""
    found = {"words": asking(Searching(file))}
    if meaning is not None:
        found["meaning"] = asking(Searching(file, meaning, words=_NoLeg()))
        found["both"] = asking(Searching(file, meaning))
    return found


def asking(searching: Searching, depth: int = DEPTH) -> Search:
    """The search as the tools use it, its first `depth` documents."""

    async def search(question: str) -> list[str]:
        answer = await searching.search(Asked(question, limit=depth))
        return [result.document.id for result in answer.results]

    return search


class _NoLeg:
    name = "none"

    def ranked(self, reader: Reader, query: Query, limit: int) -> Sequence[Ranked]:
        return ()
