"""What watchers of a run are told of the text as it comes: bounded, in order, with gaps that can be seen."""

import asyncio
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ports import Piece
from gateway.runs.feed import PENDING_TEXT, Feed
from toolward.errors import Unavailable
from toolward.types import TextDelta

KINDS = ("text", "reasoning", "call")


def test_what_was_said_meanwhile_is_taken_as_one_piece() -> None:
    feed = Feed()
    with feed.watching("r", text=True) as watcher:
        say = feed.speaker("r", 2)
        for word in ("It ", "is ", "😀"):
            say(Piece("text", word))
        assert watcher.taken() == (TextDelta(2, 0, "It is 😀"),)
        assert watcher.taken() == ()
        say(Piece("text", " here"))
        assert watcher.taken() == (TextDelta(2, 7, " here"),)


def test_who_comes_later_hears_where_in_the_text_they_are() -> None:
    feed = Feed()
    say = feed.speaker("r", 1)
    say(Piece("text", "Hello "))
    with feed.watching("r", text=True) as watcher:
        say(Piece("text", "there."))
        assert watcher.taken() == (TextDelta(1, 6, "there."),)


def test_a_model_that_is_asked_again_begins_at_nought() -> None:
    feed = Feed()
    with feed.watching("r", text=True) as watcher:
        feed.speaker("r", 1)(Piece("text", "Hel"))
        feed.speaker("r", 1)(Piece("text", "Good day"))
        assert watcher.taken() == (TextDelta(1, 0, "Good day"),)


@given(
    st.lists(st.tuples(st.sampled_from(["text", "reasoning", "call", "again"]), st.text("ab😀", max_size=3)))
)
def test_whoever_follows_the_offsets_has_what_counts_of_every_kind(
    said: list[tuple[Literal["text", "reasoning", "call", "again"], str]],
) -> None:
    feed = Feed()
    counts, shown = dict.fromkeys(KINDS, ""), dict.fromkeys(KINDS, "")
    with feed.watching("r", text=True) as watcher:
        say = feed.speaker("r", 1, {"a": "x.y", "": "z"})
        for number, (kind, text) in enumerate(said):
            say(Piece(kind, text))
            if kind == "again":
                counts = dict.fromkeys(KINDS, "")
            else:
                name = {"a": "x.y", "": "z"}.get(text, text)
                counts[kind] += f"{name}\n" if kind == "call" else text
            for piece in watcher.taken() if number % 3 else ():
                shown[piece.kind] = shown[piece.kind][: piece.offset] + piece.text
        for piece in watcher.taken():
            shown[piece.kind] = shown[piece.kind][: piece.offset] + piece.text
        assert shown == counts


def test_who_came_in_the_middle_hears_that_it_is_void_too_and_of_the_next_turn_nothing_is() -> None:
    feed = Feed()
    say = feed.speaker("r", 1)
    say(Piece("reasoning", "Hm"))
    with feed.watching("r", text=True) as watcher:
        say(Piece("reasoning", "m"))
        say(Piece("again"))
        assert watcher.taken() == (TextDelta(1, 0, "", "reasoning"),)
        feed.speaker("r", 2)
        assert watcher.taken() == ()


def test_text_is_for_those_alone_who_want_it_of_that_run() -> None:
    feed = Feed()
    with feed.watching("r") as plain, feed.watching("s", text=True) as other:
        feed.speaker("r", 1)(Piece("text", "Hello"))
        assert (plain.taken(), other.taken()) == ((), ())


@given(st.lists(st.integers(0, PENDING_TEXT + 2), max_size=8), st.sets(st.integers(0, 7)))
def test_a_slow_watcher_keeps_a_bounded_part_and_no_piece_lies_about_its_place(
    sizes: list[int], taken_after: set[int]
) -> None:
    feed, whole = Feed(), ""
    with feed.watching("r", text=True) as watcher:
        say = feed.speaker("r", 1)
        for number, size in enumerate(sizes):
            piece = chr(ord("a") + number) * size
            whole += piece
            say(Piece("text", piece))
            for said in watcher.taken() if number in taken_after else ():
                assert len(said.text) <= PENDING_TEXT
                assert whole[said.offset : said.offset + len(said.text)] == said.text
    assert feed.speaker("r", 1)(Piece("text", "nobody is there")) is None


async def test_waiting_ends_with_text_with_an_event_and_with_the_failure() -> None:
    feed = Feed()
    with feed.watching("r", text=True) as watcher:
        waiting = asyncio.create_task(watcher.beyond(0))
        await asyncio.sleep(0)
        feed.speaker("r", 1)(Piece("text", "x"))
        await waiting
        watcher.taken()
        waiting = asyncio.create_task(watcher.beyond(0))
        await asyncio.sleep(0)
        feed.published("r", 1, ended=False)
        await waiting
        feed.stopped("r", Unavailable("The ledger is gone."))
        with pytest.raises(Unavailable):
            await watcher.beyond(1)


def test_halves_of_characters_are_replaced_as_in_the_log() -> None:
    feed = Feed()
    with feed.watching("r", text=True) as watcher:
        say = feed.speaker("r", 1)
        say(Piece("text", "a\ud83d"))
        say(Piece("text", "\ude00b"))
        assert watcher.taken() == (TextDelta(1, 0, "a??b"),)
