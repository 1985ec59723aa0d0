"""The local model, with its real weights; `make weights` puts them there."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.unit.search_index import document, filled
from toolservers.search.embedding.catching_up import CatchingUp
from toolservers.search.embedding.choosing import EmbeddingSettings, chosen
from toolservers.search.embedding.minilm import PIECE, MiniLM, missing
from toolservers.search.retrieval.by_meaning import Meaning
from toolservers.search.retrieval.searching import Asked, Searching

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"MiniLM cannot run here: {missing()}")


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


async def test_it_gives_the_vectors_that_its_makers_publish(model: MiniLM) -> None:
    """The first numbers of the example on the model's own page (sentence-transformers/all-MiniLM-L6-v2)."""
    vector = (await model.question("This is an example sentence"))[0]
    assert vector[:5] == pytest.approx([0.0676569, 0.0634960, 0.0487131, 0.0793050, 0.0374481], abs=2e-6)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert vector.shape == (model.dimensions,)


async def test_a_paraphrase_is_nearer_than_what_shares_its_words(model: MiniLM) -> None:
    question = await model.question("How do I get my money back?")
    found = await model.passages(
        [
            "Refunds are paid within five days.",
            "Money can be kept at the back of the drawer.",
            "Descale the kettle.",
        ]
    )
    assert np.argsort(-(found @ question[0])).tolist() == [0, 1, 2]


async def test_a_text_has_one_vector_in_whatever_company(model: MiniLM) -> None:
    texts = ["kettle", "a longer text about a kettle " * 5, "", "[SEP] [CLS]", "電気ケトル", "\x00"]
    together = await model.passages(texts)
    alone = np.vstack([await model.question(text) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert not np.allclose(together[2], together[3])  # a sign of the model's in a text is text


async def test_nothing_of_a_long_text_is_cut_off(model: MiniLM) -> None:
    """Its pieces are its vector, each by its length."""
    first, second = "water " * PIECE, "paper " * (PIECE // 2)
    whole, one, two = [(await model.question(text))[0] for text in (first + second, first, second)]
    mean = one * (PIECE + 2) + two * (PIECE // 2 + 2)
    assert whole == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert not np.allclose(whole, one, atol=1e-2)


@settings(max_examples=examples(5), deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=3, max_size=6))
async def test_any_text_has_a_vector_of_length_1(model: MiniLM, texts: list[str]) -> None:
    found = np.vstack([await model.question(text) for text in texts])
    assert np.linalg.norm(found, axis=1) == pytest.approx([1] * len(texts), abs=1e-5)


async def test_what_shares_no_word_with_the_question_is_found(model: MiniLM, tmp_path: Path) -> None:
    """From the settings' default to the answer, by words and by meaning."""
    texts = {
        "refunds": "Refunds are paid within five days.",
        "kettle": "Descale the kettle each month.",
        "vans": "Our vans leave at noon.",
    }
    file = filled(tmp_path / "index", [document(name, text) for name, text in texts.items()])
    embedder, reason = chosen(EmbeddingSettings())
    assert embedder is not None, reason
    assert embedder.name == model.name
    await CatchingUp(file, model).catch_up()
    meaning = Meaning(file, model)
    found = await Searching(file, meaning).search(Asked("When will I get my money back?", limit=1))
    assert [result.document.id for result in found.results] == ["refunds"]
    assert found.note == "No document has any of these words: money, back. What is shown is near in meaning."
    assert not (await Searching(file).search(Asked("When will I get my money back?"))).results
    file.close()


def test_gelu_is_the_exact_one() -> None:
    from toolservers.search.embedding.bert import gelu

    x = np.linspace(-8, 8, 2001, dtype=np.float32)
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()]
    assert gelu(x.copy()) == pytest.approx(exact, abs=1e-6)
