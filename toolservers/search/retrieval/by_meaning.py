"""The leg by meaning: the passages whose vectors are nearest to the question's."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from anyio.to_thread import run_sync

from toolservers.search.embedding.port import Embedder, TextsRefused
from toolservers.search.retrieval.by_words import expression
from toolservers.search.retrieval.filtering import condition
from toolservers.search.retrieval.legs import Leg, Ranked
from toolservers.search.retrieval.query import Query
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import Model
from toolward.errors import ToolwardError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolservers.search.retrieval.nearest import Nearest

MAX_QUESTION = 2_000
"""Characters of a question that are embedded: what it asks stands there, or nowhere."""

REST = 10.0
"""Seconds for which a model that did not answer is not asked again."""

_REMEMBERED = 256  # questions, for the pages of their results


class Asked(NamedTuple):
    leg: Leg | None
    """For this one question, with the vectors of one model."""
    reason: str
    """Why there is none, a sentence for the asker; empty where there is one, and where nothing was asked."""


@dataclass(slots=True)
class ByMeaning:
    """A `Leg`. Empty where another model serves by now: vectors of two models are never compared."""

    nearest: "Nearest"
    model: Model
    question: "NDArray[np.float32]"
    name: str = "meaning"

    def ranked(self, reader: Reader, query: Query, limit: int) -> Sequence[Ranked]:
        if reader.serving() != self.model:
            return ()
        return self.nearest.ranked(reader, self.model, self.question, _narrowed(query), limit)


class Meaning:
    """One for an index file; holds the bits of its vectors in memory."""

    def __init__(
        self,
        file: IndexFile,
        embedder: Embedder | None,
        reason: str = "",
        named: Callable[[str], Embedder | None] = lambda name: None,
    ) -> None:
        """`embedder` and `reason` as `choosing.chosen` gives them. `named` gives the embedder of another model's
        name, which is asked as long as that model serves."""
        self._file = file
        self._embedder = embedder
        self._reason = reason
        self._named = named
        self._others: dict[str, Embedder | None] = {}
        self._nearest: Nearest | None = None
        self._questions: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()
        self._rest_until = 0.0  # monotonic seconds
        self._trouble = ""

    async def leg(self, text: str) -> Asked:
        """The question is embedded here, outside of any transaction. A model that does not answer is a reason, and
        is not asked again for some seconds. Raises what reading the index does."""
        text = text.strip()[:MAX_QUESTION]
        if self._embedder is None or not text:
            return Asked(None, self._reason if text else "")
        serving, reason = await run_sync(self._serving)
        if serving is None:
            return Asked(None, reason)
        embedder = self._of(serving.name)
        if embedder is None:
            return Asked(
                None,
                f"The index was embedded by another model, {serving.name}, which cannot be asked any more; "
                f"it is being embedded again by {self._embedder.name}. Until then it is searched by words only.",
            )
        question = await self._question(embedder, text)
        if isinstance(question, str):
            return Asked(None, question)
        if question.shape[0] != serving.dimensions:
            return Asked(
                None, f"{serving.name} gives other vectors than it did for the index: by words only."
            )
        return Asked(ByMeaning(await self._near(), serving, question), "")

    async def close(self) -> None:
        """Closes the embedders, its own and those that were asked for by name."""
        for embedder in (self._embedder, *self._others.values()):
            if embedder is not None:
                await embedder.close()

    def _serving(self) -> tuple[Model | None, str]:
        with self._file.reading() as reader:
            models = {model.state: model for model in reader.models()}
            if serving := models.get("serving"):
                return serving, ""
            building = models.get("building")
            done = reader.embedded(building.key) if building else 0
            return None, (
                f"The documents are being prepared for search by meaning ({done} of "
                f"{reader.counts()['passages']} passages so far); until then they are searched by words only."
            )

    def _of(self, name: str) -> Embedder | None:
        if self._embedder is not None and self._embedder.name == name:
            return self._embedder
        if name not in self._others:
            self._others[name] = self._named(name)
        return self._others[name]

    async def _question(self, embedder: Embedder, text: str) -> "NDArray[np.float32] | str":
        """Its vector, or why there is none."""
        key = (embedder.name, text)
        if key in self._questions:
            self._questions.move_to_end(key)
            return self._questions[key]
        if time.monotonic() < self._rest_until:
            return self._trouble
        try:
            found = (await embedder.question(text))[0]
        except TextsRefused as error:  # another question may be answered
            return f"This was searched by words only: {error.message}"
        except ToolwardError as error:
            self._rest_until = time.monotonic() + REST
            self._trouble = (
                f"The embedding model did not answer, so this was searched by words only: {error.message}"
            )
            return self._trouble
        self._questions[key] = found
        while len(self._questions) > _REMEMBERED:
            self._questions.popitem(last=False)
        return found

    async def _near(self) -> "Nearest":
        if self._nearest is None:
            self._nearest = await run_sync(_nearest)
        return self._nearest


def _narrowed(query: Query) -> tuple[str, list[str]]:
    """On `passages p` and their `documents d`: the filters, the phrases that must stand in a passage, the words
    that must not. `1` where nothing is narrowed."""
    sql, values = condition(query.filters)
    parts, wanted = [sql], expression(query)
    for sign, match in (("IN", wanted.all), ("NOT IN", wanted.none)):
        if match:
            parts.append(f"p.key {sign} (SELECT rowid FROM words WHERE words MATCH ?)")  # noqa: S608 -- a sign of ours
            values.append(match)
    narrowing = [part for part in parts if part != "1"]
    return " AND ".join(narrowing) or "1", values


def _nearest() -> "Nearest":
    """numpy is imported here: in a thread, and where there are vectors."""
    from toolservers.search.embedding.one_thread import use_one_thread

    use_one_thread()
    from toolservers.search.retrieval.nearest import Nearest

    return Nearest()
