"""The nearest passages, exactly; fusion; re-ranking."""

from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.unit.search_endpoint import Answer, endpoint
from tests.unit.search_index import document, filled
from toolservers.search.embedding.vectors import packed
from toolservers.search.retrieval import nearest
from toolservers.search.retrieval.by_meaning import ByMeaning
from toolservers.search.retrieval.fusion import K, fused
from toolservers.search.retrieval.legs import Ranked
from toolservers.search.retrieval.nearest import Nearest
from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.reranking import RerankerEndpoint, reranked
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.records import NewDocument
from toolward.errors import ConfigurationError

DIMENSIONS = 100  # no whole number of words, and none of bytes
COUNT = 60


def unit(count: int, seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


class Vectors:
    """An index whose documents, of a passage each, have drawn vectors: even ones are PDF, each third speaks of a
    kettle. The last ten have no vector yet."""

    def __init__(self, path: Path) -> None:
        self.file: IndexFile = filled(path, map(_document, range(COUNT)))
        self.vectors = unit(COUNT, 1)
        with self.file.writing() as writer:
            self.model = writer.build_model("m", DIMENSIONS)
            self.keys = [row.key for row in writer.without_vector(self.model, COUNT)]
            writer.serve_model(self.model)
        self.leg = Nearest()
        self.there: set[int] = set()
        self.embed(range(COUNT - 10))

    def embed(self, numbers: Iterable[int]) -> None:
        with self.file.writing() as writer:
            for number in numbers:
                found = packed(self.vectors[number])
                writer.put_vectors(self.model, [(self.keys[number], found.vector, found.code)])
                self.there.add(number)

    def delete(self, number: int) -> None:
        with self.file.writing() as writer:
            row = writer.document(f"d{number:03}")
            assert row is not None
            writer.delete([row.key])
        self.there.discard(number)

    def found(self, question: NDArray[np.float32], query: Query, limit: int) -> list[int]:
        """Numbers of documents."""
        with self.file.reading() as reader:
            serving = reader.serving()
            assert serving is not None
            ranked = ByMeaning(self.leg, serving, question).ranked(reader, query, limit)
        assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
        return [self.keys.index(each.passage) for each in ranked]

    def wanted(self, question: NDArray[np.float32], query: Query, limit: int) -> list[int]:
        """By all vectors, as the index keeps them."""
        cosines = self.vectors.astype(np.float16).astype(np.float32) @ question
        left = [number for number in self.there if _is_let_through(number, query)]
        return sorted(left, key=lambda number: (-cosines[number], number))[:limit]


def _document(number: int) -> NewDocument:
    return document(
        f"d{number:03}",
        f"number {number} about a {'kettle' if number % 3 == 0 else 'parcel'}",
        kind="pdf" if number % 2 == 0 else "markdown",
        updated=f"2026-01-{number % 28 + 1:02}",
        Colour="Red" if number % 5 == 0 else "blue",
    )


def _is_let_through(number: int, query: Query) -> bool:
    filters, day = query.filters, f"2026-01-{number % 28 + 1:02}"
    return (
        (not filters.formats or ("pdf" if number % 2 == 0 else "markdown") in filters.formats)
        and (not filters.after or day >= filters.after)
        and (not filters.before or day < filters.before)
        and (not filters.metadata or number % 5 == 0)
        and (not query.phrases or number % 3 == 0)
        and (not query.excluded or number % 3 != 0)
    )


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vectors]:
    found = Vectors(tmp_path_factory.mktemp("vectors") / "index")
    yield found
    found.file.close()


queries = st.builds(
    Query,
    text=st.just("q"),
    phrases=st.sampled_from([(), ("a kettle",)]),
    excluded=st.sampled_from([(), ("kettle", '"'), ("KETTLE",)]),
    filters=st.builds(
        Filters,
        formats=st.sampled_from([(), ("pdf",), ("pdf", "markdown")]),
        after=st.sampled_from(["", "2026-01-09"]),
        before=st.sampled_from(["", "2026-01-20"]),
        metadata=st.sampled_from([(), (("colour", "RED"),)]),
    ),
)


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), query=queries, limit=st.integers(1, 70), few=st.booleans())
def test_the_nearest_are_those_of_the_exact_comparison(
    vectors: Vectors, seed: int, query: Query, limit: int, few: bool
) -> None:
    """Whatever is narrowed. With few candidates the bits choose: what they leave in is in the exact order."""
    question = unit(1, seed)[0]
    exact = vectors.wanted(question, query, COUNT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "CANDIDATES", (8, 8) if few else (COUNT, COUNT))
        found = vectors.found(question, query, min(limit, 2) if few else limit)
    if few:
        assert len(found) == min(limit, 2, len(exact))
        assert [number for number in exact if number in found] == found
    else:
        assert found == exact[:limit]


@pytest.mark.parametrize("text", ['"', "'", "", "\0", "a AND", "NEAR(", "*", "^a", "body:", "漢字", "-"])
def test_no_phrase_and_no_excluded_word_breaks_it(vectors: Vectors, text: str) -> None:
    for query in (Query("q", phrases=(text,)), Query("q", excluded=(text,))):
        vectors.found(unit(1, 7)[0], query, 5)


