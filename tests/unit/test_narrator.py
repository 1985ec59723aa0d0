"""A run in words, while it goes: what the model says, thinks, begins to call, and what a turn took."""

import io
from contextlib import redirect_stderr
from typing import Any

import pytest

from gateway.cli.watch import Narrator
from toolward.types import RunEvent, TextDelta


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def replied(turn: int = 1, *, calls: int = 0, cost: int | None = None, **usage: int) -> RunEvent:
    data: dict[str, Any] = {
        "turn": turn,
        "tool_uses": [{}] * calls,
        "usage": usage,
        "model": "m",
        "duration_ms": 5,
    }
    return RunEvent("run_1", 3, "model_replied", 0, data | {"cost": cost})


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def told(out: Terminal, *news: RunEvent | TextDelta, reasoning: bool = False) -> Narrator:
    narrator = Narrator(reasoning=reasoning)
    with redirect_stderr(out):
        for one in news:
            narrator.tell(one)
    return narrator


def test_calls_are_told_as_they_begin_and_text_as_it_comes(out: Terminal) -> None:
    told(
        out,
        TextDelta(1, 0, "I look"),
        TextDelta(1, 6, " it up."),
        TextDelta(1, 0, "crm.get_record\ncrm.\x1b[2Jfind\n", "call"),
        replied(calls=2, input_tokens=10, output_tokens=5),
    )
    assert out.getvalue().splitlines() == [
        "  I look it up.",
        "\x1b[2m  calls crm.get_record …\x1b[0m",
        "\x1b[2m  calls crm.\\u001b[2Jfind …\x1b[0m",
        "\x1b[2mturn 1: 2 calls (m, 10 + 5 tokens, 5 ms)\x1b[0m",
    ]


def test_reasoning_is_dim_and_for_those_who_asked_for_it(out: Terminal) -> None:
    pieces = TextDelta(1, 0, "Hm.", "reasoning"), TextDelta(1, 0, "Yes.")
    told(out, *pieces, reasoning=True)
    assert out.getvalue() == "  \x1b[2mHm.\x1b[0m\n  Yes."
    out.truncate(0)
    out.seek(0)
    told(out, *pieces)
    assert out.getvalue() == "  Yes."


def test_the_end_of_a_turn_has_its_usage_and_cost(out: Terminal) -> None:
    told(out, replied(cost=1_234_567, input_tokens=9, cached_tokens=7, output_tokens=6, reasoning_tokens=4))
    assert "9 + 6 tokens, 7 of them cached, 4 for reasoning, $0.0012, 5 ms" in out.getvalue()


def test_what_is_void_is_said_once_and_the_answer_counts_as_shown_when_all_of_it_was(out: Terminal) -> None:
    again = TextDelta(1, 0, "")
    narrator = told(
        out, TextDelta(1, 0, "Hel"), again, TextDelta(1, 0, "", "call"), TextDelta(1, 0, "Bye"), replied()
    )
    assert out.getvalue().count("asked again") == 1
    assert narrator.showed("Bye")
    assert not narrator.showed("Hello")
    gap = told(out, TextDelta(1, 0, "Hel"), TextDelta(1, 4, "o"), replied())
    assert not gap.showed("Hello")
    assert not gap.showed("o")
    assert "  … o" in out.getvalue()
