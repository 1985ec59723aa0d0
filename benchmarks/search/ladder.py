"""Search by words put together step by step, over the texts of an index, to see what each step is worth.

The steps are SQLite's FTS5 alone; the last of them has all that `retrieval.by_words` has, but for identifiers,
phrases and what else is understood of a question.
"""

import re
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from toolservers.search.evaluation.judging import Search
from toolservers.search.evaluation.metrics import DEPTH
from toolservers.search.retrieval.by_words import BODY_WEIGHT, HEADING_WEIGHT, TITLE_WEIGHT
from toolservers.search.retrieval.stop_words import STOP_WORDS
from toolservers.search.storage.file import IndexFile

_PASSAGES = 200
"""That are looked at for the first DEPTH documents."""


@dataclass(frozen=True)
class Step:
    name: str
    stop_words: bool = True
    stemming: bool = True
    passages: bool = True
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of a word in the title, in a heading, in the text."""


STEPS = (
    Step("FTS5: any word, whole documents", stop_words=False, stemming=False, passages=False),
    Step("+ stop words left out", stemming=False, passages=False),
    Step("+ stemming (Porter)", passages=False),
    Step("+ passages, with their headings"),
    Step("+ weights of title and heading", weights=(TITLE_WEIGHT, HEADING_WEIGHT, BODY_WEIGHT)),
)

Row = tuple[str, str, str, str]
"""The document's id, title, heading, text."""


def rows(file: IndexFile, *, passages: bool) -> list[Row]:
    found: list[Row] = []
    with file.reading() as reader:
        for document in reader.documents():
            text = reader.text(document.key)
            parts = [(one.heading, one.start, one.end) for one in reader.passages_of(document.key)]
            kept = parts if passages else [("", 0, len(text))]
            found += [(document.id, document.title, heading, text[start:end]) for heading, start, end in kept]
    return found


class Ladder:
    def __init__(self, step: Step, texts: Sequence[Row]) -> None:
        self._step = step
        self._database: Any = apsw.Connection(":memory:")
        tokenizer = (
            "porter unicode61 remove_diacritics 2" if step.stemming else "unicode61 remove_diacritics 2"
        )
        self._database.execute(
            f"CREATE VIRTUAL TABLE texts USING fts5 (id UNINDEXED, title, heading, body, tokenize = '{tokenizer}')"
        )
        with self._database:
            self._database.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)", texts)

    async def search(self, question: str) -> list[str]:
        words = dict.fromkeys(re.findall(r"\w+", question.casefold()))
        kept = [word for word in words if not (self._step.stop_words and word in STOP_WORDS)]
        if not kept:
            return []
        match = " OR ".join(f'"{word}"' for word in kept)
        found = self._database.execute(
            "SELECT id FROM texts WHERE texts MATCH ? ORDER BY bm25(texts, 0, ?, ?, ?), rowid LIMIT ?",
            (match, *self._step.weights, _PASSAGES),
        )
        return list(dict.fromkeys(row[0] for row in found))[:DEPTH]

    def close(self) -> None:
        self._database.close()


@contextmanager
def ladder(file: IndexFile) -> Generator[dict[str, Search]]:
    """A search for each step, by its name."""
    texts = {passages: rows(file, passages=passages) for passages in (False, True)}
    with ExitStack() as stack:
        made = {step.name: Ladder(step, texts[step.passages]) for step in STEPS}
        for one in made.values():
            stack.callback(one.close)
        yield {name: one.search for name, one in made.items()}
