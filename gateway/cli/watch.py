"""A run's events as lines for people."""

from typing import Any

from gateway.cli.output import coloured, note, printable_lines, shorten
from toolward.types import RunEvent

_LINE = 100


class Narrator:
    """Tells a run as it goes: each turn, each call with its decision and time. The answer is left to the caller."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, Any]] = {}

    def tell(self, event: RunEvent) -> None:
        data = event.data
        match event.type:
            case "run_started":
                note(coloured(f"run {event.run_id}, agent {data['agent']}", "dim"))
            case "model_replied":
                self._replied(data)
            case "tool_called":
                self._calls[data["call_id"]] = data
            case "tool_returned":
                self._returned(data)
            case "input_requested":
                note(f"  {coloured('ask  ', 'ask')} {shorten(data['prompt'], 300)}")
            case "input_answered":
                note(f"  {coloured(_answer(data), 'dim')}")
            case "run_failed":
                note(f"  {coloured('failed', 'failed')} {shorten(data['message'], 400)}")
            case "run_cancelled":
                note(f"  {coloured('cancelled', 'failed')}")
            case _:
                pass

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
    if data.get("approve") is None:
        said = [one for one in (data.get("choice"), data.get("text")) if one]
        return f"answered by {data.get('by') or 'somebody'}: {printable_lines(': '.join(said))}"
    word = "approved" if data["approve"] else "denied"
    reason = f": {shorten(data['reason'], 200)}" if data.get("reason") else ""
    if data.get("arguments_json"):
        word += f" with other arguments ({shorten(data['arguments_json'], _LINE)})"
    return f"{word} by {data.get('by') or 'somebody'}{reason}"
