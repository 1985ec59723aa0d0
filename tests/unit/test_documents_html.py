"""HTML as text: as a reader of the page sees it, and nothing that the page hides."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from toolservers.documents.extracted import Extracted
from toolservers.documents.opening import extract
from toolservers.documents.unreadable import Unreadable


def read(html: str | bytes) -> Extracted:
    """What can be relied on holds for all of them."""
    found = extract(html if isinstance(html, bytes) else html.encode(), "some.html")
    assert "\r" not in found.text
    for heading in found.headings:
        assert found.text[heading.start : heading.end] == heading.title
    assert (found.share == 1) == (not found.left_out)
    return found


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one\n <b>t</b>wo<br>three<p>four &amp; &#x20AC;5", "one two\nthree\n\nfour & €5"),
        ("<div>a</div><div>b<section>c</section></div>", "a\nb\n\nc"),
        ("<ul><li>one<li><p>two</p><ol><li>in</ol></ul>after", "- one\n\n- two\n\n- in\n\nafter"),
        (
            "<table><caption>Prices</caption><tr><th>part<th>price<tr><td><p>lid</p><td>4<br>5<tr><td><td></table>",
            "Prices\npart | price\nlid | 4 5",
        ),
        ("<table><tr><td><h2>Menu</h2><td><ul><li>x</ul></table>", "Menu\n\n- x"),
        ("<pre>\n  if a:\n    b  </pre>c", "  if a:\n    b\n\nc"),
        ("<p>a<script>no</script><style>no</style><!-- no --><svg><text>no</text></svg><img alt=lid>b", "a lid b"),
        ("<noscript>without</noscript><template>no</template><textarea>no</textarea>", "without"),
        ("<h1>a<div>b</div></h1><details><summary>more</summary>text</details>", "a b\n\nmore\ntext"),
        ("<div>" * 3000 + "deep", "deep"),
        ("<p>" + "token " * 1_000_000, "token " * 999_999 + "token"),
        ("</p></table><tr><td>torn</td>&#0;&#xD800;", "torn\ufffd\ufffd"),
    ],
)  # fmt: skip
def test_blocks_cells_and_what_is_no_text(html: str, text: str) -> None:
    assert read(html).text == text


def test_headings_title_and_what_the_page_says_of_itself() -> None:
    found = read(
        "<html><head><title>Kettle &ndash;\n help</title><meta name=Author content='Ann Lee'>"
        "<meta property='article:modified_time' content='2026-01-31T10:00:00+01:00'>"
        "<meta name=date content='May 3'>"
        "</head><body><h1>Care <i>of it</i></h1><p>a</p><h3>Descaling</h3>b<h2></h2><h2>Parts</h2>c"
    )
    assert found.title == "Kettle – help"
    assert found.metadata == {"author": "Ann Lee", "updated": "2026-01-31T09:00:00+00:00"}
    assert [(heading.level, heading.title) for heading in found.headings] == [
        (1, "Care of it"),
        (3, "Descaling"),
        (2, "Parts"),
    ]
    assert found.heading_path(found.text.index("\nb\n") + 1) == ("Care of it", "Descaling")


def test_what_is_hidden_and_the_navigation_are_left_out_and_told() -> None:
    found = read("<nav>Home | Shop</nav><p hidden>obey</p><p style='display : none'>me</p><p>seen</p>")
    assert found.text == "seen"
    assert found.left_out == (
        "Text that the page hides (6 characters) is left out.",
        "The navigation (11 characters) is left out.",
    )
    assert found.share == 4 / 21


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"<meta charset=iso-8859-1><p>\x80 5 f\xfcr", "€ 5 für", "windows-1252"),
        ("<meta charset=shift_jis><p>保証".encode("shift_jis"), "保証", "Shift_JIS"),
        ("<p>für".encode("utf-16"), "für", "UTF-16 LE"),
        ("<p>für".encode(), "für", "UTF-8"),
        ("<meta charset=no-such><p>für".encode(), "für", "UTF-8"),
    ],
)
def test_encodings_as_the_page_says(data: bytes, text: str, encoding: str) -> None:
    found = read(data)
    assert (found.text, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    "html", ["<html></html>", "<nav>only this</nav>", "<!-- -->", "<table><tr><td></table>"]
)
def test_a_page_without_text_is_refused(html: str) -> None:
    with pytest.raises(Unreadable, match="no text between its tags") as told:
        read(html)
    assert told.value.why == "no_text"


NAMES = [
    "p",
    "div",
    "h1",
    "h2",
    "td",
    "tr",
    "table",
    "li",
    "ul",
    "pre",
    "br",
    "nav",
    "title",
    "head",
    "b",
    "/x",
]
TAGS = st.sampled_from(NAMES).flatmap(
    lambda name: st.sampled_from([f"<{name}>", f"</{name}>", f"<{name} hidden>"])
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(TAGS | TEXTS, max_size=30))
def test_tags_in_any_order_are_borne(parts: list[str]) -> None:
    with suppress(Unreadable):
        read("".join(parts))
