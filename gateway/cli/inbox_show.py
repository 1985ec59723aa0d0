"""One input request, printed for people: who asks for what, all that is needed to answer it, and what came of it.

What a model or a tool wrote is printed with its control and bidirectional characters as escapes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from toolward.printable import printable, printable_lines
from toolward.types import InputRequest, RequestKind, RequestState

_WIDTH = 16


def lines(request: InputRequest) -> Iterator[str]:
    """Rows of names and values; of an escalation then its case, in paragraphs."""
    for name, value in _rows(request):
        if value:
            yield f"{name:<{_WIDTH}} {printable(value)}"
    if request.kind is RequestKind.ESCALATION:
        yield from _case(request.detail)
    if (how := how_to_answer(request)) and request.state in (RequestState.OPEN, RequestState.TAKEN):
        yield ""
        yield how


def how_to_answer(request: InputRequest) -> str:
    """The command for it; nothing for what is no approval and has no words of its own for that."""
    if request.kind in (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW):
        return ""
    if request.choices:
        return f"Answer with: toolward inbox answer {request.id} --choice {' | '.join(map(_word, request.choices))}"
    return f'Answer with: toolward inbox answer {request.id} "…"'


def taker(request: InputRequest) -> str:
    """Who has taken the case over, while they have it."""
    said: dict[str, Any] = request.detail.get("taken") or {}
    return str(said.get("by", "")) if request.state is RequestState.TAKEN else ""


def as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _rows(request: InputRequest) -> Iterator[tuple[str, str]]:
    detail = request.detail
    yield "request", request.id
    yield "kind", request.kind.value.replace("_", " ")
    yield "state", request.state.value
    yield "asks", request.prompt
    yield "who", str(detail.get("principal", ""))
    yield "run", request.run_id
    yield "tool", _tool(request)
    yield from _arguments("argument", detail.get("arguments"))
    yield from _arguments("asked for", detail.get("requested_arguments"))
    yield "changed by", ", ".join(detail.get("edited_by", ()))
    yield "called at", _time(detail.get("since", 0))
    yield "known", str(detail.get("known", ""))
    yield "choices", ", ".join(request.choices)
    yield "rule", str(detail.get("rule", ""))
    yield "approvers", ", ".join(request.approvers)
    yield "asked at", _time(request.created_at)
    yield "until", _time(request.expires_at)
    yield from _what_came(detail)


def _what_came(detail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if taken := detail.get("taken"):
        yield "taken by", f"{taken.get('by', '')} at {_time(taken.get('at', 0))}"
    if answer := detail.get("answer"):
        yield "answered by", str(answer.get("by", ""))
        yield "choice", str(answer.get("choice") or "")
        yield "answer", str(answer.get("text") or "")
        yield "reason", str(answer.get("reason") or "")
    if void := detail.get("void"):
        yield "void because", str(void.get("reason", ""))
        yield "in its place", str(void.get("replaced_by", ""))


def _tool(request: InputRequest) -> str:
    name = request.detail.get("tool", "")
    if not name or request.kind in (RequestKind.QUESTION, RequestKind.ESCALATION):
        return ""
    return f"{name}{' (only reads)' if request.detail.get('changes') is False else ' (changes things)'}"


def _case(detail: dict[str, Any]) -> Iterator[str]:
    yield from _paragraph("Summary", [str(detail.get("summary", ""))], mark="")
    facts = [f"{one.get('fact', '')}\n[{one.get('source', '')}]" for one in detail.get("facts") or ()]
    yield from _paragraph("Facts, and where they stand", facts)
    yield from _paragraph("Tried", [str(one) for one in detail.get("tried") or ()])


def _paragraph(title: str, entries: list[str], mark: str = "- ") -> Iterator[str]:
    if not any(entries):
        return
    yield ""
    yield title
    for entry in entries:
        first, *rest = printable_lines(entry).split("\n")
        yield f"  {mark}{first}"
        yield from (f"  {' ' * len(mark)}{line}" for line in rest)


def _arguments(name: str, arguments: Any) -> Iterator[tuple[str, str]]:
    if isinstance(arguments, dict):
        for key, value in cast(dict[str, Any], arguments).items():
            yield name, f"{key}: {as_text(value)}"


def _word(choice: str) -> str:
    return printable(choice) if choice.isidentifier() else f'"{printable(choice)}"'


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else ""
