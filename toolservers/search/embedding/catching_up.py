"""The index is brought up to the embedding model, behind whatever else goes on.

Passages that have no vector of it get one, in small transactions. A new model is built while the old one serves,
takes its place when it is complete, and the old vectors are removed then. One process of an index does this, the
one that has its lock."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from anyio.to_thread import run_sync

from toolservers.search.embedding.port import Embedder, TextsRefused
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolservers.search.storage.records import Model, PassageRow
from toolservers.search.storage.writing import Writer
from toolward.errors import ToolwardError, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 32
"""Passages that are embedded and written at once."""

DROPPED = 2_000
"""Vectors of an old model that are removed in one transaction."""

MAX_REFUSED = 1_000
"""Passages that the model may refuse before something must be wrong with it."""

POLL = 5.0
"""Seconds after which changes by other processes are looked for."""

FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
"""Seconds after a failure; doubled after each."""


class _Batch(NamedTuple):
    keys: list[int]
    texts: list[str]
    after: int
    """The key up to which the passages were gone through."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """How far the index is embedded; for `get_index_status`."""

    serving: str
    """The model that questions are compared by; empty for none yet."""
    building: str
    """The model that takes its place when it has all passages; empty where all is well."""
    embedded: int
    """Passages that have a vector of the model that is being built, else of the one that serves."""
    passages: int


def embedding(reader: Reader) -> Embedding:
    models = {model.state: model for model in reader.models()}
    serving, building = models.get("serving"), models.get("building")
    current = building or serving
    return Embedding(
        serving=serving.name if serving else "",
        building=building.name if building else "",
        embedded=reader.embedded(current.key) if current else 0,
        passages=reader.counts()["passages"],
    )


class CatchingUp:
    """A task runs `run()`; `look()` tells it that there may be new passages."""

    def __init__(
        self, file: IndexFile, embedder: Embedder, *, batch: int = BATCH, poll: float = POLL
    ) -> None:
        self._file = file
        self._embedder = embedder
        self._batch = batch
        self._poll = poll
        self._news = asyncio.Event()
        self._seen = -1  # the generation in which nothing was missing
        self._refused: set[int] = set()
        self.done = asyncio.Event()
        """Set while all passages that were seen have a vector, and the model serves."""
        self.failed = asyncio.Event()
        """Set while there is `trouble`."""
        self.trouble = ""
        """Why it cannot go on at the moment; empty while it can."""

    @property
    def refused(self) -> int:
        """Passages that the model refused: they are found by words only."""
        return len(self._refused)

    def look(self) -> None:
        self.done.clear()
        self._news.set()

    async def run(self) -> None:
        """Until it is cancelled. What fails is told in `trouble` and the log, and tried again."""
        wait = FIRST_WAIT
        while True:
            self._news.clear()
            try:
                await self.catch_up()
                self.trouble, wait = "", FIRST_WAIT
                self.failed.clear()
                await self._sleep(self._poll)
                continue
            except ToolwardError as error:
                if error.message != self.trouble:
                    log.warning("passages cannot be embedded at the moment: %s", error.text)
                self.trouble, least = error.message, error.retry_after or 0.0
            except Exception:  # search by words goes on, and so does this
                log.exception("passages cannot be embedded at the moment")
                self.trouble, least = "something is wrong with it; the server's log says what", 0.0
            self.failed.set()
            await self._sleep(min(max(wait, least), LONGEST_WAIT))
            wait = min(2 * wait, LONGEST_WAIT)

    async def catch_up(self) -> None:
        """Until nothing is missing. Raises what the embedder and the index do; what was done stays done."""
        await self._drop_old()
        while (generation := await run_sync(self._generation)) != self._seen:
            self.done.clear()
            if not await self._pass() and await self._write(self._serve):
                self._seen = generation
        self.done.set()
        await self._drop_old()

    async def _pass(self) -> bool:
        """Whether anything was missing."""
        after, found = 0, False
        while (batch := await run_sync(self._next, after)) is not None:
            after = batch.after
            if batch.keys:
                await self._embed(batch)
                found = True
        return found

    async def _embed(self, batch: _Batch) -> None:
        try:
            vectors = await self._embedder.passages(batch.texts)
        except TextsRefused as refused:
            if len(batch.keys) == 1:
                return self._set_aside(batch.keys[0], refused)
            for key, text in zip(batch.keys, batch.texts, strict=True):
                await self._embed(_Batch([key], [text], batch.after))
            return None
        await self._write(lambda writer: self._put(writer, batch.keys, vectors))
        return None

    def _set_aside(self, key: int, refused: TextsRefused) -> None:
        if len(self._refused) >= MAX_REFUSED:
            raise Unavailable(f"The embedding model refuses too many passages: {refused.message}")
        log.warning("passage %d is found by words only: %s", key, refused.message)
        self._refused.add(key)

    async def _drop_old(self) -> None:
        while await run_sync(self._has_old):
            await self._write(lambda writer: writer.drop_old_vectors(DROPPED))

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _write(self, change: Callable[[Writer], T]) -> T:
        def written() -> T:
            with self._file.writing() as writer:
                return change(writer)

        return await run_sync(written)

    # --- in a transaction -----------------------------------------------------------------------------

    def _generation(self) -> int:
        with self._file.reading() as reader:
            return reader.generation

    def _has_old(self) -> bool:
        with self._file.reading() as reader:
            return any(model.state == "old" for model in reader.models())

    def _model(self, reader: Reader) -> Model | None:
        """None before its first vectors."""
        mine = (model for model in reader.models() if model.name == self._embedder.name)
        return next((model for model in mine if model.state != "old"), None)

    def _next(self, after: int) -> _Batch | None:
        """None at the end of the passages. A batch may be empty."""
        with self._file.reading() as reader:
            model = self._model(reader)
            rows = reader.without_vector(model.key if model else 0, self._batch, after)
            if not rows:
                return None
            left = [row for row in rows if row.key not in self._refused]
            return _Batch([row.key for row in left], texts_of(reader, left), rows[-1].key)

    def _put(self, writer: Writer, keys: Sequence[int], vectors: "NDArray[np.float32]") -> None:
        from toolservers.search.embedding.vectors import packed

        model = writer.build_model(self._embedder.name, vectors.shape[1])
        for key, vector in zip(keys, map(packed, vectors), strict=True):
            writer.put_vectors(model, [(key, vector.vector, vector.code)])

    def _serve(self, writer: Writer) -> bool:
        """False where something has come meanwhile."""
        model = self._model(writer)
        missing = writer.without_vector(model.key if model else 0, 1 + len(self._refused))
        if any(row.key not in self._refused for row in missing):
            return False
        others = any(each != model and each.state != "old" for each in writer.models())
        if model is not None and (model.state != "serving" or others):
            # Makes an end to another model that was being built, where this one serves already.
            writer.serve_model(writer.build_model(model.name, model.dimensions))
        return True


def texts_of(reader: Reader, passages: Sequence[PassageRow]) -> list[str]:
    """What a model reads of each: the title and the headings say what the text is about."""
    titles: dict[int, str] = {}
    texts: list[str] = []
    for row in passages:
        if row.document not in titles:
            document = reader.document_of(row.document)
            titles[row.document] = document.title if document else ""
        about = dict.fromkeys(part for part in (titles[row.document], row.heading) if part)
        texts.append("\n".join((*about, reader.text(row.document, row.start, row.end))))
    return texts
