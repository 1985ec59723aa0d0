"""The page about keys."""

from starlette.responses import Response

from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown, Visit


def shown(parts: Parts) -> list[Shown]:
    async def page(visit: Visit) -> Response:
        return parts.pages.render(visit, "help.html", here="help")

    return [Shown("/help", page)]
