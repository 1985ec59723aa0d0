"""How pages tell values: lengths, money, shares, times; and that no text of others hides a part of itself."""

import json
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from gateway.servers.console import telling

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.text())
def test_what_is_shown_has_nothing_that_cannot_be_seen(text: str) -> None:
    shown = telling.visible(text)
    assert all(one.isprintable() for one in shown.replace("\n", "").replace("\t", ""))
    assert shown.count("\n") == text.count("\n")


@given(st.text() | JSON)
def test_what_is_short_is_shown_whole(value: Any) -> None:
    whole = telling.visible(value) if isinstance(value, str) else telling.pretty(value)
    assert telling.beginning(value) == Markup.escape(whole)


def test_of_what_is_long_the_beginning_is_shown_and_how_long_it_is() -> None:
    long = "\u202e<b>" * 100_000
    for value in (long, [long], json.dumps([long]).encode()):
        shown = telling.beginning(value)
        assert len(shown) < 400_000
        assert "\\u202e&lt;b&gt;" in shown
        assert "of 400,0" in shown or "of 900,0" in shown, shown[-200:]
    assert len(telling.beginning(long, 10)) < 40_000  # of ten pieces each has its share


def test_markup_is_ours_and_stays() -> None:
    assert telling.visible(Markup("<b>\u202e</b>")) == "<b>\u202e</b>"


@given(JSON)
def test_json_that_is_edited_reads_back_as_it_was_and_has_nothing_hidden(value: Any) -> None:
    written = unescape(str(telling.pretty(value)))
    assert json.loads(written) == value
    assert all(one.isprintable() for one in written.replace("\n", ""))


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (telling.duration(None), "—"),
        (telling.duration(0.0412), "0.0412 ms"),
        (telling.duration(1_234), "1.23 s"),
        (telling.duration(245_000), "4 min 5 s"),
        (telling.duration(10_920_000), "3 h 2 min"),
        (telling.money(None), "—"),
        (telling.money(0), "$0"),
        (telling.money(12_345_678), "$0.01235"),
        (telling.money(1), "$0.000000001"),
        (telling.money(0, True), "unpriced"),
        (telling.money(5_000_000_000, True), "$5 + unpriced"),
        (telling.share_of(2, 2), "100 %"),
        (telling.share_of(1, 300), "0.33 %"),
        (telling.share_of(0, 0), "—"),
        (telling.count(None), "—"),
        (telling.moment(0), "—"),
    ],
)
def test_values_are_told_in_few_digits_and_what_is_not_known_is_not_nought(told: str, wanted: str) -> None:
    assert told == wanted


@pytest.mark.parametrize(
    ("away", "wanted"),
    [
        (0, "just now"),
        (59_000, "59 s ago"),
        (61_000, "1 min ago"),
        (7_200_000, "2 h ago"),
        (172_800_000, "2 d ago"),
    ],
)
def test_times_are_told_by_how_long_ago_they_are(away: int, wanted: str) -> None:
    told = telling.ago(1_000, 1_000 + away)
    assert f">{wanted}<" in told
    assert 'title="1970-01-01 00:00:01 UTC"' in told


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (24 * 3_600_000 - 900, "in 24 h"),
        (7 * 86_400_000 - 25_000, "in 7 d"),
        (100_000, "in 2 min"),
        (30_000, "in 30 s"),
        (0, "over"),
    ],
)
def test_what_is_left_is_told_to_the_nearest(left: int, said: str) -> None:
    assert f">{said}</time>" in telling.until(1_000 + left, 1_000)
