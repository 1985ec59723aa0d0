"""The best passages looked at once more, by a model that reads each beside the question: slower than any leg, and
better at what comes first."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from toolservers.search.embedding.json_endpoint import WITH_SOMEBODY_WAITING, JsonEndpoint
from toolservers.search.retrieval.legs import Ranked
from toolservers.search.settings import RERANKER_KEY
from toolward.errors import ConfigurationError, InvalidResult, ToolwardError

DEPTH = 30
"""Passages that are looked at once more; the others keep their order behind them."""

_LONGEST = 4_000  # characters of a passage, and of a question


class Reranker(Protocol):
    async def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One a text; greater is better. Raises ToolwardError's kinds."""
        ...

    async def close(self) -> None: ...


class Reranked(NamedTuple):
    ranked: list[Ranked]
    note: str
    """Why the order is the old one; empty where it is new."""


async def reranked(
    reranker: Reranker, question: str, ranked: Sequence[Ranked], texts: Mapping[int, str]
) -> Reranked:
    """`texts` by passage; those without one, and those beyond DEPTH, follow behind in their order. Scores are ranks
    counted from the end, since the re-ranker's do not compare with the others'. Raises nothing of the re-ranker's:
    then all stays as it was."""
    looked_at = [each for each in ranked if each.passage in texts][:DEPTH]
    if not looked_at or not question.strip():
        return Reranked(list(ranked), "")
    try:
        scores = await reranker.scores(question, [texts[each.passage] for each in looked_at])
    except ToolwardError as error:
        return Reranked(
            list(ranked), f"The re-ranker did not answer, so its order is missing: {error.message}"
        )
    order = sorted(range(len(looked_at)), key=lambda place: -scores[place])  # stable
    first = [looked_at[place].passage for place in order]
    seen = frozenset(first)
    passages = [*first, *(each.passage for each in ranked if each.passage not in seen)]
    return Reranked(
        [Ranked(passage, 1.0 - place / len(passages)) for place, passage in enumerate(passages)], ""
    )


class _Result(msgspec.Struct):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class _Reply(msgspec.Struct):
    results: list[_Result]


class RerankerEndpoint:
    """`POST …/rerank`, as Cohere, Jina, vLLM and llama.cpp offer it. `url` is the API's base, or that URL."""

    def __init__(self, url: str, model: str = "", *, key: str = "", networks: str = "") -> None:
        """Asks for nothing yet. Raises ConfigurationError."""
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"The re-ranker is {url!r}; it can only be a URL.", hint="Such as https://host.example/v1."
            )
        base = url.rstrip("/").removesuffix("/rerank").rstrip("/")
        self._model = model
        self._endpoint = JsonEndpoint(f"{base}/rerank", key=key, networks=networks, key_variable=RERANKER_KEY)

    async def close(self) -> None:
        await self._endpoint.aclose()

    async def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        named = {"model": self._model} if self._model else {}
        documents = [_sendable(text) for text in texts]
        asked = {
            **named,
            "query": _sendable(question),
            "documents": documents,
            "top_n": len(documents),
            "return_documents": False,
        }
        body = await self._endpoint.post(msgspec.json.encode(asked), WITH_SOMEBODY_WAITING)
        try:
            results = msgspec.json.decode(body, type=_Reply).results
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise InvalidResult(f"{self._endpoint.where} answered what is no re-ranking.") from None
        return self._by_text(results, len(texts))

    def _by_text(self, results: Sequence[_Result], count: int) -> list[float]:
        """Raises InvalidResult unless each text has one score."""
        found: dict[int, float] = {}
        for result in results:
            score = result.score if result.relevance_score is None else result.relevance_score
            if score is not None and score == score:  # noqa: PLR0124 -- NaN is no score
                found[result.index] = score
        if len(results) != count or sorted(found) != list(range(count)):
            raise InvalidResult(
                f"{self._endpoint.where} gave scores to {len(found)} of {count} passages, or to others."
            )
        return [found[place] for place in range(count)]


def _sendable(text: str) -> str:
    return text[:_LONGEST].encode("utf-8", "replace").decode()
