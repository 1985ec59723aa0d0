"""What people do with a run: each is a form, and leads to the page that shows what came of it."""

from collections.abc import Awaitable, Callable

from starlette.responses import RedirectResponse, Response

from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Page, Shown, Visit
from toolward.errors import InvalidRequest
from toolward.types import Run

Do = Callable[[Visit, str], Awaitable[Run]]


def controls(parts: Parts) -> list[Shown]:
    agents = parts.agents

    async def retry(visit: Visit, run_id: str) -> Run:
        after = visit.form.get("after")
        if not (after.isascii() and after.isdigit() and len(after) < 10):
            raise InvalidRequest("A run is retried from an event's number.", hint="Use the page's own form.")
        return await agents.retry_run(visit.principal, run_id, int(after), visit.form.get("key"))

    async def send(visit: Visit, run_id: str) -> Run:
        text = visit.form.get("text").strip()
        if not text:
            raise InvalidRequest(
                "The message is empty.", hint="Go back, and write what the agent is to hear."
            )
        return await agents.send_message(visit.principal, run_id, text, visit.form.get("key"))

    async def rate(visit: Visit, run_id: str) -> Run:
        try:
            score = float(visit.form.get("score"))
        except ValueError:
            raise InvalidRequest("No score was chosen.", hint="Go back, and choose one.") from None
        return await agents.rate_run(visit.principal, run_id, score, visit.form.get("comment").strip())

    done: dict[str, Do] = {
        "cancel": lambda visit, run_id: agents.cancel_run(visit.principal, run_id),
        "pause": lambda visit, run_id: agents.pause_run(visit.principal, run_id),
        "resume": lambda visit, run_id: agents.resume_run(visit.principal, run_id),
        "retry": retry,
        "send": send,
        "rate": rate,
    }
    return [Shown(f"/runs/{{id}}/{name}", _then_shown(do), "POST") for name, do in done.items()]


def _then_shown(do: Do) -> Page:
    async def page(visit: Visit) -> Response:
        run = await do(visit, visit.path("id"))
        return RedirectResponse(f"/runs/{run.id}", 303)

    return page
