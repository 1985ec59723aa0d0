"""`offline`: what answers when no model endpoint is configured. It is a deterministic stand-in and not a language
model: it cuts a request into clauses (`words`), gives each to the offered tool that fits (`plan`), fills the
arguments (`fill`), calls one tool a turn, and tells what came back (`answer`)."""

import re

import msgspec
from msgspec.structs import replace

from gateway.core.neutral import unmarked
from gateway.core.people import ASK, ESCALATE
from gateway.core.ports import Message, ModelPort, ModelReply, ModelRequest, OnPiece, Piece, ToolUse, Usage
from gateway.models.offline.answer import HOW_TO_CONFIGURE, described, parsed, short, told
from gateway.models.offline.fill import Task, read_tool
from gateway.models.offline.plan import BEST_HIT, Step, make_plan
from gateway.models.offline.words import values, words
from toolward.names import alias
from toolward.types import Json

_FOR_PEOPLE = {alias(name) for name in (ASK, ESCALATE)}
_LOST = Message("tool", "no result came back", is_error=True)


class OfflineModel(ModelPort):
    """A ModelPort without a model. It keeps nothing: each reply follows from the request alone."""

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        """The call for the next step, or the answer when there is none. Raises nothing. People are not asked by
        what understands neither what to ask nor what they answer."""
        request = replace(request, tools=tuple(one for one in request.tools if one.name not in _FOR_PEOPLE))
        made = _next(request)
        text = made if isinstance(made, str) else ""
        uses = () if isinstance(made, str) else (made,)
        if on_piece is not None:
            for piece in re.findall(r"\S+\s*|\s+", text):
                on_piece(Piece("text", piece))
            for use in uses:
                on_piece(Piece("call", use.name))
        usage = Usage(len(str(request)) // 4, len(str(made)) // 4)  # four characters to a token, roughly
        return ModelReply(text, uses, "tool_use" if uses else "final", usage, "offline")


def _next(request: ModelRequest) -> ToolUse | str:
    messages = [
        replace(one, text=unmarked(one.text.encode(errors="replace").decode())) for one in request.messages
    ]
    asked = max((place for place, one in enumerate(messages) if one.role == "user"), default=0)
    text = messages[asked].text if messages else ""
    results = {use.id: _LOST for message in messages for use in message.tool_uses}
    results |= {message.tool_use_id: message for message in messages if message.role == "tool"}
    if results and not request.tools:
        return "\n\n".join(described(result) for result in results.values())
    if not request.tools or not (words(text) or values(text, "id")):
        names = "\n".join(f"- {tool.name}" for tool in request.tools) or "none: no tools are offered to me"
        return f"Hello. Ask me for something that these tools do:\n{names}\n\n{HOW_TO_CONFIGURE}"
    plan = make_plan(text, [read_tool(tool) for tool in request.tools])
    return _follow(plan, f"call_{asked}_", results)


def _follow(plan: list[Step], prefix: str, results: dict[str, Message]) -> ToolUse | str:
    """The call for the first step that was not made and lacks nothing; else what each step gave. The id of a call
    is the prefix, which tells questions apart, and the key of its step."""
    known: list[Json] = []  # what came back, newest first
    lines: list[str] = []
    undone: list[str] = []
    for step in plan:
        result, best = results.get(prefix + step.key), results.get(prefix + step.key + BEST_HIT)
        if result:
            # where a look-up failed, `its total` is nobody's
            lost = result.is_error and step.tool and step.tool.verb == "get"
            known = [] if lost else [parsed(result), *known]
            lines += [told(step.clause, step.tool, result)] if best is None or best.is_error else []
            continue
        problem = step.problem
        if step.tool:
            summary = "\n\n".join(["# Summary", *lines, ""]) if known else ""
            arguments, missing = Task(step.clause, step.tool, known, summary).fill()
            if not missing:
                return ToolUse(prefix + step.key, step.tool.name, msgspec.json.encode(arguments).decode())
            problem = f"{step.tool.name} needs `{'` and `'.join(missing)}`, and I found no clear value"
        if BEST_HIT not in step.key:
            undone.append(f"I could not do “{short(step.clause.text)}”: {problem}.")
    return "\n\n".join([*lines, *undone, *([HOW_TO_CONFIGURE] if undone else [])])
