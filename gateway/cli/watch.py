"""A run's events as lines for people."""

import sys
from typing import Any

from gateway.cli.output import coloured, note, printable_lines, shorten
from toolward.types import RunEvent, TextDelta

_LINE = 100


class Narrator:
    """Tells a run as it goes: each turn, each call with its decision and time. The answer is left to the caller."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, Any]] = {}
        self._heard: TextDelta | None = None  # the newest piece, while its line goes on

    def tell(self, news: RunEvent | TextDelta) -> None:
        if isinstance(news, TextDelta):
            self._hear(news)
            return
        if self._heard is not None:
            note()
            self._heard = None
        self._tell(news)

    def _hear(self, piece: TextDelta) -> None:
        """On one line as far as the pieces follow one another; where some are missing, it says so."""
        before = self._heard
        if before is None or (before.turn, before.offset + len(before.text)) != (piece.turn, piece.offset):
            sys.stderr.write("\n" if before else "")
            sys.stderr.write("  … " if piece.offset else "  ")
        sys.stderr.write(printable_lines(piece.text))
        sys.stderr.flush()
        self._heard = piece

    def _tell(self, event: RunEvent) -> None:
        data = event.data
        match event.type:
            case "model_replied":
                self._replied(data)
            case "tool_called":
                self._calls[data["call_id"]] = data
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
        usage = data["usage"]
        wishes = len(data["tool_uses"])
        what = f"{wishes} call{'s' if wishes != 1 else ''}" if wishes else "the answer"
        tokens = f"{usage.get('input_tokens', 0)} + {usage.get('output_tokens', 0)} tokens"
        note(
            coloured(
                f"turn {data['turn']}: {what} ({data['model']}, {tokens}, {data['duration_ms']} ms)", "dim"
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


def tell_whole(events: tuple[RunEvent, ...]) -> None:
    """A run that is over, on the same lines."""
    narrator = Narrator()
    for event in events:
        narrator.tell(event)


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
