"""The passages nearest to a vector: by the bits of all, held in memory, and then the best by their vectors.

A bit for each dimension, its sign, leaves 48 bytes of 384 numbers. How many bits differ from the question leaves
some thousands; of those the numbers of the question, summed where a bit is set, leave some hundreds, which are read
from the file and compared exactly."""

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolservers.search.embedding.vectors import code, unpacked
from toolservers.search.retrieval.legs import Ranked
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import Model

ROUGH = 1_000, 4_000
"""Passages that are left by the differing bits: a twentieth of all, at least and at most."""

CANDIDATES = 200, 400
"""Passages that are compared exactly: one in 200 of all, at least and at most."""

_CALM = 20  # all bits are read again at most a 20th of the time
_WORD = 8  # bytes

Narrowed = tuple[str, list[str]]
"""SQL about `passages p` and their `documents d`, and its values; `1` where all may be found."""


class _Held(NamedTuple):
    """The bits of one model's vectors, as of one generation or later."""

    model: Model
    """All of it: the key of one that is gone may be another's by now."""
    generation: int
    keys: NDArray[np.int64]
    """Of passages, ascending."""
    columns: NDArray[np.uint64]
    """(words of a code, passages): each column is gone through from end to end."""

    def among(self, keys: NDArray[np.int64]) -> "_Held":
        mask = np.isin(self.keys, keys, assume_unique=True)
        return self._replace(keys=self.keys[mask], columns=self.columns[:, mask])

    def likeliest(self, question: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Keys of the `count` that are nearest as far as bits tell, in no order."""
        if self.keys.size <= count:
            return self.keys
        left = max(_within(ROUGH, self.keys.size // 20), 4 * count)
        rough = _smallest(_distances(self.columns, question), left)
        bytes_ = np.ascontiguousarray(self.columns[:, rough].T).view(np.uint8)
        bits = np.unpackbits(bytes_, axis=1, count=question.size)
        return self.keys[rough[_smallest(-(bits.astype(np.float32) @ question), count)]]


class Nearest:
    """Of one index file; safe to use from several threads. Holds one model's bits: 10 MB for 200,000 passages."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: _Held | None = None
        self._whole_again = 0.0  # monotonic seconds before which all is not read again
        self._behind = False  # whether it should be

    def ranked(
        self, reader: Reader, model: Model, question: NDArray[np.float32], narrowed: Narrowed, limit: int
    ) -> list[Ranked]:
        """By cosine, the best first; `question` is of length 1."""
        held = self._current(reader, model)
        count = max(_within(CANDIDATES, held.keys.size // 200), 2 * limit)
        keys = held.likeliest(question, count)
        if narrowed[0] != "1":
            keys = _array(reader.passages_where(*narrowed, keys.tolist()))
            if keys.size < limit and held.keys.size > count:  # the condition is narrow: what it leaves is few
                allowed = _array(reader.passages_where(*narrowed))
                keys = held.among(allowed).likeliest(question, count)
        return _exactly(reader, model, question, keys, limit)

    def _current(self, reader: Reader, model: Model) -> _Held:
        with self._guard:
            held, generation = self._held, reader.generation
            if held is None or held.model != model:
                held = self._read_whole(reader, model, generation)
            elif held.generation < generation or (self._behind and self._may_read_whole()):
                held = self._brought_up(held, reader, model, generation)
            self._held = held
            return held

    def _brought_up(self, held: _Held, reader: Reader, model: Model, generation: int) -> _Held:
        """New passages have greater keys, so that they are appended. Those that are gone are found to be gone when
        their vectors are asked for; all is read again now and then, which also finds what was embedded late: at
        the latest for the first question behind the time in which it is not."""
        last = int(held.keys[-1]) if held.keys.size else 0
        new = _columns(reader.codes(model.key, after=last), model.dimensions)
        keys = np.concatenate([held.keys, new[0]])
        self._behind = reader.embedded_keys(model.key) != (keys.size, int(keys.sum()))
        if self._behind and self._may_read_whole():
            return self._read_whole(reader, model, generation)
        columns = np.concatenate([held.columns, new[1]], axis=1) if new[0].size else held.columns
        return _Held(model, generation, keys, columns)

    def _may_read_whole(self) -> bool:
        return time.monotonic() >= self._whole_again

    def _read_whole(self, reader: Reader, model: Model, generation: int) -> _Held:
        began = time.monotonic()
        keys, columns = _columns(reader.codes(model.key), model.dimensions)
        ended = time.monotonic()
        self._whole_again = ended + _CALM * (ended - began)
        self._behind = False
        return _Held(model, generation, keys, columns)


def _columns(
    rows: Iterable[tuple[int, bytes]], dimensions: int
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Keys and columns, as `_Held` has them."""
    found = list(rows)
    size = (dimensions + 7) // 8
    words = -(-size // _WORD)
    codes = np.zeros((len(found), words * _WORD), np.uint8)
    bits = np.frombuffer(b"".join(row[1] for row in found), np.uint8).reshape(len(found), size)
    codes[:, :size] = bits
    return _array([row[0] for row in found]), np.ascontiguousarray(codes.view(np.uint64).T)


def _distances(columns: NDArray[np.uint64], question: NDArray[np.float32]) -> NDArray[np.uint16]:
    """How many bits differ."""
    bits = np.zeros(columns.shape[0] * _WORD, np.uint8)
    asked = code(question)
    bits[: asked.size] = asked
    distances = np.zeros(columns.shape[1], np.uint16)
    for column, word in zip(columns, bits.view(np.uint64), strict=True):
        distances += np.bitwise_count(column ^ word)
    return distances


def _within(bounds: tuple[int, int], count: int) -> int:
    least, most = bounds
    return max(least, min(count, most))


def _smallest(distances: NDArray[np.uint16] | NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the `count` smallest, in no order."""
    if distances.size <= count:
        return np.arange(distances.size)
    return np.argpartition(distances, count)[:count]


def _exactly(
    reader: Reader, model: Model, question: NDArray[np.float32], keys: NDArray[np.int64], limit: int
) -> list[Ranked]:
    found = reader.vectors(model.key, keys.tolist())
    cosines = unpacked(list(found.values()), model.dimensions) @ question
    ranked = [Ranked(key, float(cosine)) for key, cosine in zip(found, cosines, strict=True)]
    return sorted(ranked, key=lambda each: (-each.score, each.passage))[:limit]


def _array(keys: list[int]) -> NDArray[np.int64]:
    return np.array(keys, np.int64)
