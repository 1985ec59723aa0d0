"""The REST interface as a page, out of its own OpenAPI document: whoever may ask for that may read this, signed in
or not."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.servers.console.parts import Parts
from gateway.servers.console.signing_in import visit_of

_METHODS = ("get", "post", "put", "patch", "delete")


class Field(NamedTuple):
    """A parameter, or a member of the body. `where` is `path`, `query`, `header` or `body`."""

    name: str
    where: str
    kind: str
    needed: bool
    said: str


class Operation(NamedTuple):
    method: str
    path: str
    id: str
    title: str
    said: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]
    """Status and what comes with it."""


def reference_route(parts: Parts) -> Route:
    async def reference(request: Request) -> Response:
        groups = operations_of(parts.document())
        visit = visit_of(parts, request)
        if visit is None:
            return parts.pages.stranger(request, "rest.html", groups=groups)
        return parts.pages.render(visit, "rest.html", here="docs", groups=groups)

    return Route("/docs", reference, methods=["GET"])


def operations_of(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """By their tag, in the document's order."""
    found: dict[str, list[Operation]] = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                said = item[method]
                tag = next(iter(said.get("tags", ())), "other")
                found.setdefault(tag, []).append(_operation(document, method, path, said))
    return found


def _operation(document: Mapping[str, Any], method: str, path: str, said: Mapping[str, Any]) -> Operation:
    fields = [
        Field(
            one["name"],
            one["in"],
            kind_of(one.get("schema", {})),
            one.get("required", False),
            one.get("description") or one.get("schema", {}).get("description", ""),
        )
        for one in said.get("parameters", ())
    ]
    answers = tuple(
        (status, _content(answer.get("content", {})) or answer.get("description", ""))
        for status, answer in said.get("responses", {}).items()
    )
    return Operation(
        method.upper(),
        path,
        f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        said.get("summary", ""),
        said.get("description", ""),
        (*fields, *_body(document, said.get("requestBody", {}))),
        answers,
    )


def _body(document: Mapping[str, Any], body: Mapping[str, Any]) -> list[Field]:
    schema = _content_schema(body.get("content", {}))
    if "$ref" in schema:
        schema = document.get("components", {}).get("schemas", {}).get(_name(schema["$ref"]), {})
    needed = schema.get("required", ())
    if not schema.get("properties"):
        kind = kind_of(schema) if schema else ""
        return [Field("", "body", kind, True, schema.get("description", ""))] if kind else []
    return [
        Field(name, "body", kind_of(one), name in needed, one.get("description", ""))
        for name, one in schema["properties"].items()
    ]


def _content(content: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{kind_of(one.get('schema', {}))} ({media})" if one.get("schema") else media
        for media, one in content.items()
    )


def _content_schema(content: Mapping[str, Any]) -> Mapping[str, Any]:
    schemas: list[Mapping[str, Any]] = [one.get("schema", {}) for one in content.values()]
    return schemas[0] if schemas else {}


def kind_of(schema: Mapping[str, Any]) -> str:
    """`list of Tool`, `integer or null`: as far as one line says it."""
    if "$ref" in schema:
        return _name(schema["$ref"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(kind_of, schema[several])))
    if "enum" in schema:
        return " or ".join(str(one) for one in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if kind == "object" and schema.get("properties"):
        inner = ", ".join(f"{name}: {kind_of(one)}" for name, one in list(schema["properties"].items())[:6])
        return f"{{{inner}}}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
