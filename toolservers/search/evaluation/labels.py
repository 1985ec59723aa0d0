"""Questions whose relevant documents are known: a JSON object a line.

    {"id": "q001", "kind": "plain", "question": "How long is the warranty?",
     "relevant": [{"document": "warranty", "grade": 3, "quote": "24 months from delivery"}],
     "misleading": ["archive/guarantee-2024"]}

Grades: 3 it answers the question, or one part of it in full; 2 it answers some of it, or repeats the answer; 1 it
touches the subject. `quote` stands in the document (blanks apart) and shows why. `misleading` are documents that
look like the answer and are outdated, a proposal, or of another case. A question without relevant documents has no
answer in the corpus.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from toolward.errors import ConfigurationError

BUNDLED = Path(__file__).parent / "questions.jsonl"

LARGEST = 20_000_000
"""Bytes of a file of questions."""

Kind = Literal["plain", "paraphrase", "identifier", "multi-document", "outdated-vs-current", "unanswerable"]
"""`paraphrase`: in other words than the document's. `outdated-vs-current`: two documents say different things, and
one of them is right."""


class Relevant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document: str
    grade: Annotated[int, msgspec.Meta(ge=1, le=10)]
    quote: str = ""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    question: Annotated[str, msgspec.Meta(min_length=1)]
    relevant: tuple[Relevant, ...] = ()
    misleading: tuple[str, ...] = ()
    kind: Kind = "plain"

    @property
    def grades(self) -> dict[str, int]:
        return {one.document: one.grade for one in self.relevant}


def questions(path: Path = BUNDLED) -> tuple[Question, ...]:
    """Raises ConfigurationError that names the file, the line and what is wrong there."""
    found = [
        _question(path, number, line) for number, line in enumerate(_lines(path), start=1) if line.strip()
    ]
    if not found:
        raise ConfigurationError(f"{path} has no question.", hint="It is JSON, one object a line.")
    twice = [name for name, times in Counter(one.id for one in found).items() if times > 1]
    if twice:
        raise ConfigurationError(f"{path}: two questions have the id {twice[0]!r}.", hint="Name each once.")
    return tuple(found)


def _lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The questions {path} cannot be read: {error.strerror}.", hint="Give a file of JSON lines."
        ) from None
    if len(data) > LARGEST:
        raise ConfigurationError(f"{path} has more than {LARGEST:,} bytes.", hint="Split it.")
    return data.splitlines()


def _question(path: Path, number: int, line: bytes) -> Question:
    try:
        one = msgspec.json.decode(line, type=Question)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path}, line {number}: {error}.",
            hint='A line is like {"id": "q1", "question": "…", "relevant": [{"document": "…", "grade": 3}]}.',
        ) from None
    if bool(one.relevant) == (one.kind == "unanswerable") or len(one.grades) < len(one.relevant):
        raise ConfigurationError(
            f"{path}, line {number}: {one.id} names a document twice, or none without being `unanswerable`.",
            hint="Each relevant document stands there once; a question without any has kind: unanswerable.",
        )
    return one
