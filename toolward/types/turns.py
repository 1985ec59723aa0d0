"""What a model was asked in one turn of a run."""

from typing import Literal

import msgspec

from toolward.types.values import JsonObject


class TurnToolUse(msgspec.Struct, frozen=True):
    """A model's wish to call a tool, under the name that it was given."""

    id: str
    name: str
    arguments_json: str


class TurnMessage(msgspec.Struct, frozen=True):
    """One message that a model was sent, in no endpoint's format."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_uses: tuple[TurnToolUse, ...] = ()  # of an assistant's message
    tool_use_id: str = ""  # what a tool's message answers
    is_error: bool = False


class TurnTool(msgspec.Struct, frozen=True):
    """A tool that a model was offered as `alias`; its qualified name, which the model was not told, is `name`."""

    alias: str
    name: str
    description: str
    input_schema: JsonObject


class TurnRequest(msgspec.Struct, frozen=True):
    """What the model was asked in one turn of a run, rebuilt from the run's log: exactly what its event names by
    `digest`, and by `tools_digest` the list of tools."""

    run_id: str
    turn: int
    digest: str
    tools_digest: str
    messages: tuple[TurnMessage, ...]
    tools: tuple[TurnTool, ...]
