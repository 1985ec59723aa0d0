"""Whether an endpoint does what agents need of it, found out by asking it: three real requests, as small as they
can be."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from gateway.core.ports import Message, ModelPort, ModelReply, ModelRequest, ModelTool, Piece, ToolUse
from toolward.errors import ToolwardError

Question = Literal["answers", "streams", "calls tools"]

_TOOL = ModelTool(
    "get_door_code",
    "Gives the code of a door.",
    {
        "type": "object",
        "properties": {"door": {"type": "string"}},
        "required": ["door"],
        "additionalProperties": False,
    },
)
_ASKED: dict[Question, str] = {
    "answers": "Reply with the one word: ready",
    "streams": "Count from one to twelve in words, with commas between them.",
    "calls tools": f"What is the code of the door B? Call {_TOOL.name} to find out; do not ask anything first.",
}


class Finding(msgspec.Struct, frozen=True):
    """What one request showed. `problem` and `hint` are empty where it is well. `seconds` is the time to the whole
    reply, `first` to its first piece."""

    problem: str = ""
    hint: str = ""
    seconds: float = 0.0
    first: float | None = None
    cost: int | None = None  # in billionths of a US dollar

    @property
    def ok(self) -> bool:
        return not self.problem


class Check(NamedTuple):
    """`now` is a clock in seconds; `begun` hears what is asked next."""

    port: ModelPort
    now: Callable[[], float]
    begun: Callable[[Question], None] = lambda _: None

    async def run(self, *, streams: bool = True) -> dict[Question, Finding]:
        """Each question that was asked, with what it showed; what does not answer is asked nothing more. Without
        `streams` it is not asked whether it does."""
        found: dict[Question, Finding] = {"answers": await self._ask("answers", _silent)}
        if found["answers"].ok:
            if streams:
                found["streams"] = await self._ask("streams", _in_one_piece)
            found["calls tools"] = await self._ask("calls tools", _no_call)
        return found

    async def _ask(self, question: Question, flaw: Callable[[ModelReply, int], tuple[str, str]]) -> Finding:
        self.begun(question)
        start, times = self.now(), list[float]()

        def heard(piece: Piece) -> None:
            if piece.kind in ("text", "reasoning"):
                times.append(self.now())

        request = ModelRequest(
            (Message("user", _ASKED[question]),),
            (_TOOL,) if question == "calls tools" else (),
            timeout=self.port.facts.timeout,
        )
        try:
            reply = await self.port.reply(request, heard if question == "streams" else None)
        except ToolwardError as error:
            return Finding(error.message, error.hint, self.now() - start)
        problem, hint = flaw(reply, len(times))
        first = times[0] - start if times else None
        return Finding(problem, hint, self.now() - start, first, reply.cost)


_WELL = ("", "")


def _silent(reply: ModelReply, _: int) -> tuple[str, str]:
    if reply.text.strip() or reply.reasoning or reply.native is not None or reply.stop == "length":
        return _WELL
    return f"It said nothing, and stopped ({reply.stop}).", "Check that the model is one for chat."


def _in_one_piece(_: ModelReply, pieces: int) -> tuple[str, str]:
    if pieces > 1:
        return _WELL
    return "Its reply came in one piece.", "If it cannot stream, say so: stream: false"


def _no_call(reply: ModelReply, _: int) -> tuple[str, str]:
    if any(_fits(use) for use in reply.tool_uses):
        return _WELL
    if reply.tool_uses:
        return (
            "It called the tool with arguments that do not fit it.",
            "Take a model that is better at tools.",
        )
    why = "its reply was cut off" if reply.stop == "length" else "it said something instead"
    return (
        f"It did not call the tool that it was told to call: {why}.",
        "Take a model that calls tools, or let it write its calls as text: tools: json_actions",
    )


def _fits(use: ToolUse) -> bool:
    try:
        arguments = msgspec.json.decode(use.arguments_json, type=dict[str, str])
    except ValueError:
        return False
    return use.name == _TOOL.name and "door" in arguments
