import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.search.retrieval.query import Query
from toolservers.search.retrieval.snippets import LENGTH, TOKENIZER, snippet, wanted
from toolservers.search.retrieval.understanding import understood
from toolservers.search.storage.schema import TABLES

LONG = "Nothing here at all. " * 30 + "The damaged kettle was refunded. " + "Nothing here either. " * 30


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("refund", "Refunds are refunded; a fund is not.", "**Refunds** are **refunded**; a fund is not."),
        ('"return label"', "A return\nlabel, a label, a return.", "A **return label**, a label, a return."),
        ("E-1042", "Error E-1042 and E, and 1042.", "Error **E-1042** and E, and 1042."),
        ("resume", "Un résumé déjà vu", "Un **résumé** déjà vu"),
        ("東京", "返品は東京都の倉庫で。", "返品は**東京**都の倉庫で。"),
        ("refr*", "The refrigerator refreshes.", "The **refrigerator** **refreshes**."),
        ("kettle", "## The *kettle*\n\n- `kettle` | x\n---", "The **kettle** **kettle** x"),
        ("lamp", "No such word, and 3 * 4.", "No such word, and 3 4."),
    ],
)
def test_hits_are_marked(query: str, text: str, expected: str) -> None:
    assert snippet(text, wanted(understood(query))) == expected


def test_the_window_has_the_most_hits_and_says_that_the_text_goes_on() -> None:
    shown = snippet(LONG, wanted(understood("damaged kettle refund nothing")))
    assert "The **damaged** **kettle** was **refunded**." in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown.replace("**", "")) <= LENGTH + 4


@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=5), max_size=5))
def test_a_snippet_is_of_the_text(text: str, words: list[str]) -> None:
    text = text.encode(errors="ignore").decode()
    shown = snippet(text, wanted(Query("", tuple(words), prefixes=tuple(words[:1]))), 80)
    plain = shown.removeprefix("… ").removesuffix(" …").replace("**", "")
    assert set(plain) <= {*text, " "}
    assert len(plain) <= 80
    assert shown.count("**") % 2 == 0


def test_snippets_split_words_as_the_index_does() -> None:
    assert f"tokenize = '{' '.join(TOKENIZER)}'" in TABLES
