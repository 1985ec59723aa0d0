"""What the OpenAPI document says of the routes for OpenAI clients: whose own document has all of it."""

from typing import Any

import msgspec

from gateway.servers.chat_completions_request import ChatRequest
from toolward.types import JsonObject

_TEXT: JsonObject = {"type": "string"}
_NUMBER: JsonObject = {"type": "integer"}


def _object(**members: JsonObject) -> JsonObject:
    return {"type": "object", "required": list(members), "properties": members}


_MODEL = _object(id=_TEXT, object={"const": "model"}, created=_NUMBER, owned_by=_TEXT)
_STATE = _object(run_id=_TEXT, state=_TEXT, input_requests={"type": "array", "items": {"type": "object"}})
_MESSAGE = _object(role={"const": "assistant"}, content=_TEXT)
_CHOICE = _object(index=_NUMBER, message=_MESSAGE, finish_reason=_TEXT)
_COMPLETION = _object(
    id=_TEXT,
    object={"const": "chat.completion"},
    created=_NUMBER,
    model=_TEXT,
    choices={"type": "array", "items": _CHOICE},
    usage=_object(prompt_tokens=_NUMBER, completion_tokens=_NUMBER, total_tokens=_NUMBER),
    toolward=_STATE,
)
_PROBLEM: JsonObject = {"$ref": "#/components/schemas/Problem"}
_ERROR = _object(error=_object(message=_TEXT, type=_TEXT, code=_TEXT))


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _responses(content: JsonObject) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "OK", "content": content},
        "default": {
            "description": "What was wrong, as OpenAI's clients know it; a problem where the door itself says it",
            "content": _json(_ERROR) | {"application/problem+json": {"schema": _PROBLEM}},
        },
    }


def describing_models(*, many: bool = False) -> dict[int | str, dict[str, Any]]:
    listed = _object(object={"const": "list"}, data={"type": "array", "items": _MODEL})
    return _responses(_json(listed if many else _MODEL))


def completing() -> dict[int | str, dict[str, Any]]:
    chunks = {"text/event-stream": {"schema": {"type": "string"}}}
    return _responses(_json(_COMPLETION) | chunks)


def chat_operation() -> JsonObject:
    """What FastAPI does not see: the body is read by ourselves."""
    reference = {"$ref": "#/components/schemas/ChatRequest"}
    return {"requestBody": {"required": True, "content": _json(reference)}}


def chat_schemas(template: str) -> JsonObject:
    """Those of the body, by name."""
    return msgspec.json.schema_components([ChatRequest], ref_template=template)[1]
