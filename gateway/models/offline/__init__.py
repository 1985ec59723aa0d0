"""`offline`: what answers when no model endpoint is configured. It is a deterministic stand-in and not a language
model: it cuts a request into clauses (`words`), gives each to the offered tool that fits (`plan`), fills the
arguments (`fill`) and tells what came back (`answer`), one call a turn."""

import re
from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

import msgspec

from gateway.core.ports import Message, ModelReply, ModelRequest, ToolUse, Usage
from gateway.models.offline.answer import HOW_TO_CONFIGURE, Call, described, short, told
from gateway.models.offline.fill import Task, read_tool
from gateway.models.offline.plan import BEST_HIT, Step, make_plan
from gateway.models.offline.words import values, words
from toolward.types import Json

__all__ = ["OfflineModel"]


class OfflineModel:
    """A ModelPort without a model. It keeps nothing: each reply follows from the request alone."""

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """The call for the next step, or the answer when there is none. Raises nothing."""
        use, text = _next(request)
        if on_text is not None:
            for piece in re.findall(r"\S+\s*|\s+", text):
                on_text(piece)
        given = len(msgspec.json.encode(request.messages)) + len(msgspec.json.encode(request.tools))
        usage = Usage(given // 4, len(use.arguments_json if use else text) // 4)  # four characters to a token
        return ModelReply(text, (use,) if use else (), "tool_use" if use else "final", usage, "offline")


def _next(request: ModelRequest) -> tuple[ToolUse | None, str]:
    asked = max((place for place, one in enumerate(request.messages) if one.role == "user"), default=0)
    earlier, made = _calls(request.messages[:asked]), _calls(request.messages[asked:])
    text = request.messages[asked].text if request.messages else ""
    if earlier and not request.tools:
        return None, "\n\n".join(f"{call.tool}: {described(call)}" for call in earlier)
    if not request.tools or not (words(text) or values(text, "id")):
        names = (
            "\n".join(f"- {tool.name}" for tool in request.tools) or "nothing, as no tools are offered to me"
        )
        return None, f"Hello. Ask me for something that these tools do:\n{names}\n\n{HOW_TO_CONFIGURE}"
    # behind a look-up that failed, `its total` is nobody's
    known = takewhile(lambda call: not (call.is_error and "get_" in call.tool), reversed([*earlier, *made]))
    steps = make_plan(text, [read_tool(tool) for tool in request.tools])
    progress = _Progress(steps, {call.key: call for call in made}, [call.data for call in known])
    use = progress.next_call(f"call_{asked}")
    return use, "" if use else progress.answer()


def _calls(messages: tuple[Message, ...]) -> list[Call]:
    """The calls in a part of a conversation, oldest first. The id of each ends with the key of its step."""
    none = Message("tool", "no result came back", is_error=True)
    results = {message.tool_use_id: message for message in messages if message.role == "tool"}
    uses = [(use, results.get(use.id, none)) for message in messages for use in message.tool_uses]
    return [Call(use.id.split("_", 2)[-1], use.name, result.text, result.is_error) for use, result in uses]


class _Progress(NamedTuple):
    """How far a plan has come."""

    steps: list[Step]
    made: dict[str, Call]  # by the key of their steps
    known: list[Json]  # what came back, newest first

    def next_call(self, name: str) -> ToolUse | None:
        lines = [self._line(step) for step in self.steps if step.key in self.made]
        summary = "\n\n".join(["# Summary", *filter(None, lines), ""]) if lines else ""
        for step in self.steps:
            if step.tool is None or step.key in self.made:
                continue
            arguments, missing = Task(step.clause, step.tool, self.known, summary).fill()
            if not missing:
                return ToolUse(f"{name}_{step.key}", step.tool.name, msgspec.json.encode(arguments).decode())
        return None

    def answer(self) -> str:
        """What each step gave, or why it was not made, in order."""
        lines = [self._line(step) for step in self.steps]
        is_done = all(step.key in self.made or BEST_HIT in step.key for step in self.steps)
        return "\n\n".join([*filter(None, lines), *([] if is_done else [HOW_TO_CONFIGURE])])

    def _line(self, step: Step) -> str:
        call, best = self.made.get(step.key), self.made.get(step.key + BEST_HIT)
        if (best and not best.is_error) or (BEST_HIT in step.key and not call):
            return ""  # the best hit says more than the search; or there is none
        if call:
            return told(step.clause, call, changes=step.tool is not None and step.tool.changes)
        problem = step.problem
        if step.tool:
            missing = Task(step.clause, step.tool, self.known).fill()[1]
            problem = (
                f"{step.tool.name} needs `{'` and `'.join(missing)}`, and I found no clear value to give"
            )
        return f"I could not do “{short(step.clause.text)}”: {problem}."
