"""The OpenAPI document: schemas of our own types, which FastAPI does not know, are put in by reference."""

from typing import Any

import msgspec
from fastapi import FastAPI

from gateway.core.ports import CallPage, Listing
from gateway.oversight.calls import CallDetail
from gateway.oversight.policies.told import PolicyRules, PolicyWhy
from gateway.oversight.usage import Usage
from gateway.servers.chat_completions_openapi import chat_schemas
from toolward.types import (
    Agent,
    InputRequest,
    JsonObject,
    Run,
    RunEvent,
    RunPage,
    TextDelta,
    Tool,
    ToolPage,
    TurnRequest,
)


class CallResult(msgspec.Struct):
    """What a call gives."""

    content: list[dict[str, Any]]
    structured_content: Any
    is_error: bool


_TYPES = (
    Agent,
    CallDetail,
    CallPage,
    CallResult,
    InputRequest,
    Listing,
    PolicyRules,
    PolicyWhy,
    Run,
    RunEvent,
    RunPage,
    TextDelta,
    Tool,
    ToolPage,
    TurnRequest,
    Usage,
)
_REFERENCE = "#/components/schemas/{name}"
_PROBLEM: JsonObject = {
    "type": "object",
    "description": "RFC 9457 problem; `code` is the stable error code.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "hint": {"type": "string"},
        "rule": {"type": "string"},
        "request_id": {"type": "string"},
        "violations": {"type": "array", "items": {"type": "object"}},
    },
}


def describing(shape: Any, member: str = "", *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with `shape`, alone or as the one `member` of an object."""
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=_REFERENCE)
    if member:
        schema = {"type": "object", "required": [member], "properties": {member: schema}}
    problem = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    return {
        status: {"description": "OK", "content": {"application/json": {"schema": schema}}},
        "default": {"description": "What was wrong and what to do", "content": problem},
    }


def streaming(*shapes: Any) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with server-sent events, whose data is one of `shapes`."""
    schemas, _ = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"oneOf": [*schemas]}}
    text = {"type": "string"}
    item = {"type": "object", "properties": {"data": data, "event": text, "id": text}}
    sent = {"description": "OK", "content": {"text/event-stream": {"x-itemSchema": item}}}
    return {200: sent, "default": describing(shapes[0])["default"]}


def described(app: FastAPI) -> None:
    """Complete the document that FastAPI makes."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _, components = msgspec.json.schema_components(_TYPES, ref_template=_REFERENCE)
            document = made()
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {}).update(components, **chat_schemas(_REFERENCE), Problem=_PROBLEM)
            parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"bearer": []}]
        assert app.openapi_schema is not None  # noqa: S101 -- `made` has set it
        return app.openapi_schema

    app.openapi = openapi  # FastAPI's documented way to extend the document
