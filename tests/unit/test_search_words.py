"""Searches by words in a real index file: what is found, in which order, page by page, and why nothing is."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.unit.search_index import document, filled
from toolservers.search.retrieval import by_words
from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.searching import Answer, Asked, AskedMeaning, Result, Searching
from toolservers.search.storage.file import IndexFile
from toolservers.search.storage.reading import Reader
from toolward.errors import ToolError, Unavailable

RETURNS = "Damaged items are refunded.\n\nA return label is sent."
KETTLE = "The kettle shows error E-1042 when damaged.\n\nDescale it."
GRINDER = "The grinder has foo_bar and error E-1043.\n\nA label for the return."
DOCUMENTS = [
    document("returns", RETURNS, title="Returns policy", category="returns"),
    document("kettle", KETTLE, kind="pdf", updated="2026-05-01"),
    document("grinder", GRINDER, category="manuals"),
    document("tokyo", "返品は東京都の倉庫で受け付けます。", updated="2025-03-01", category="returns"),
    document("mail:1", "The lost parcel was damaged. Label: none.", source="mail", kind="email"),
    document("mail:2", "Refunding the delayed order.", source="mail", kind="email", updated="2026-07-01"),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexFile]:
    index = filled(tmp_path_factory.mktemp("index") / "index.db", DOCUMENTS)
    yield index
    index.close()


async def search(
    file: IndexFile, text: str, limit: int = 10, cursor: str = "", sources: tuple[str, ...] = ()
) -> Answer:
    return await Searching(file, main="fernhill").search(Asked(text, Filters(sources), limit, cursor))


def ids(answer: Answer) -> list[str]:
    return [result.document.id for result in answer.results]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refund", ["returns", "mail:2"]),  # in any form; the shorter text first
        ("E-1042", ["kettle"]),
        ("foo_bar", ["grinder"]),
        ('"return label"', ["returns"]),
        ('"return label" damaged', ["returns"]),
        ("desc*", ["kettle"]),
        ("damaged -kettle -lost", ["returns"]),
        ("東京都", ["tokyo"]),
        ("東京 倉庫", ["tokyo"]),
        ("label source:mail", ["mail:1"]),
        ("label source:fernhill type:md", ["grinder", "returns"]),
        ("damaged type:pdf", ["kettle"]),
        ("damaged after:2026-05", ["kettle"]),
        ("category:returns", ["returns", "tokyo"]),  # no word: the latest first
        ("type:email before:2026-07-01", ["mail:1"]),
        ("category:RETURNS -label", ["returns", "tokyo"]),
        ("policy", ["returns"]),  # by its title
    ],
)
async def test_what_is_found(file: IndexFile, text: str, expected: list[str]) -> None:
    answer = await search(file, text)
    assert (ids(answer), answer.notes) == (expected, ())
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)


async def test_words_side_by_side_as_in_the_question_fit_better(tmp_path: Path) -> None:
    texts = ["a layer of air at the boundary", "the boundary layer of air", "air: a layer boundary, too"]
    index = filled(tmp_path / "index.db", [document(f"d{n}", f"{text}.") for n, text in enumerate(texts)])
    assert ids(await search(index, "air of the boundary layer"))[0] == "d1"
    assert ids(await search(index, "layer boundary"))[0] == "d2"
    index.close()


async def test_a_result_says_where_the_passage_is(file: IndexFile) -> None:
    (result,) = (await search(file, '"return label"')).results
    text = DOCUMENTS[0].text
    assert text[result.passage.start : result.passage.end] == "A return label is sent."
    assert result.snippet == "A **return label** is sent."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xylophone tuba*", "No document has any of these words: xylophone, tuba*. Try other words."),
        ("what is it?", "The query has no word to look for. Name the subject in a few words."),
        ("-kettle", "The query has no word to look for. Name the subject in a few words."),
        (
            "type:docx label",
            "No document passes the filter type:docx. Types that there are: email, markdown, pdf.",
        ),
        (
            "source:web x",
            "No document passes the filter source:web. Sources that there are: fernhill, mail.",
        ),
        ("type:pdf category:returns x", "No document passes the filter type:pdf category:returns."),
        (
            "kettle type:email",
            "1 document would fit, but none of the 2 documents that pass the filters: type:email. "
            "Leave a filter out, or use other words.",
        ),
        ("descale -it", "1 document would fit, but all have what the query excludes: it."),
        (
            '"label return"',
            'No document has the words "label return" one after the other. '
            "Without quotation marks 3 documents would fit.",
        ),
        ('"return label" "lost parcel"', "No passage has all of the phrases."),
        (
            "xylophone after:soon",
            "after:soon was left out: write a date such as after:2026-01-31. "
            "No document has any of these words: xylophone. Try other words.",
        ),
    ],
)
async def test_why_nothing_is_found(file: IndexFile, text: str, said: str) -> None:
    answer = await search(file, text)
    assert (answer.results, answer.note, answer.next_cursor) == ((), said, "")


async def test_an_identifier_that_is_nowhere_is_named_beside_what_was_found(file: IndexFile) -> None:
    answer = await search(file, "damaged E-9999 kettle")
    assert ids(answer)[0] == "kettle"
    assert answer.note == "No document has E-9999."


async def test_an_empty_index_says_so(tmp_path: Path) -> None:
    index = filled(tmp_path / "index.db", [])
    assert (await search(index, "kettle")).note == "The index has no document yet."
    index.close()


async def test_arguments_filter_too(file: IndexFile) -> None:
    assert ids(await search(file, "label", sources=("mail",))) == ["mail:1"]
    assert ids(await search(file, "label source:fernhill", sources=("mail",))) == ["mail:1"]


# --- pages ------------------------------------------------------------------------------------------------


async def pages(index: IndexFile, text: str, limit: int, between: list[object]) -> list[list[str]]:
    found: list[list[str]] = []
    cursor = ""
    while True:
        answer = await search(index, text, limit, cursor)
        found.append(ids(answer))
        cursor = answer.next_cursor
        if not cursor:
            return found
        if between:
            with index.writing() as writer:
                writer.put(between.pop())  # pyright: ignore[reportArgumentType]


async def test_pages_neither_repeat_nor_pass_over_while_the_index_changes(tmp_path: Path) -> None:
    many = [document(f"d{n:02}", f"kettle {'word ' * n}") for n in range(30)]
    index = filled(tmp_path / "index.db", many)
    whole = await pages(index, "kettle", 7, [])
    assert whole == [[f"d{n:02}" for n in range(at, min(at + 7, 30))] for at in range(0, 30, 7)]
    between = [document("new", "kettle kettle kettle"), document("d03", "kettle again, changed")]
    changed = await pages(index, "kettle", 7, list(between))
    assert sorted(chain(*changed)) == sorted({*chain(*whole), "new"})
    answer = await search(index, "kettle", 7)
    with index.writing() as writer:
        writer.put(document("newer", "kettle"))
    assert "changed since" in (await search(index, "kettle", 7, answer.next_cursor)).note
    index.close()


async def test_a_cursor_is_of_its_query_and_whole(file: IndexFile) -> None:
    cursor = (await search(file, "label", 1)).next_cursor
    for text, wrong in (
        ("other", cursor),
        ("label", cursor[:-1]),
        ("label", "x" + cursor),
        ("label", "ä"),
        ("label", "AAAA"),
    ):
        with pytest.raises(ToolError, match="cursor"):
            await search(file, text, 1, wrong)


async def test_no_more_than_200_documents_are_shown(tmp_path: Path) -> None:
    index = filled(tmp_path / "index.db", [document(f"d{n}", "kettle") for n in range(230)])
    assert sum(map(len, await pages(index, "kettle", 60, []))) == 200
    index.close()


# --- documents, and not passages --------------------------------------------------------------------------


async def test_documents_with_the_same_text_are_one_result(tmp_path: Path) -> None:
    text = "The kettle may be returned within 30 days."
    editions = [
        document("old", text, updated="2024-01-01"),
        document("new", text.replace("30", "40"), updated="2026-01-01"),
        document("mail:copy", text, source="mail", updated="2024-01-01"),
        document("other", "A kettle among many other things that are not for sale any more."),
    ]
    index = filled(tmp_path / "index.db", editions, {"new": "old", "mail:copy": "old"})
    first, second = (await search(index, "kettle returned")).results
    assert (first.document.id, first.same) == ("new", ("mail:copy", "old"))
    assert (second.document.id, second.same) == ("other", ())
    (only,) = (await search(index, "kettle before:2025 source:fernhill")).results
    assert (only.document.id, only.same) == ("old", ())
    index.close()


async def test_a_large_document_leaves_room_for_others(tmp_path: Path) -> None:
    large = document("large", "\n\n".join(["kettle"] * 300))
    index = filled(
        tmp_path / "index.db", [large, *(document(f"d{n}", f"kettle and {n} more words") for n in range(9))]
    )
    assert len(ids(await search(index, "kettle", 5))) == 5
    index.close()


# --- at scale, with a second leg, with anything -----------------------------------------------------------


async def test_frequent_words_count_but_bring_in_nothing_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["often", "often rare", "rare", "often also", "rare also often", *(["often also"] * 30)]
    index = filled(
        tmp_path / "index.db", [document(f"d{n}", text, title="x") for n, text in enumerate(texts)]
    )
    whole = await search(index, "rare often also")
    monkeypatch.setattr(by_words, "UNBOUNDED", 0)
    monkeypatch.setattr(by_words, "MOST_ROWS", 3)
    bounded = await search(index, "rare often also")
    assert ids(bounded) == ids(whole)[:3]
    assert sorted(ids(bounded)) == ["d1", "d2", "d4"]
    assert ids(await search(index, "often", 2)) == [
        "d0",
        "d1",
    ]  # the rarest of all is taken whatever it costs
    index.close()


class Second:
    """Finds the first passages of some documents, in their order, where the query's signs let them."""

    name = "second"

    def __init__(self, *documents: str) -> None:
        self.documents = documents

    def ranked(self, reader: Reader, query: Query, limit: int) -> list[by_words.Ranked]:
        found: list[by_words.Ranked] = []
        for row in filter(None, map(reader.document, self.documents)):
            first = reader.passages_of(row.key)[0]
            text = reader.text(row.key, first.start, first.end)
            if all(each in text for each in query.phrases) and not any(
                each in text for each in query.excluded
            ):
                found.append(by_words.Ranked(first.key, 1 / (len(found) + 1)))
        return found[:limit]


