"""A trajectory in the OpenAI chat format for fine-tuning: one line a conversation. Pure.

It is what the model of the last turn was asked, and its answer. What a model would be trained on must be its own
words: messages that the house wrote in its name (a late outcome's) have the weight 0.
"""

from collections.abc import Sequence

import msgspec

from gateway.agent.trajectory import Prompt, TrajectoryLine
from toolward.types import JsonObject, RunState, TurnMessage, TurnTool, TurnToolUse

_LATE = "_late"


class Unfit(Exception):
    """Why a trajectory is no example, in words that go on from “it”."""


def conversation(line: TrajectoryLine) -> tuple[TurnMessage, ...]:
    """All messages to the end of the last turn. Raises Unfit."""
    said: tuple[TurnMessage, ...] = ()
    for turn in line.turns:
        if turn.prompt is None:
            raise Unfit("is from before prompts were recorded")
        said = prompt(said, turn.prompt)
    if not line.turns:
        raise Unfit("has no turn")
    reply = line.turns[-1].reply
    return (*said, TurnMessage("assistant", reply.text, reply.tool_uses))


def prompt(before: Sequence[TurnMessage], now: Prompt) -> tuple[TurnMessage, ...]:
    """The messages of a prompt, made of those of the turn before. Raises Unfit."""
    if now.add is None:
        raise Unfit("has lost words: they were erased")
    return (*before[: now.keep], *now.add)


def example(line: TrajectoryLine) -> JsonObject:
    """Raises Unfit."""
    if line.erased:
        raise Unfit("has lost words: they were erased")
    if line.run.state is not RunState.COMPLETED:
        raise Unfit(f"has no final answer: it is {line.run.state.value}")
    made: JsonObject = {"messages": [_message(one) for one in conversation(line)]}
    offered = [line.tools.get(turn.prompt.tools, ()) for turn in line.turns if turn.prompt is not None]
    tools = next((some for some in reversed(offered) if some), ())
    if tools:
        made["tools"] = [_tool(tool) for tool in tools]
        made["parallel_tool_calls"] = True
    return made


def _message(message: TurnMessage) -> JsonObject:
    if message.role == "tool":
        # The format has no flag for a failed call: as on the wire, it is said in words.
        text = f"The call failed: {message.text}" if message.is_error else message.text
        return {"role": "tool", "tool_call_id": message.tool_use_id, "content": text}
    if message.role != "assistant" or not message.tool_uses:
        return {"role": message.role, "content": message.text}
    made: JsonObject = {"role": "assistant", "content": message.text or None}
    made["tool_calls"] = [_tool_call(use) for use in message.tool_uses]
    if all(use.id.endswith(_LATE) for use in message.tool_uses):
        made["weight"] = 0
    return made


def _tool_call(use: TurnToolUse) -> JsonObject:
    function = {"name": use.name, "arguments": _arguments(use.arguments_json)}
    return {"id": use.id, "type": "function", "function": function}


def _arguments(text: str) -> str:
    """As they went back to the model: broken ones wrapped."""
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return msgspec.json.encode({"not_valid_json": text}).decode()
    return text


def _tool(tool: TurnTool) -> JsonObject:
    schema = tool.input_schema
    if "properties" not in schema:  # the format wants them
        none: JsonObject = {"type": "object", "properties": {}}
        schema = schema | none
    return {
        "type": "function",
        "function": {"name": tool.alias, "description": tool.description, "parameters": schema},
    }
