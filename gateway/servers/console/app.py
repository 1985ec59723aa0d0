"""The console's pages as one ASGI application: who is signed in, whether a form is theirs, what goes wrong."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.servers.console.origins import came_from_us
from gateway.servers.console.pages import HEADERS, static_file
from gateway.servers.console.parts import Parts
from gateway.servers.console.provider_sign_in import provider_routes
from gateway.servers.console.rest_reference import reference_route
from gateway.servers.console.signing_in import sign_in_routes, visit_of
from gateway.servers.console.visits import Shown, Visit, read_form
from gateway.servers.sse import Message, Receive
from gateway.servers.surface import Surface
from toolward.doors.limits import BODY_BYTES
from toolward.errors import Internal, InvalidRequest, NotFound, ToolwardError, Unauthenticated

log = logging.getLogger(__name__)

ROOMS = frozenset(
    (
        *("sign-in", "sign-out", "theme", "static", "help", "docs"),
        *("now", "inbox", "talk", "runs", "calls", "tools", "policies", "usage", "connect"),
    )
)
"""The first parts of the console's addresses; `/` is its, too. All else belongs to REST."""


def is_of_console(path: str) -> bool:
    """A room's list as a file (`/calls.csv`) is of the room, too."""
    room = path[1:].partition("/")[0].removesuffix(".json").removesuffix(".csv")
    return path == "/" or room in ROOMS


def console_app(parts: Parts, shown: Iterable[Shown], *, max_body: int = BODY_BYTES) -> Any:
    """`shown` are the pages; hosts and origins are checked before it (`gateway.servers.front`)."""
    routes = [
        Route("/static/{digest}/{name}", _static, methods=["GET"]),
        *sign_in_routes(parts),
        *provider_routes(parts),
        reference_route(parts),
        *(Route(one.path, _endpoint(parts, one), methods=[one.method]) for one in shown),
    ]
    app = Starlette(routes=routes, exception_handlers=_handlers(parts))
    app.router.redirect_slashes = False
    return _Headers(Surface(app, max_body))


def _endpoint(parts: Parts, shown: Shown) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            session = parts.sessions.read(request.cookies.get(parts.cookie, ""))
            principal = parts.proofs.principal_of(session)
        except Unauthenticated:
            if request.method != "GET":
                raise
            later = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            ended = "&ended=1" if parts.cookie in request.cookies else ""
            return RedirectResponse(f"/sign-in?next={quote(later, safe='')}{ended}", 303)
        visit = Visit(request, principal, session)
        try:
            parts.ask(principal)
            if request.method == "POST":
                visit = visit._replace(form=await read_form(request))
                came_from_us(request)
                parts.sessions.check_token(session, visit.form.get("csrf"))
            return await shown.page(visit)
        except ToolwardError as error:
            return parts.pages.problem(request, error, visit)

    return endpoint


async def _static(request: Request) -> Response:
    return static_file(request.path_params["digest"], request.path_params["name"])


def _handlers(parts: Parts) -> dict[Any, Any]:
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ToolwardError)  # noqa: S101 -- a type guard: it is registered for nothing else
        return parts.pages.problem(request, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 -- likewise
        said = (
            NotFound("There is no such page.")
            if error.status_code == 404
            else InvalidRequest(f"{error.detail}.")
        )
        told = parts.pages.problem(request, said, visit_of(parts, request))
        told.status_code = error.status_code
        told.headers.update(error.headers or {})
        return told

    async def unexpected(request: Request, error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return parts.pages.problem(
            request, Internal("The page failed inside.", hint="The gateway's log says why.")
        )

    return {ToolwardError: ours, HTTPException: http, Exception: unexpected}


class _Headers:
    """What every answer says to a browser, where the answer does not say it itself."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(
        self, scope: Any, receive: Receive, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sent)
