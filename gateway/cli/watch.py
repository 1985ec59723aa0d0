"""A run's events as lines for people."""

import sys
from typing import Any

from gateway.cli.colours import coloured
from gateway.cli.output import note, shorten
from gateway.core.model_spec import BILLION
from toolward.printable import printable, printable_lines
from toolward.types import RunEvent, TextDelta

_LINE = 100


class Narrator:
    """Tells a run as it goes: each turn, each call with its decision and time. The answer is left to the caller,
    who may ask whether it was `showed` while it came. Reasoning is told where that is wanted."""

    def __init__(self, *, reasoning: bool = False) -> None:
        self._reasoning = reasoning
        self._calls: dict[str, dict[str, Any]] = {}
        self._heard: TextDelta | None = None  # the newest piece, while its line goes on
        self._text = ""  # of this turn, as far as it was shown from its beginning without a gap

    def know(self, event: RunEvent) -> None:
        """One that is not told, and of which something that is told speaks: a call that waited, say."""
        if event.type == "tool_called":
            self._calls[event.data["call_id"]] = event.data

    def tell(self, news: RunEvent | TextDelta) -> None:
        if isinstance(news, TextDelta):
            self._hear(news)
            return
        self._end_line()
        self._tell(news)

    def showed(self, text: str) -> bool:
        """Whether this is the last text that was shown while it came, and all of it."""
        return bool(text) and self._text == text

    def _hear(self, piece: TextDelta) -> None:
        if piece.kind == "reasoning" and not self._reasoning:
            return
        if not piece.text:
            self._void(piece)
        elif piece.kind == "call":
            self._end_line()
            for name in piece.text.splitlines():
                note(coloured(f"  calls {printable(name)} …", "dim"))
        else:
            self._write(piece)

    def _write(self, piece: TextDelta) -> None:
        """On one line as far as the pieces follow one another; where some are missing, it says so."""
        before = self._heard
        if before is None or not _goes_on(before, piece):
            sys.stderr.write("\n" if before else "")
            sys.stderr.write("  … " if piece.offset else "  ")
        shown = printable_lines(piece.text)
        sys.stderr.write(coloured(shown, "dim") if piece.kind == "reasoning" else shown)
        sys.stderr.flush()
        self._heard = piece
        if piece.kind == "text":
            if piece.offset in (0, len(self._text)):
                self._text = self._text[: piece.offset] + piece.text
            else:
                self._text = ""

    def _void(self, piece: TextDelta) -> None:
        """The model is asked again: what it said before does not count."""
        if piece.kind == "text":
            self._text = ""
        if self._heard is not None:
            self._end_line()
            note(coloured("  the model is asked again", "dim"))

    def _end_line(self) -> None:
        if self._heard is not None:
            note()
            self._heard = None

    def _tell(self, event: RunEvent) -> None:
        data = event.data
        match event.type:
            case "model_replied":
                self._replied(data)
            case "tool_called":
                self.know(event)
            case "tool_returned":
                self._returned(data)
            case "run_failed":
                note(f"  {coloured('failed', 'failed')} {shorten(data['message'], 400)}")
            case "run_cancelled":
                note(f"  {coloured('cancelled', 'failed')}")
            case _:
                if line := _line(event):
                    note(line)

    def _replied(self, data: dict[str, Any]) -> None:
        if data["tool_uses"]:
            self._text = ""
        wishes = len(data["tool_uses"])
        what = f"{wishes} call{'s' if wishes != 1 else ''}" if wishes else "the answer"
        spent = _spent(data["usage"], data.get("cost"))
        note(
            coloured(
                f"turn {data['turn']}: {what} ({data['model']}, {spent}, {data['duration_ms']} ms)", "dim"
            )
        )

    def _returned(self, data: dict[str, Any]) -> None:
        call = self._calls.get(data["call_id"], {})
        tool = call.get("tool") or call.get("alias", "?")
        effect = data.get("effect") or ("deny" if data["code"] == "denied" else "")
        decision = coloured(f"{effect:<5}", effect if effect in ("allow", "ask", "deny") else "dim")
        outcome = coloured(data["code"], "failed" if data["is_error"] else "ok")
        by = f", by rule {data['rule']}" if data.get("rule") else ""
        note(f"  {decision} {tool}  {shorten(call.get('arguments_json', ''), _LINE)}")
        note(f"        {outcome} in {data['duration_ms']} ms{by}")
        if data["is_error"]:
            note(f"        {shorten(data['text'], 300)}")


def _goes_on(before: TextDelta, piece: TextDelta) -> bool:
    end = before.offset + len(before.text)
    return (before.turn, before.kind, end) == (piece.turn, piece.kind, piece.offset)


def _spent(usage: dict[str, int], cost: int | None) -> str:
    """`cost` is in billionths of a US dollar."""
    said = [f"{usage.get('input_tokens', 0)} + {usage.get('output_tokens', 0)} tokens"]
    if cached := usage.get("cached_tokens"):
        said.append(f"{cached} of them cached")
    if thought := usage.get("reasoning_tokens"):
        said.append(f"{thought} for reasoning")
    if cost:
        said.append(dollars(cost))
    return ", ".join(said)


def dollars(cost: int) -> str:
    """`cost` is in billionths of a US dollar."""
    return f"${cost / BILLION:.2g}" if cost < 10_000_000 else f"${cost / BILLION:,.2f}"


def tell_whole(events: tuple[RunEvent, ...], after: int = 0) -> None:
    """A run that is over, on the same lines, from behind this event."""
    narrator = Narrator()
    for event in events:
        if event.seq > after:
            narrator.tell(event)
        else:
            narrator.know(event)


def _answer(data: dict[str, Any]) -> str:
    if data.get("void"):
        return f"void: {shorten(data['void'], 200)}"
    if data.get("expired"):
        return "expired"
    if data.get("choice"):
        return f"{data.get('by') or 'somebody'} chose {printable_lines(data['choice'])}"
    if data.get("approve") is None:
        said = [one for one in (data.get("choice"), data.get("text")) if one]
        return f"answered by {data.get('by') or 'somebody'}: {printable_lines(': '.join(said))}"
    word = "approved" if data["approve"] else "denied"
    reason = f": {shorten(data['reason'], 200)}" if data.get("reason") else ""
    if data.get("arguments_json"):
        word += f" with other arguments ({shorten(data['arguments_json'], _LINE)})"
    return f"{word} by {data.get('by') or 'somebody'}{reason}"


def _line(event: RunEvent) -> str:
    """What needs nothing of the events before it; empty for what is not told."""
    data = event.data
    by = data.get("by") or "somebody"
    match event.type:
        case "run_started":
            return coloured(f"run {event.run_id}, agent {data['agent']}", "dim")
        case "run_retried":
            return coloured(f"run {event.run_id}, from event {data['after']} of {data['parent']}", "dim")
        case "message_received":
            return f"  {coloured(f'{by}:', 'bold')} {shorten(data['text'], 300)}"
        case "input_requested":
            return f"  {coloured('ask  ', 'ask')} {shorten(data['prompt'], 300)}"
        case "input_answered":
            return f"  {coloured(_answer(data), 'dim')}"
        case "run_paused" | "run_resumed":
            return f"  {coloured(f'{event.type[4:]} by {by}', 'dim')}"
        case _:
            return ""
