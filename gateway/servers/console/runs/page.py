"""The page of one run, and the run as JSON."""

import secrets
from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from gateway.runs.so_far import log_so_far
from gateway.servers.console.parts import Parts
from gateway.servers.console.runs.detail import detail
from gateway.servers.console.runs.view import View, read_steps
from gateway.servers.console.telling import now_ms
from gateway.servers.console.visits import Shown, Visit
from toolward.errors import InvalidRequest


def one_run(parts: Parts) -> list[Shown]:
    agents = parts.agents

    async def page(visit: Visit) -> Response:
        run = await agents.get_run(visit.principal, visit.path("id"))
        steps = await read_steps(agents, visit.principal, run)
        asked = whole(visit.query, "page")
        view = View(run, steps, now_ms(), page=asked, chosen=whole(visit.query, "step"))
        return parts.pages.render(
            visit, "runs/run.html", here="runs", view=view,
            detail=await detail(agents, visit.principal, view),
            live="" if run.state.ended else _live(view, follows=not asked and view.page == view.pages),
            key=secrets.token_urlsafe(12),
        )  # fmt: skip

    async def as_json(visit: Visit) -> Response:
        run = await agents.get_run(visit.principal, visit.path("id"))
        return _json({"run": run, "events": await log_so_far(agents, visit.principal, run)})

    async def request(visit: Visit) -> Response:
        """What the model was asked in one turn, whole."""
        turn = whole({"turn": visit.path("turn")}, "turn")
        return _json(await agents.get_model_request(visit.principal, visit.path("id"), turn))

    return [
        Shown("/runs/{id}.json", as_json),
        Shown("/runs/{id}/requests/{turn}.json", request),
        Shown("/runs/{id}", page),
    ]


def whole(query: Mapping[str, str], name: str) -> int:
    """A number of an address; 0 where it says none. Raises InvalidRequest."""
    text = query.get(name, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest(f"{name} is {text[:40]!r}, which is no number.")
    return int(text)


def _live(view: View, *, follows: bool) -> str:
    """Where what comes after this page is sent from; `follows`: it goes on to the next page of steps."""
    chosen = view.chosen.seq if view.chosen else 0
    return f"/runs/{view.run.id}/live?after={view.steps.seq}&page={view.page}&step={chosen}&follows={int(follows)}"


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
