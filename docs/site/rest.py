"""The reference of REST, out of the OpenAPI document that a gateway serves at `/openapi.json`."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx

from docs.site.markdown import code, page, prose, table
from gateway.bootstrap import open_doors, open_gateway
from gateway.config.parse import read_settings
from toolward.types import JsonObject

_METHODS = ("get", "put", "post", "patch", "delete")


def document() -> JsonObject:
    """As a gateway without tool servers serves it."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_served(Path(folder)))


async def _served(folder: Path) -> JsonObject:
    config = folder / "toolward.yaml"
    config.write_text("version: 1\nhttp: 127.0.0.1:0\ngrpc: 127.0.0.1:0\nbackends: {}\n", encoding="utf-8")
    async with (
        open_gateway(read_settings(config, {}), folder / "home", environment={}) as gateway,
        open_doors(gateway) as doors,
        httpx.AsyncClient(base_url=f"http://{doors.http}") as client,
    ):
        return cast(JsonObject, (await client.get("/openapi.json")).raise_for_status().json())


def operations(of: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Method, path and description of each."""
    for path, at in cast(dict[str, JsonObject], of["paths"]).items():
        for method in _METHODS:
            if method in at:
                yield method.upper(), path, at[method]


def rest_page() -> str:
    served = document()
    parts = [
        "Written from the OpenAPI document, which a running gateway serves at `/openapi.json` and shows "
        "as a page at "
        "`/docs`. Every request needs `Authorization: Bearer …` ([identity](../identity.md)); errors "
        "are problems of "
        "RFC 9457 ([error catalogue](errors.md))."
    ]
    by_tag: dict[str, list[str]] = {}
    for method, path, told in operations(served):
        said = by_tag.setdefault(str((told.get("tags") or ["more"])[0]), [])
        said += [
            f"### {method} {prose(path)}",
            prose(str(told.get("description") or told.get("summary", ""))),
        ]
        said += [_parameters(told), *_body(served, told)]
    for tag, said in by_tag.items():
        parts += [f"## {tag[:1].upper()}{tag[1:]}", *said]
    return page("REST", *parts)


def _parameters(told: JsonObject) -> str:
    rows = [
        (
            code(one["name"]),
            str(one["in"]),
            "yes" if one.get("required") else "",
            prose(str(one.get("description", ""))),
        )
        for one in cast(list[JsonObject], told.get("parameters", []))
    ]
    return table(("parameter", "in", "needed", "meaning"), rows)


def _body(served: JsonObject, told: JsonObject) -> Iterator[str]:
    content = cast(dict[str, JsonObject], told.get("requestBody", {}).get("content", {}))
    for kind, of in content.items():
        schema = _resolved(served, of.get("schema", {}))
        needed = schema.get("required", [])
        rows = [
            (
                code(name),
                _type(served, at),
                "yes" if name in needed else "",
                prose(str(at.get("description", ""))),
            )
            for name, at in cast(dict[str, JsonObject], schema.get("properties", {})).items()
        ]
        yield f"Body, `{kind}`" + (":" if rows else ".")
        yield table(("member", "type", "needed", "meaning"), rows)
    for status, answer in cast(dict[str, JsonObject], told.get("responses", {})).items():
        if status != "default":
            kinds = ", ".join(map(code, answer.get("content", {})))
            yield f"Answers {status}" + (f" with {kinds}." if kinds else ".")


def _resolved(served: JsonObject, schema: JsonObject) -> JsonObject:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    return cast(JsonObject, served["components"]["schemas"][reference.rpartition("/")[2]])


def _type(served: JsonObject, schema: JsonObject) -> str:
    if isinstance(reference := schema.get("$ref"), str):
        return reference.rpartition("/")[2]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            kinds = [_type(served, one) for one in schema[key]]
            return " or ".join(kind for kind in kinds if kind != "null")
    if schema.get("type") == "array":
        return f"list of {_type(served, schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    return " or ".join(cast(list[str], kind)) if isinstance(kind, list) else str(kind)
