"""Documents that are text: encodings, plain text, Markdown; and what holds for all of these formats."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sound import require_sound
from toolservers.documents.dates import iso
from toolservers.documents.encodings import decoded
from toolservers.documents.opening import LARGEST, extract
from toolservers.documents.unreadable import Unreadable

MAIL = b"""Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
From: Anna <anna@fernhill.example>
Date: Tue, 03 Mar 2026 10:00:00 +0100
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: multipart/alternative; boundary=y

--y
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe
--y
Content-Type: text/html

<h1>Hi</h1><p>Greetings, <b>all</b> of you, from the whole of the team at Fernhill
--y--
--x
Content-Type: text/csv; name=a.csv
Content-Transfer-Encoding: base64

c2t1O24KRkctMTszCkZHLTI7NAo=
--x
Content-Type: message/rfc822

Subject: inner

# hello
--x--
"""
SEEDS = {
    "a.txt": "Gr\xfc\xdfe\r\nan alle\fSeite zwei\n".encode(),
    "b.txt": "Gr\xfc\xdfe an alle in K\xf6ln".encode("cp1252"),
    "c.txt": "Hello, all of you".encode("utf-16"),
    "a.md": b"---\ntitle: 'It''s'\nupdated: 2026-01-02\ntags:\n  - a\n---\n# A `b`\n\nText\n\nSub\n---\n```\n# x",
    "b.md": b'+++\ntitle = "T"\ntags = ["a", "b"]\ndate = 2026-01-02\n+++\n## Two ##\ntext\n',
    "a.csv": b'sku;name;price\nFG-1;"Mill\nnew";39,90\n;;\nFG-2;Kettle;1;2\n',
    "a.tsv": b"sku\tname\nFG-1\tKettle\n",
    "a.json": b'{"title": "T", "a": {"b": [1.50, "x"]}, "c": [{"d": null}, [], {"e": "\\ud800\\u0000"}]}',
    "a.jsonl": b'{"a": 1}\nbad\n[1, [2, {"b": 3}]]\n',
    "a.html": b"<title>T</title><h1>One</h1><p>Text<table><tr><td>a<td>b</table>",
    "a.eml": MAIL,
    "a.mbox": b"From a\nSubject: one\n\nhi\n>From here\n\nFrom b\nSubject: two\n\nho\n",
}
damage = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 12), st.binary(max_size=6) | st.sampled_from(list(SEEDS.values()))
    ),
    max_size=4,
)


@given(st.sampled_from(sorted(SEEDS)), damage)
@settings(max_examples=examples(150), deadline=None)
def test_whatever_comes_the_text_is_sound_or_the_reason_is_said(
    name: str, damages: list[tuple[float, int, bytes]]
):
    data = SEEDS[name]
    for place, cut, put in damages:
        at = int(place * len(data))
        data = data[:at] + put + data[at + cut :]
    try:
        found = extract(data, name)
    except Unreadable:
        return
    require_sound(found)


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_each_format_is_read(name: str):
    require_sound(extract(SEEDS[name], name))


# --- encodings


@pytest.mark.parametrize(
    ("text", "codec", "named"),
    [
        ("Preis für Müller: 5 €", "cp1252", "windows-1252 (a guess)"),
        ("Le café est à côté de l’hôtel", "cp1252", "windows-1252 (a guess)"),
        ("Zażółć gęślą jaźń. Proszę o zwrot.", "cp1250", "windows-1250 (a guess)"),
        ("Возврат товара возможен в течение 30 дней.", "cp1251", "windows-1251 (a guess)"),
        ("返品は30日以内に可能です。商品の配送について", "cp932", "Shift_JIS (a guess)"),
        ("退货政策:三十天内可以退货。运费由客户承担。", "gb18030", "GB18030 (a guess)"),
        ("Windows writes so", "utf-16-le", "UTF-16 LE (a guess)"),
        ("Windows writes so", "utf-16", "UTF-16 LE"),
        ("返品は30日以内に可能です", "iso2022_jp", "ISO-2022-JP"),
        ("Grüße 😀", "utf-8-sig", "UTF-8"),
        ("Grüße 😀", "utf-32", "UTF-32 LE"),
    ],
)
def test_encodings(text: str, codec: str, named: str):
    found = decoded(text.encode(codec))
    assert (found.text, found.encoding, found.left_out) == (text, named, ())


def test_what_is_declared_goes_before_a_guess_but_not_before_what_is_sure():
    assert decoded("при".encode("koi8_r"), "KOI8-R").text == "при"
    assert decoded("“so”".encode("cp1252"), "iso-8859-1").text == "“so”"  # browsers read it so, too
    assert decoded("Grüße".encode(), "us-ascii").text == "Grüße"
    assert decoded("Grüße".encode("utf-16"), "utf-8").text == "Grüße"
    for no_encoding in ("rot13", "punycode", "zlib", "no such", "\0", "x" * 10_000):
        assert decoded("Grüße".encode(), no_encoding).encoding == "UTF-8"


def test_a_damaged_place_is_counted_and_does_not_change_the_rest():
    found = extract("Größe und Länge, déjà vu".encode() + b" \xff!", "a.txt")
    assert found.text == "Größe und Länge, déjà vu \ufffd!"
    assert found.encoding == "UTF-8"
    assert found.left_out == ("1 place is not valid UTF-8; U+FFFD stands there.",)
    assert 0.9 < found.share < 1


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"", "a.txt", "no_text"),
        (b" \n\t", "a.md", "no_text"),
        (b"\xef\xbb\xbf", "a.csv", "no_text"),
        (b"{}", "a.json", "no_text"),
        (bytes(range(256)) * 4, "a.txt", "unknown_format"),
        (b"\x7fELF\0\0", "a.md", "unknown_format"),
        (b"\x89PNG\r\n\x1a\n", "a.txt", "no_text"),
        (b"{\\rtf1 hello}", "a.rtf", "unknown_format"),
        (b"[" * 100_000, "a.json", "too_dense"),
        (b"[" * 150 + b"]" * 150, "a.json", "too_dense"),
        (b"[" + b"1," * 2_000_001 + b"1]", "a.json", "too_large"),
        (b"\0\1\2garbage", "a.eml", "no_text"),
        (b"Content-Type: text/plain" + b"; a*0=b" * 100_000, "a.eml", "too_dense"),
        (b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\nhi\n" * 50_000, "a.eml", "too_dense"),
        (b"Content-Type: message/rfc822\n\n" * 3000 + b"hi", "a.eml", "too_dense"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_gives_no_text(data: bytes, name: str, why: str):
    with pytest.raises(Unreadable) as refusal:
        extract(data, name)
    assert refusal.value.why == why


def test_a_file_that_is_too_large():
    with pytest.raises(Unreadable, match=r"50,000,001 bytes; at most 50,000,000"):
        extract(bytes(LARGEST + 1), "a.txt")


def test_a_line_of_a_million_words():
    found = extract(b"word " * 1_000_000, "a.md")
    assert len(found.text) == 4_999_999


# --- plain text and Markdown


def test_form_feeds_part_pages():
    found = extract(b"one\ftwo\f", "a.txt")
    assert [(page.number, page.start) for page in found.pages] == [(1, 0), (2, 4)]
    assert found.page_at(5) == 2


def test_underlined_lines_of_plain_text_are_headings():
    text = "=====\nNotes\n=====\n\nCut-off\n-------\nx\n\ntwo\nlines\n-----\n\nlong line\n---\n\n"
    text += "a | b\n-----\n\nEnd\n---\ny"
    found = extract(text.encode(), "a.txt")
    assert [(one.level, one.title) for one in found.headings] == [
        (1, "Notes"),
        (2, "Cut-off"),
        (2, "a | b"),
        (2, "End"),
    ]
    assert found.heading_path(len(found.text) - 1) == ("Notes", "End")
    assert extract(b"Notes\n=====\nx", "a.rst").title == "Notes"


def headings(text: str) -> list[tuple[int, str, str]]:
    found = extract(text.encode(), "a.md")
    return [(one.level, one.title, found.text[one.start : one.end]) for one in found.headings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A `b` **c** [d](e) {#x}", [(1, "A b c d", "# A `b` **c** [d](e) {#x}")]),
        ("x\n   ### G ###", [(3, "G", "   ### G ###")]),
        ("#no\n####### no\n    # no\n#", []),
        ("Title\n===\ntext\n\nSub\n---", [(1, "Title", "Title\n==="), (2, "Sub", "Sub\n---")]),
        ("two\nlines\n---\n- item\n---\n| a |\n---", []),
        ("```\n# no\n~~~\n```\n# yes", [(1, "yes", "# yes")]),
        ("~~~ a ~\n# no\n```\n~~~~\n# y", [(1, "y", "# y")]),
        ("```a`b\n# z", [(1, "z", "# z")]),
    ],
)
def test_headings_of_markdown(text: str, expected: list[tuple[int, str, str]]):
    assert headings(text) == expected


@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9))
    )
)
@settings(max_examples=examples(30), deadline=None)
def test_markdown_that_is_written_is_read(parts: list[tuple[int, str]]):
    text = "\n\n".join(f"{'#' * level} {title}\n\nof {title}" for level, title in parts)
    assert [(level, title) for level, title, _ in headings(text or "x")] == parts


def test_front_matter():
    found = extract(
        b'---\nTitle: "Gift: cards"  # ours\nupdated: 20 January 2026\ntags: [a, "b"]\nlist:\n- one\n- two\n'
        b"long: >\n  some\n  words\nbad line\nempty:\n---\n\n  Text\n",
        "a.md",
    )
    assert found.title == "Gift: cards"
    assert found.metadata == {
        "tags": "a, b",
        "list": "one, two",
        "long": "some, words",
        "updated": "2026-01-20",
    }
    assert found.text == "  Text"
    assert found.left_out == ("Line 11 of the front matter is no `key: value`: 'bad line'.",)


@pytest.mark.parametrize(
    "text", ["---\nno end: here\n\nText", "---\n\nBetween rules.\n\n---\nText", "+++\nno = toml =\n+++\n"]
)
def test_what_is_no_front_matter_stays_in_the_text(text: str):
    assert extract(text.encode(), "a.md").text == text.rstrip()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-20", "2026-01-20"),
        ("20.01.2026", "2026-01-20"),
        ("January 20, 2026", "2026-01-20"),
        ("2026-01-20T10:00:00+02:00", "2026-01-20T08:00:00+00:00"),
        ("Tue, 20 Jan 2026 10:00:00 -0500", "2026-01-20T15:00:00+00:00"),
        ("01/02/2026", ""),
        ("soon", ""),
        ("0001-01-01T00:00:00+05:00", ""),
    ],
)
def test_dates(written: str, expected: str):
    assert iso(written) == expected