class Meant:
    def __init__(self, second: Second | None, reason: str = "") -> None:
        self.second, self.reason = second, reason

    async def leg(self, text: str) -> AskedMeaning:
        meant = self

        class Found:
            leg = meant.second
            reason = meant.reason

        return Found()


async def test_two_legs_are_fused_and_keep_the_signs_of_the_query(file: IndexFile) -> None:
    searching = Searching(file, Meant(Second("tokyo", "kettle", "returns")))
    assert set(ids(await searching.search(Asked("damaged", limit=2)))) == {"kettle", "returns"}
    assert "tokyo" in ids(await searching.search(Asked("damaged")))
    assert "kettle" not in ids(await searching.search(Asked("damaged -kettle")))
    assert ids(await searching.search(Asked('"return label"'))) == ["returns"]
    nearest = await searching.search(Asked("zebra"))
    assert ids(nearest)[0] == "tokyo"
    assert nearest.note == "No document has any of these words: zebra. What is shown is near in meaning."
    without = await Searching(file, Meant(None, "It goes by words alone.")).search(Asked("damaged"))
    assert without.note == "It goes by words alone."


WRITTEN = """
    kettle label " "return label" - * ret* type:pdf after:2026 category:returns source:mail NEAR( AND ' 東京 E-1042
    {title}: ^
"""