def test_what_changes_is_followed(tmp_path: Path) -> None:
    """Added, deleted, and embedded late, with a key before others: all is found that a reader's state has."""
    it = Vectors(tmp_path / "index")
    question, anything = unit(1, 3)[0], Query("q")

    def check() -> None:
        assert it.found(question, anything, COUNT) == it.wanted(question, anything, COUNT)

    check()
    it.embed(range(COUNT - 5, COUNT))
    check()
    for number in it.wanted(question, anything, 5):
        it.delete(number)
    check()
    it.leg._whole_again = inf  # pyright: ignore[reportPrivateUsage] -- the time when all may be read again
    gone = sorted(it.there - {20, COUNT - 1})[:5]
    for number in gone:
        it.delete(number)
    it.embed(range(COUNT - 10, COUNT - 5))  # as many as went
    assert not {*gone} & {*it.found(question, anything, COUNT)}
    it.leg._whole_again = 0.0  # pyright: ignore[reportPrivateUsage] -- though nothing has changed since
    check()
    with it.file.writing() as writer:
        other = writer.build_model("other", DIMENSIONS)
        writer.put_vectors(other, [(it.keys[COUNT - 1], *_pair(it.vectors[COUNT - 1]))])
        writer.serve_model(other)
    it.there = {COUNT - 1}
    check()
    narrow = it.vectors[:, :40] / np.linalg.norm(it.vectors[:, :40], axis=1, keepdims=True)
    with it.file.writing() as writer:
        again = writer.build_model("other", 40)
        assert again == other  # a key that was free
        writer.put_vectors(again, [(it.keys[20], *_pair(narrow[20]))])
        writer.serve_model(again)
    assert it.found(narrow[3], anything, 5) == [20]
    it.file.close()


def _pair(vector: NDArray[np.float32]) -> tuple[bytes, bytes]:
    found = packed(vector)
    return found.vector, found.code


def test_an_index_without_vectors_has_nothing_near(tmp_path: Path) -> None:
    file = filled(tmp_path / "index", [])
    with file.writing() as writer:
        writer.serve_model(writer.build_model("m", DIMENSIONS))
    with file.reading() as reader:
        serving = reader.serving()
        assert serving is not None
        leg = ByMeaning(Nearest(), serving, unit(1, 1)[0])
        for query in (Query("q"), Query("q", filters=Filters(formats=("pdf",)))):
            assert list(leg.ranked(reader, query, 10)) == []
    file.close()


# --- fusion -----------------------------------------------------------------------------------------------


def ranking(*passages: int) -> list[Ranked]:
    return [Ranked(passage, 100.0 - place) for place, passage in enumerate(passages)]


def test_what_two_legs_rank_well_comes_before_what_one_ranks_first() -> None:
    assert [each.passage for each in fused([ranking(1, 2), ranking(3, 2)], 9)] == [2, 1, 3]
    assert fused([ranking(5)], 1) == [Ranked(5, 1 / (K + 1))]
    assert [each.passage for each in fused([ranking(1, 2), ranking(3)], 2, weights=[1, 2])] == [3, 1]
    assert fused([], 5) == fused([[], []], 5) == []
    assert fused([ranking(7, 7, 8)], 5) == fused([ranking(7, 8)], 5)


@given(st.lists(st.lists(st.integers(0, 12), unique=True), max_size=3), st.integers(0, 15))
@settings(max_examples=examples(50))
def test_fusion_is_a_ranking_of_what_the_legs_have(rankings: list[list[int]], limit: int) -> None:
    legs = [ranking(*one) for one in rankings]
    found = fused(legs, limit)
    everything = {passage for one in rankings for passage in one}
    assert len(found) == min(limit, len(everything))
    assert (
        found == fused(legs[::-1], limit) or len(rankings) > 2
    )  # sums of three may differ in their last digit
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


# --- re-ranking -------------------------------------------------------------------------------------------

TEXTS = {1: "about parcels", 2: "about a kettle", 3: "a kettle that does not boil", 4: "nothing"}


async def test_the_re_ranker_has_the_last_word_on_the_best() -> None:
    async with endpoint() as far:
        reranker = RerankerEndpoint(far.url, "r", key="k")
        found = await reranked(reranker, "kettle boil", ranking(1, 2, 9, 3), TEXTS)
        assert [each.passage for each in found.ranked] == [3, 2, 1, 9]  # 9 has no text, and follows behind
        assert found.note == ""
        assert found.ranked == sorted(found.ranked, key=lambda each: -each.score)
        assert far.asked[0]["documents"] == [TEXTS[1], TEXTS[2], TEXTS[3]]
        assert far.heads[0].startswith("POST /v1/rerank ")
        await reranker.close()


@pytest.mark.parametrize(
    "answer",
    [
        (400, b"no"),
        (200, b"[]"),
        (200, b'{"results": []}'),
        (200, b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 1}]}'),
        (200, b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 7, "relevance_score": 1}]}'),
        (200, b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 1}]}'),
    ],
)
async def test_a_re_ranker_that_does_not_answer_changes_nothing(answer: Answer) -> None:
    async with endpoint() as far:
        far.refuse = lambda asked: answer
        reranker = RerankerEndpoint(f"{far.url}/rerank")
        found = await reranked(reranker, "kettle", ranking(1, 2), TEXTS)
        assert found.ranked == ranking(1, 2)
        assert "did not answer" in found.note
        await reranker.close()


async def test_nothing_is_asked_where_there_is_nothing_to_order() -> None:
    async with endpoint() as far:
        reranker = RerankerEndpoint(far.url)
        assert (await reranked(reranker, "kettle", [], TEXTS)).ranked == []
        assert (await reranked(reranker, " ", ranking(1), TEXTS)).ranked == ranking(1)
        assert far.asked == []
        await reranker.close()
    with pytest.raises(ConfigurationError):
        RerankerEndpoint("rerank.example")
