"""The labelled questions: each label says why, and the words that it gives stand in the document."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.data.knowledge_files.making import KNOWLEDGE
from toolservers.documents.opening import extract
from toolservers.search.evaluation.judging import by_kind, judge, judged, measures
from toolservers.search.evaluation.labels import Question, Relevant, questions
from toolward.errors import ConfigurationError

QUESTIONS = questions()


@cache
def text(document: str) -> str:
    """With single blanks. A document's id is its path, without `.md`."""
    path = KNOWLEDGE / document
    path = path if path.is_file() else KNOWLEDGE / f"{document}.md"
    return " ".join(extract(path.read_bytes(), path.name).text.split())


def test_there_are_120_questions_of_every_kind() -> None:
    kinds = Counter(one.kind for one in QUESTIONS)
    assert (len(QUESTIONS), len(kinds), min(kinds.values())) == (120, 6, 10)
    assert len({one.question for one in QUESTIONS}) == len(QUESTIONS)


def test_what_a_label_quotes_stands_in_its_document() -> None:
    wrong = [
        (one.id, label.document, label.quote)
        for one in QUESTIONS
        for label in one.relevant
        if not label.quote or " ".join(label.quote.split()) not in text(label.document)
    ]
    assert wrong == []


def test_what_misleads_is_there_and_is_not_relevant() -> None:
    for one in QUESTIONS:
        assert all(text(document) for document in one.misleading)
        relevant = {label.document for label in one.relevant if label.grade > 1}
        assert relevant.isdisjoint(one.misleading), one.id


def test_every_question_with_an_answer_has_a_document_that_gives_it() -> None:
    assert [one.id for one in QUESTIONS if one.relevant and max(one.grades.values()) < 3] == []


# --- judging --------------------------------------------------------------------------------------------

ASKED = Question("q", "when?", (Relevant("new", 3), Relevant("near", 1)), ("old",), "outdated-vs-current")


@pytest.mark.parametrize(
    ("ranking", "is_misled"),
    [
        ("new old", False),
        ("old new", True),
        ("near old new", True),  # it touches the subject, and answers nothing
        ("near new old", False),
        ("old", True),
        ("other", False),
        ("", False),
    ],
)
def test_what_is_outdated_misleads_where_it_comes_first(ranking: str, is_misled: bool) -> None:
    assert judge(ASKED, ranking.split()).is_misled == is_misled


async def test_a_search_is_measured_as_a_whole_and_by_kind() -> None:
    asked = [ASKED, Question("r", "who?", (Relevant("b", 3),)), Question("s", "why?", kind="unanswerable")]
    answers = {"when?": ["old", "new"], "who?": ["b"], "why?": list[str]()}

    async def search(question: str) -> list[str]:
        return answers[question]

    found = await judged(search, asked)
    whole = measures(found)
    assert (whole.count, whole.warned, whole.misled, whole.unanswerable, whole.nothing) == (2, 1, 1, 1, 1)
    assert whole.reciprocal_rank.mean == 0.75
    assert {kind: part.recall.mean for kind, part in by_kind(found).items()} == {
        "outdated-vs-current": 0.5,
        "plain": 1.0,
    }


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no question"),
        (b'{"id": "a", "question": "x"', "line 1: Input data was truncated"),
        (b'\n{"id": "a", "question": "x", "relevent": []}', "line 2: .*`relevent`"),
        (b'{"id": "a", "question": "x"}', "a names a document twice, or none"),
        (b'{"id": "a", "question": "x", "kind": "unanswerable"}\n' * 2, "two questions have the id 'a'"),
        (b'{"id": "a", "question": "\xff"}', "line 1: "),
    ],
)
def test_a_file_of_questions_that_is_wrong_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        questions(path)


def test_questions_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        questions(tmp_path / "none.jsonl")