class Judge:
    """A re-ranker that likes short texts; or one that is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.asked: list[tuple[str, int]] = []

    async def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        self.asked.append((question, len(texts)))
        if self.away:
            raise Unavailable("It is away.")
        return [-len(text) for text in texts]

    async def close(self) -> None: ...


async def test_a_reranker_orders_what_was_found_on_every_page(file: IndexFile) -> None:
    judge = Judge()
    searching = Searching(file, reranker=judge)
    first = await searching.search(Asked("damaged label", limit=2))
    rest = await searching.search(Asked("damaged label", limit=9, cursor=first.next_cursor))
    assert [ids(first), ids(rest)] == [["grinder", "returns"], ["mail:1", "kettle"]]
    assert [result.score for result in first.results] == [1, 0.5]
    assert judge.asked == [("damaged label", 4)] * 2
    without = await Searching(file, reranker=Judge(away=True)).search(Asked("damaged label"))
    assert ids(without) == ids(await search(file, "damaged label"))
    assert "It is away." in without.note
    assert (await Searching(file, reranker=judge).search(Asked("xylophone"))).note.startswith(
        "No document has"
    )


PIECES = st.sampled_from([*WRITTEN.split(), "\x00", "\ud800", " "])


@given(st.lists(PIECES | st.text(max_size=6), max_size=12), st.integers(1, 20))
@settings(max_examples=examples(120), deadline=None)
async def test_no_query_raises(file: IndexFile, pieces: list[str], limit: int) -> None:
    answer = await search(file, "".join(pieces), limit)
    assert bool(answer.results) or bool(answer.note)
    for result in answer.results:
        assert_locates(result)


def assert_locates(result: Result) -> None:
    (text,) = [one.text for one in DOCUMENTS if one.id == result.document.id]
    passage = text[result.passage.start : result.passage.end]
    assert result.snippet.replace("**", "") == passage.strip()
