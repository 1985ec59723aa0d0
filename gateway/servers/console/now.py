"""*Now*: what needs a person, what is under way, what happened last."""

from starlette.responses import Response

from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown, Visit


def shown(parts: Parts) -> list[Shown]:
    async def now(visit: Visit) -> Response:
        requests = await parts.agents.list_input_requests(visit.principal)
        page = await parts.agents.list_runs(visit.principal, size=10)
        return parts.pages.render(visit, "now.html", here="now", requests=requests, runs=page.runs)

    return [Shown("/", now)]
