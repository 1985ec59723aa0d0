"""Embeddings of an OpenAI-compatible endpoint: `POST …/embeddings`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from toolservers.search.embedding.json_endpoint import (
    BEHIND,
    WITH_SOMEBODY_WAITING,
    JsonEndpoint,
    Patience,
)
from toolservers.search.embedding.port import TextsRefused
from toolward.errors import ConfigurationError, InvalidResult, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TEXTS = 64
MAX_CHARACTERS = 64_000
"""Of the texts of one request together."""

MAX_DIMENSIONS = 8_192

_SHORTEST = 64  # characters of a text that is still halved where the endpoint refuses it
_HARMLESS = "a"  # what every endpoint embeds whose model is there


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = -1


class _Reply(msgspec.Struct):
    data: list[_Vector]


class EndpointEmbedder:
    """`url` is the API's base, such as https://host.example/v1, or the URL of its `/embeddings`."""

    def __init__(
        self, url: str, model: str, *, key: str = "", networks: str = "", key_variable: str = ""
    ) -> None:
        """Asks for nothing yet. Raises ConfigurationError."""
        if not model:
            raise ConfigurationError(
                "An endpoint for embeddings needs the name of its model.",
                hint="Set --embeddings-model, such as text-embedding-3-small.",
            )
        base = base_of(url)
        self.name = f"{base} {model}"
        self.dimensions = 0
        self._model = model
        self._endpoint = JsonEndpoint(
            f"{base}/embeddings", key=key, networks=networks, key_variable=key_variable
        )

    async def close(self) -> None:
        await self._endpoint.aclose()

    async def question(self, text: str) -> "NDArray[np.float32]":
        return await self._whole([text], WITH_SOMEBODY_WAITING)

    async def passages(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        return np.vstack([await self._whole(part, BEHIND) for part in _parts(texts)])

    async def _whole(self, texts: Sequence[str], patience: Patience) -> "NDArray[np.float32]":
        """Where the endpoint refuses several texts, each is sent alone; where it refuses one, its halves are."""
        import numpy as np

        try:
            return await self._asked(texts, patience)
        except TextsRefused as refused:
            if len(texts) > 1:
                return np.vstack([await self._whole([text], patience) for text in texts])
            await self._must_work(refused, patience)
            middle = len(texts[0]) // 2
            if len(texts[0]) < 2 * _SHORTEST:
                raise
        halves = [await self._whole([half], patience) for half in (texts[0][:middle], texts[0][middle:])]
        return _unit(halves[0] + halves[1], self._endpoint.where)

    async def _must_work(self, refused: TextsRefused, patience: Patience) -> None:
        """Raises Unavailable where it is not the text that is refused."""
        try:
            await self._asked([_HARMLESS], patience)
        except TextsRefused:
            raise Unavailable(
                refused.message, hint="It refuses any text: see the model's name in the operator's settings."
            ) from None

    async def _asked(self, texts: Sequence[str], patience: Patience) -> "NDArray[np.float32]":
        import numpy as np

        asked = {
            "model": self._model,
            "input": [_sendable(text) for text in texts],
            "encoding_format": "float",
        }
        body = await self._endpoint.post(msgspec.json.encode(asked), patience)
        where = self._endpoint.where
        try:
            found = msgspec.json.decode(body, type=_Reply).data
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise InvalidResult(f"{where} answered what are no embeddings.") from None
        if any(vector.index >= 0 for vector in found):
            found.sort(key=lambda vector: vector.index)
            if [vector.index for vector in found] != list(range(len(found))):
                raise InvalidResult(f"{where} numbers its vectors other than the texts.")
        widths = {len(vector.embedding) for vector in found}
        wanted = self.dimensions or next(iter(widths), 0)
        if len(found) != len(texts) or widths != {wanted} or not 0 < wanted <= MAX_DIMENSIONS:
            raise InvalidResult(
                f"{where} answered {len(found)} vectors of {sorted(widths)} dimensions to {len(texts)} texts; "
                f"as many of {self.dimensions or 'one length'} were asked for."
            )
        vectors = _unit(np.array([vector.embedding for vector in found], np.float64), where)
        self.dimensions = wanted
        return vectors


def base_of(url: str) -> str:
    """As the name of a model has it, in one spelling."""
    return url.rstrip("/").removesuffix("/embeddings").rstrip("/")


def _unit(vectors: "NDArray[np.floating]", where: str) -> "NDArray[np.float32]":
    """Of length 1 each. Raises InvalidResult for one that has no direction."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 1e-12).all()):
        raise InvalidResult(f"{where} answered a vector without a direction.")
    return (vectors / lengths).astype(np.float32)


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    characters = 0
    for text in texts:
        if part and (len(part) == MAX_TEXTS or characters + len(text) > MAX_CHARACTERS):
            yield part
            part, characters = [], 0
        part.append(text)
        characters += len(text)
    if part:
        yield part


def _sendable(text: str) -> str:
    """Endpoints refuse a text without a sign, and JSON has no lone surrogates."""
    return text.encode("utf-8", "replace").decode() if text.strip() else "."
