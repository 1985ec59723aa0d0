"""What is asked in turn: our search, whole and by legs, FTS5 as one would write it first, and other people's."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import peers
from benchmarks.search.texts import Made
from toolservers.search.embedding.vectors import packed
from toolservers.search.retrieval import by_words
from toolservers.search.retrieval import searching as searched
from toolservers.search.retrieval.by_meaning import Meaning
from toolservers.search.retrieval.by_words import ByWords
from toolservers.search.retrieval.searching import Searching
from toolservers.search.retrieval.understanding import understood
from toolservers.search.storage.file import IndexFile

BEST = 10
PLAIN = "plain FTS5, any word, 10 passages"
"""Scores every passage that has any of the words: what the others are compared with."""
PINNED = Path(__file__).parent / "peers" / "lexical.txt"
OTHERS = ("tantivy", "bm25s")


class Asked(NamedTuple):
    took: float
    """Milliseconds from the question to the answer."""
    processor: float
    """Milliseconds of the processor, all threads: what is left of it when others use the machine, too."""
    best: list[int]
    """Keys of passages, the best first."""


Ask = Callable[[str], Awaitable[Asked]]


class Vectors:
    """An `Embedder` without a model: a passage lies near its document's subject, and a question near one of them.
    What a real model takes for a question is not in the figures."""

    name = "made"
    dimensions = 384

    def __init__(self, subjects: int) -> None:
        self._draw = np.random.default_rng(1)
        self._centres = self._draw.standard_normal((subjects, self.dimensions), np.float32)

    def near(self, subjects: Sequence[int]) -> NDArray[np.float32]:
        noise = self._draw.standard_normal((len(subjects), self.dimensions), np.float32)
        found = self._centres[list(subjects)] + noise
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError  # they are put into the index at once

    async def question(self, text: str) -> NDArray[np.float32]:
        return self.near([len(text) % len(self._centres)])

    async def close(self) -> None: ...


def embed(file: IndexFile, made: Mapping[str, Made], vectors: Vectors) -> None:
    """A vector for each passage; `made` by the documents' ids."""
    with file.reading() as reader:
        subjects = {row.key: made[row.id].subject for row in reader.documents()}
    with file.writing() as writer:
        model = writer.build_model(vectors.name, vectors.dimensions)
    while True:
        with file.writing() as writer:
            rows = writer.without_vector(model, 5_000)
            if not rows:
                writer.serve_model(model)
                return
            near = vectors.near([subjects[row.document] for row in rows])
            each = [(row.key, packed(one)) for row, one in zip(rows, near, strict=True)]
            writer.put_vectors(model, [(key, one.vector, one.code) for key, one in each])


def ours(file: IndexFile, vectors: Vectors) -> dict[str, Ask]:
    """The whole search, from the question to ten results with snippets, and its legs."""

    def whole(searching: Searching) -> Ask:
        async def ask(question: str) -> list[int]:
            found = await searching.search(searched.Asked(question, limit=BEST))
            return [result.passage.key for result in found.results]

        return _timed(ask)

    async def leg(question: str) -> list[int]:
        with file.reading() as reader:
            found = ByWords().ranked(reader, understood(question), 100)
        return [each.passage for each in found[:BEST]]

    async def plain(question: str) -> list[int]:
        wanted = " OR ".join(f'"{word}"' for word in question.split())
        weights = (by_words.TITLE_WEIGHT, by_words.HEADING_WEIGHT, by_words.BODY_WEIGHT)
        with file.reading() as reader:
            rows = reader.connection.execute(
                "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, ?, ?, ?), rowid LIMIT ?",
                (wanted, *weights, BEST),
            )
            return [row[0] for row in rows]

    return {
        "Toolward, hybrid": whole(Searching(file, Meaning(file, vectors))),
        "Toolward, words alone": whole(Searching(file)),
        "its leg by words, 100 passages": _timed(leg),
        PLAIN: _timed(plain),
    }


def _timed(ask: Callable[[str], Awaitable[list[int]]]) -> Ask:
    async def timed(question: str) -> Asked:
        began, used = time.perf_counter(), time.process_time()
        found = await ask(question)
        return Asked((time.perf_counter() - began) * 1e3, (time.process_time() - used) * 1e3, found)

    return timed


@dataclass
class Other:
    """A program that answers a line with a line."""

    name: str
    built: float = 0.0
    """Seconds."""
    process: "subprocess.Popen[str] | None" = None

    async def ask(self, question: str) -> Asked:
        assert self.process is not None
        _pipe(self.process.stdin).write(f"{question}\n")
        _pipe(self.process.stdin).flush()
        return Asked(*json.loads(_pipe(self.process.stdout).readline()))


@asynccontextmanager
async def other(name: str, passages: Path) -> AsyncGenerator[Other]:
    """Started, with its index made. Raises CalledProcessError, and ValueError where it ends before that."""
    program = Path(__file__).parent / "peers" / "lexical.py"
    with tempfile.TemporaryDirectory(prefix=f"toolward-{name}-") as folder:
        process = subprocess.Popen(  # noqa: ASYNC220 -- once, before anything is measured
            [str(peers.install(PINNED)), str(program), name, str(passages), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            text=True,
        )
        try:
            yield Other(name, json.loads(_pipe(process.stdout).readline()), process)
        finally:
            with suppress(BrokenPipeError):
                _pipe(process.stdin).close()
            process.wait()
            _pipe(process.stdout).close()


def _pipe(of: IO[str] | None) -> IO[str]:
    assert of is not None
    return of
