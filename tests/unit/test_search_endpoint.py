"""Embeddings of an endpoint, over real HTTP."""

import numpy as np
import pytest

from tests.unit.search_endpoint import Answer, Asked, endpoint
from toolservers.search.embedding import choosing
from toolservers.search.embedding.choosing import EmbeddingSettings, chosen, named
from toolservers.search.embedding.endpoint import EndpointEmbedder
from toolservers.search.embedding.port import TextsRefused
from toolservers.search.settings import EMBEDDINGS_KEY
from toolward.errors import ConfigurationError, InvalidResult, ToolwardError, Unauthenticated, Unavailable

KEY = "sk-secret"


async def test_each_text_gets_its_vector_whatever_the_order_of_the_answer() -> None:
    async with endpoint() as far:
        embedder = EndpointEmbedder(f"{far.url}/", "m", key=KEY)
        texts = [f"word{number} again" for number in range(150)]  # more than one request holds
        found = await embedder.passages(texts)
        wanted = np.array([far.vector("m", text) for text in texts])
        assert np.allclose(found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
        assert np.allclose(await embedder.question(texts[3]), found[3])
        assert embedder.dimensions == far.dimensions
        assert len(far.asked) == 4
        assert all(f"authorization: Bearer {KEY}\r\n" in head for head in far.heads)
        assert far.heads[0].startswith("POST /v1/embeddings ")
        await embedder.close()


async def test_what_is_blank_or_no_unicode_is_sent_as_what_can_be_embedded() -> None:
    async with endpoint() as far:
        embedder = EndpointEmbedder(far.url, "m")
        assert (await embedder.passages(["", " \n", "a\ud800b"])).shape == (3, far.dimensions)
        assert far.texts == [".", ".", "a?b"]
        await embedder.close()


async def test_it_is_asked_again_where_that_may_help() -> None:
    async with endpoint() as far:
        answers: list[Answer] = [(503, b""), (429, {"error": "slow down"}), None]
        far.refuse = lambda asked: answers.pop(0)
        embedder = EndpointEmbedder(far.url, "m")
        assert (await embedder.passages(["a"])).shape == (1, far.dimensions)
        assert answers == []
        await embedder.close()


def too_long(asked: Asked) -> Answer:
    return (413, {"error": "too long"}) if any(len(text) > 200 for text in asked["input"]) else None


async def test_a_text_that_is_too_long_is_embedded_in_pieces() -> None:
    async with endpoint() as far:
        far.refuse = too_long
        embedder = EndpointEmbedder(far.url, "m")
        long = "begin " + "word " * 100 + "end"
        found = await embedder.passages(["short", long])
        assert "short" in far.texts
        end = (await embedder.question("end"))[0]
        assert found[1] @ end > found[0] @ end  # its end counts
        assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1], abs=1e-6)
        await embedder.close()


async def test_a_refused_text_is_told_from_a_refused_model() -> None:
    async with endpoint() as far:
        embedder = EndpointEmbedder(far.url, "m")
        far.refuse = lambda asked: (400, b"no") if "bad" in asked["input"] else None
        with pytest.raises(TextsRefused, match="HTTP 400"):
            await embedder.question("bad")
        far.refuse = lambda asked: (400, b"unknown model m")
        with pytest.raises(Unavailable, match="unknown model m"):
            await embedder.question("bad")
        await embedder.close()


NO_NUMBER = b'{"data": [{"index": 0, "embedding": [1e999, 0]}]}'


NO_ANSWERS: list[tuple[Answer, type[ToolwardError]]] = [
    ((401, {"error": "bad key"}), Unauthenticated),
    ((403, b""), Unauthenticated),
    ((404, b""), Unavailable),
    ((302, b""), InvalidResult),
    ((418, b""), InvalidResult),
    ((200, b"<html>"), InvalidResult),
    ((200, b"\xff\xfe"), InvalidResult),
    ((200, {"data": []}), InvalidResult),
    ((200, {"data": [{"index": 0, "embedding": []}]}), InvalidResult),
    ((200, {"data": [{"index": 1, "embedding": [1.0]}]}), InvalidResult),
    ((200, {"data": [{"index": 0, "embedding": [0.0, 0.0]}]}), InvalidResult),
    ((200, {"data": [{"index": 0, "embedding": [None]}]}), InvalidResult),
    ((200, {"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]}), InvalidResult),
    ((200, NO_NUMBER), InvalidResult),
]


@pytest.mark.parametrize(("answer", "error"), NO_ANSWERS)
async def test_an_answer_that_is_none_is_an_error_in_words(
    answer: Answer, error: type[ToolwardError]
) -> None:
    async with endpoint() as far:
        far.refuse = lambda asked: answer
        embedder = EndpointEmbedder(far.url, "m", key=KEY, key_variable=EMBEDDINGS_KEY)
        with pytest.raises(error) as raised:
            await embedder.question("a")
        assert KEY not in raised.value.text
        assert far.url in raised.value.text
        assert len(far.asked) == 1  # none of these passes by being asked again
        await embedder.close()


async def test_vectors_of_another_width_are_refused() -> None:
    async with endpoint() as far:
        embedder = EndpointEmbedder(far.url, "m")
        await embedder.question("a")
        far.dimensions = 32
        with pytest.raises(InvalidResult, match="32"):
            await embedder.question("a")
        await embedder.close()


async def test_where_nobody_answers_that_is_said() -> None:
    async with endpoint() as far:
        url = far.url
    embedder = EndpointEmbedder(url, "m")
    with pytest.raises(Unavailable):
        await embedder.question("a")
    await embedder.close()


@pytest.mark.parametrize(
    "settings",
    [
        EmbeddingSettings("http://embeddings.example/v1", "m"),  # texts over plain http
        EmbeddingSettings("http://10.0.0.8/v1", "m", key=KEY),  # a key over plain http
        EmbeddingSettings("https://embeddings.example/v1"),  # no model
        EmbeddingSettings("ftp://embeddings.example/v1", "m"),
        EmbeddingSettings("locale"),
        EmbeddingSettings("https://user:pw@embeddings.example/v1", "m"),
        EmbeddingSettings("https://embeddings.example/v1", "m", networks="nonsense"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(settings: EmbeddingSettings) -> None:
    with pytest.raises(ConfigurationError) as raised:
        chosen(settings)
    assert KEY not in raised.value.text + repr(settings)


def test_what_is_chosen_and_what_can_still_be_asked() -> None:
    settings = EmbeddingSettings("https://embeddings.example/v1/", "m", key=KEY)
    embedder, reason = chosen(settings)
    assert embedder is not None
    assert embedder.name == "https://embeddings.example/v1 m"
    assert reason == ""
    older = named("https://embeddings.example/v1 older", settings)
    assert older is not None
    assert older.name == "https://embeddings.example/v1 older"
    assert named("https://elsewhere.example/v1 m", settings) is None
    assert named("local:some-model@1", settings) is None
    nothing, why = chosen(EmbeddingSettings("none"))
    assert nothing is None
    assert "switched off" in why


def test_without_the_weights_auto_is_none_and_local_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "missing", lambda: "its weights are not installed: make weights")
    embedder, reason = chosen(EmbeddingSettings())
    assert embedder is None
    assert "make weights" in reason
    with pytest.raises(ConfigurationError, match="cannot be used"):
        chosen(EmbeddingSettings("local"))
