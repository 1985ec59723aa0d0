"""The pages: all tools with the backends they come from, and one tool with a form to call it."""

import secrets
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from gateway.core.binding import Decision
from gateway.core.catalog import CatalogTool
from gateway.servers.console.parts import Parts
from gateway.servers.console.tools.copies import copies
from gateway.servers.console.tools.fields import (
    PREFIX,
    fields_of,
    from_json,
    has_form,
    typed_in,
    with_problems,
)
from gateway.servers.console.visits import Shown, Visit
from toolward.errors import InvalidArguments, ToolwardError
from toolward.types import CallContext, Deferred, InputRequired, JsonObject, Outcome, ToolCall

MAX_SHOWN = 200
"""Tools on the page; the search finds the others."""


# Long because it is one list of pages, which share what they close over.
def shown(parts: Parts) -> list[Shown]:
    health = parts.oversight.health

    async def listed(visit: Visit) -> Response:
        wanted = visit.query.get("q", "").strip()
        found = [one for one in health.tools(visit.principal) if _fits(one, wanted)]
        return parts.pages.render(
            visit,
            "tools/list.html",
            here="tools",
            backends=health.of_backends(visit.principal),
            groups=_by_backend(found[:MAX_SHOWN]),
            found=len(found),
            most=MAX_SHOWN,
            q=wanted,
        )

    async def one(visit: Visit) -> Response:
        tool = health.tool(visit.principal, visit.path("name"))
        given = visit.query.get("arguments", "")
        arguments = from_json(given) if given else None
        return page(visit, tool, arguments, as_json=visit.query.get("as") == "json")

    async def tried(visit: Visit) -> Response:
        tool = health.tool(visit.principal, visit.path("name"))
        wanted, was_json = visit.form.get("do"), "arguments" in visit.form
        as_json = (wanted == "json") if wanted in ("json", "form") else was_json
        try:
            arguments = _arguments(visit, tool)
            if wanted in ("json", "form"):
                return page(visit, tool, arguments, as_json=as_json)
            call = ToolCall(
                tool.name, msgspec.json.encode(arguments), idempotency_key=visit.form.get("key")[:128]
            )
            decision = health.decide(visit.principal, call)
            if wanted != "call" or decision.effect == "deny":
                return page(visit, tool, arguments, as_json=as_json, decision=decision)
            outcome = await parts.tools.call_tool(visit.principal, call, CallContext())
        except ToolwardError as error:
            return page(visit, tool, None, as_json=was_json, error=error)
        return _after(outcome) or page(
            visit, tool, arguments, as_json=as_json, decision=decision, outcome=outcome
        )

    def page(
        visit: Visit,
        tool: CatalogTool,
        arguments: JsonObject | None,
        *,
        as_json: bool,
        decision: Decision | None = None,
        outcome: Outcome | None = None,
        error: ToolwardError | None = None,
    ) -> Response:
        as_json = as_json or not has_form(tool.tool.input_schema, arguments)
        return parts.pages.render(
            visit,
            "tools/one.html",
            here="tools",
            entry=tool,
            arguments=arguments,
            as_json=as_json,
            decision=decision,
            outcome=outcome,
            error=error,
            key=visit.form.get("key") or secrets.token_urlsafe(12),
            copies=copies(tool.name, tool.alias, arguments or {}, _base(visit)) if decision else (),
            **_typed(visit, tool, arguments, error),
        )

    return [
        Shown("/tools", listed),
        Shown("/tools/{name}", one),
        Shown("/tools/{name}", tried, "POST"),
    ]


def _typed(
    visit: Visit, tool: CatalogTool, arguments: JsonObject | None, error: ToolwardError | None
) -> dict[str, Any]:
    """What stands in the form: the arguments, or where they cannot be read what was sent, with what is wrong."""
    fields = fields_of(tool.tool.input_schema, arguments)
    if arguments is None and visit.form.get("do"):
        problems = error.violations if error else ()
        fields = with_problems(fields_of(tool.tool.input_schema, {}), visit.form.under(PREFIX), problems)
    return {"fields": fields, "text": visit.form.get("arguments") if arguments is None else None}


def _arguments(visit: Visit, tool: CatalogTool) -> JsonObject:
    """Raises InvalidRequest, with the fields that cannot be read."""
    if "arguments" in visit.form:
        return from_json(visit.form.get("arguments"))
    typed = typed_in(tool.tool.input_schema, visit.form)
    if typed.problems:
        said = "; ".join(map(str, typed.problems))
        raise InvalidArguments(f"Not everything can be read: {said}.", violations=typed.problems)
    return typed.arguments


def _after(outcome: Outcome) -> Response | None:
    """Where a call leads that has no result yet."""
    if isinstance(outcome, InputRequired):
        return RedirectResponse(f"/inbox/{outcome.requests[0].id}", 303)
    if isinstance(outcome, Deferred):
        return RedirectResponse(f"/runs/{outcome.run_id}", 303)
    return None


def _fits(tool: CatalogTool, wanted: str) -> bool:
    said = f"{tool.name} {tool.tool.title or ''} {tool.tool.description}".lower()
    return all(word in said for word in wanted.lower().split())


def _by_backend(tools: list[CatalogTool]) -> dict[str, list[CatalogTool]]:
    found: dict[str, list[CatalogTool]] = {}
    for one in tools:
        found.setdefault(one.backend, []).append(one)
    return found


def _base(visit: Visit) -> str:
    return str(visit.request.base_url).rstrip("/")
