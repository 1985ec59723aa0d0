"""Input requests as forms that an MCP client puts before its person, and what they say as answers."""

from typing import Any, cast

import msgspec

from toolward.types import Answer, InputRequest, InputRequired, JsonObject, RequestKind

MAX_SHOWN = 8_000
"""Characters of one argument in a form; a longer one is not put to a yes there: nobody would read it."""

_APPROVE: JsonObject = {
    "type": "object",
    "properties": {
        "approve": {"type": "boolean", "title": "Approve", "description": "Let this one call be made."},
        "reason": {"type": "string", "title": "Reason", "description": "Why, or why not; the agent sees it."},
    },
    "required": ["approve"],
}
_TEXT: JsonObject = {
    "type": "object",
    "properties": {"answer": {"type": "string", "title": "Answer"}},
    "required": ["answer"],
}


def forms(outcome: InputRequired) -> dict[str, JsonObject]:
    """The params of `elicitation/create` for each request, by its id. Empty when the caller's client is not to ask:
    it is not one of those who may answer (no state), or what there is to read is too long for a form."""
    if not outcome.state:
        return {}
    found: dict[str, JsonObject] = {}
    for request in outcome.requests:
        lines = [_printable(request.prompt), *_rows(request)]
        if any(len(line) > MAX_SHOWN for line in lines):
            return {}
        schema = _APPROVE if _wants_a_yes(request) else _TEXT
        found[request.id] = {"mode": "form", "message": "\n".join(lines), "requestedSchema": schema}
    return found


def answer_of(request_kind: RequestKind, action: str, content: object) -> Answer | None:
    """What a person said to a form. None where they put it off (`cancel`), or the client sent no answer that fits:
    the request then stays as it is."""
    fields = cast(JsonObject, content) if isinstance(content, dict) else {}
    if request_kind not in (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW):
        text = fields.get("answer")
        return Answer(text=text) if action == "accept" and isinstance(text, str) else None
    if action == "decline":
        return Answer(approve=False, reason="declined without a reason")
    approve, reason = fields.get("approve"), fields.get("reason")
    if action != "accept" or not isinstance(approve, bool):
        return None
    return Answer(approve=approve, reason=reason if isinstance(reason, str) else "")


def _wants_a_yes(request: InputRequest) -> bool:
    return request.kind in (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW)


def _rows(request: InputRequest) -> list[str]:
    """The arguments, one a line."""
    arguments: Any = request.detail.get("arguments")
    if not isinstance(arguments, dict):
        return []
    named = cast(JsonObject, arguments).items()
    return [f"{_printable(name)}: {_printable(_text(value))}" for name, value in named]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _printable(text: str) -> str:
    """On one line, control and bidirectional characters as escapes: an argument must not pass for our words."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
