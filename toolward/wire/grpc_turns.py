"""What a model was asked in a turn, as messages of `toolward/v1/agents.proto`."""

from typing import Any

import msgspec

from toolward.types import TurnMessage, TurnRequest, TurnTool, TurnToolUse
from toolward.v1 import agents_pb2 as pb
from toolward.wire.grpc_rpc import Malformed, json_text, read_object


def to_turn_request(asked: TurnRequest) -> pb.GetModelRequestResponse:
    return pb.GetModelRequestResponse(
        run_id=asked.run_id,
        turn=asked.turn,
        digest=asked.digest,
        tools_digest=asked.tools_digest,
        messages=map(_to_message, asked.messages),
        tools=[
            pb.TurnTool(
                alias=tool.alias,
                name=tool.name,
                description=tool.description,
                input_schema_json=json_text(tool.input_schema),
            )
            for tool in asked.tools
        ],
    )


def from_turn_request(found: pb.GetModelRequestResponse) -> TurnRequest:
    """Raises Malformed."""
    tools = (
        TurnTool(
            tool.alias,
            tool.name,
            tool.description,
            read_object(tool.input_schema_json, f"the input schema of {tool.alias!r}"),
        )
        for tool in found.tools
    )
    return TurnRequest(
        found.run_id,
        found.turn,
        found.digest,
        found.tools_digest,
        tuple(map(_from_message, found.messages)),
        tuple(tools),
    )


def _to_message(message: TurnMessage) -> pb.TurnMessage:
    return pb.TurnMessage(
        role=message.role,
        text=message.text,
        tool_uses=[
            pb.TurnToolUse(id=use.id, name=use.name, arguments_json=use.arguments_json)
            for use in message.tool_uses
        ],
        tool_use_id=message.tool_use_id,
        is_error=message.is_error,
    )


def _from_message(found: pb.TurnMessage) -> TurnMessage:
    fields: dict[str, Any] = {
        "role": found.role,
        "text": found.text,
        "tool_uses": tuple(TurnToolUse(use.id, use.name, use.arguments_json) for use in found.tool_uses),
        "tool_use_id": found.tool_use_id,
        "is_error": found.is_error,
    }
    try:
        return msgspec.convert(fields, TurnMessage)
    except msgspec.ValidationError as error:
        raise Malformed(f"one of its messages cannot be read: {error}") from None
