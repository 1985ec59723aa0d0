from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.understanding import MOST_CHARACTERS, MOST_SIGNED, MOST_WORDS, understood


def read(text: str, filters: Filters | None = None) -> Query:
    return understood(text, filters, is_key=lambda key: key == "category", main="fernhill")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What is the Refund for damaged items?", ("Refund", "damaged", "items")),
        ("error E-1042 in foo_bar", ("error", "E-1042", "foo_bar")),
        ("version 3.5.1 of a@b.example", ("version", "3.5.1", "a@b.example")),
        ("sign-on", ("sign-on", "sign")),
        ("what's the customer’s C++ order", ("customer", "C", "order")),
        ("shipping to the US", ("shipping", "US")),
        ("2026-01-05 24/7 30-day", ("2026-01-05", "24/7", "24", "7", "30-day", "30", "day")),
        ("damaged AND (kettle OR lamp) NOT", ("damaged", "kettle", "lamp")),
        ("東京都 kettle 茶", ("東京", "京都", "kettle", "茶")),
        ("note: see https://shop.example/a", ("note", "see", "https", "shop.example/a")),
        ("damaged Damaged DAMAGED", ("damaged",)),
        ("-5 degrees -- 7", ("5", "degrees", "7")),
        ('"*" ^ - + : ( ) \x00', ()),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert read(text).words == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '"return  label" late',
            {"phrases": ("return label",), "words": ("late",), "text": "return label late"},
        ),
        ("“return label”", {"phrases": ("return label",)}),
        ('it is 5" long "', {"words": ("5", "long"), "phrases": ()}),
        ("refund* a*", {"prefixes": ("refund",), "text": "refund a*"}),
        ('kettle -lamp -"gift card"', {"excluded": ("lamp", "gift card"), "text": "kettle"}),
        ("well-known -x", {"words": ("well-known", "well", "known"), "excluded": ("x",)}),
        (
            "the return label for a damaged kettle-lid, or lamp",
            {"pairs": ("return label", "damaged kettle-lid")},
        ),
        ("nosuch:value", {"words": ("nosuch", "value"), "filters": Filters()}),
    ],
)
def test_signs(text: str, expected: dict[str, Any]) -> None:
    query = read(text)
    assert {name: getattr(query, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("type:PDF,.md format:htm", Filters(formats=("PDF", "markdown", "html"))),
        ("source:Fernhill source:mail", Filters(sources=("", "mail"))),
        ("after:2026-03 before:2026-12-31 after:2025", Filters(after="2026-03-01", before="2026-12-31")),
        (
            'category:"how to" CATEGORY:returns',
            Filters(metadata=(("category", "how to"), ("category", "returns"))),
        ),
    ],
)
def test_filters_in_the_text(text: str, filters: Filters) -> None:
    query = read(f"{text} kettle")
    expected = Filters(
        filters.sources,
        tuple(one.lower() for one in filters.formats),
        filters.after,
        filters.before,
        filters.metadata,
    )
    assert (query.filters, query.text, query.notes) == (expected, "kettle", ())


def test_filters_in_the_text_narrow_the_arguments_and_never_widen_them() -> None:
    given_ = Filters(("a", "b"), ("pdf",), "2026-01-01", "2026-06-01", (("category", "returns"),))
    wider = read("source:b source:c type:docx after:2025 before:2027 category:billing x", given_)
    assert wider.filters == Filters(("b",), ("pdf",), "2026-01-01", "2026-06-01", (("category", "returns"),))
    assert [note.partition(" ")[0] for note in wider.notes] == ["source:", "type:", "category:"]
    narrower = read("after:2026-02 before:2026-03", given_).filters
    assert (narrower.after, narrower.before) == ("2026-02-01", "2026-03-01")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("after:tuesday x", "after:tuesday was left out: write a date such as after:2026-01-31."),
        ("before:2026-02-30 x", "before:2026-02-30 was left out: write a date such as before:2026-01-31."),
        ("-type:pdf x", "A filter cannot be turned round: -type:pdf was left out."),
        ("x " * MOST_CHARACTERS, f"Only the first {MOST_CHARACTERS:,} characters of the query were used."),
        (" ".join(f"w{n}" for n in range(99)), f"Only the first {MOST_WORDS} words of the query were used."),
        (
            " ".join(f"-n{n}" for n in range(99)),
            f"Only the first {MOST_SIGNED} excluded words of the query were used.",
        ),
    ],
)
def test_what_was_not_taken_is_said(text: str, note: str) -> None:
    query = read(text)
    assert query.notes == (note,)
    assert not query.filters


SIGNS = st.text("\"-*:,.()' \t\n\x00“”^+/_@", max_size=3)
PIECES = st.sampled_from(
    ["type:", "after:", "category:", "-", '"', "E-1042", "東京", "pdf", "2026-01", "NOT", "\ud800"]
)


@given(st.lists(st.one_of(SIGNS, PIECES, st.text(max_size=12)), max_size=30).map("".join))
def test_every_text_is_understood(text: str) -> None:
    query = read(text)
    for word in (*query.words, *query.phrases, *query.prefixes, *query.excluded):
        assert any(character.isalnum() or character == "_" for character in word)
    assert '"' not in "".join((*query.words, *query.phrases, *query.prefixes, *query.excluded))
    query.text.encode()
