"""Signing in and out. A key or token is sent once, in a form; a one-time link is shown first and used by its form,
so that whatever looks at links in advance does not use it up."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.servers.console.pages import THEMES
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Session
from gateway.servers.console.visits import read_form
from toolward.doors.admittance import PEER, address_of
from toolward.errors import ToolwardError

_THEME_DAYS = 365


def sign_in_routes(parts: Parts) -> list[Route]:
    async def show(request: Request) -> Response:
        query = request.query_params
        return parts.pages.stranger(
            request,
            "sign_in.html",
            next=inside(query.get("next", "/")),
            code=query.get("code", ""),
            said=query.get("said", ""),
        )

    async def take(request: Request) -> Response:
        form = await read_form(request)
        after = inside(form.get("next", "/"))
        try:
            if code := form.get("code"):
                session = await parts.proofs.by_link(code)
            else:
                headers = dict(request.headers.items()) | {PEER: address_of(request.scope)}
                session = await parts.proofs.by_token(headers, form.get("token").strip())
            parts.proofs.principal_of(session)
        except ToolwardError as error:
            return parts.pages.stranger(
                request, "sign_in.html", status=401, next=after, code="", said=error.message
            )
        return signed_in(parts, session, after)

    async def leave(request: Request) -> Response:
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(parts.cookie, httponly=True, samesite="lax", secure=parts.secure)
        return answer

    async def theme(request: Request) -> Response:
        form = await read_form(request)
        answer = RedirectResponse(inside(form.get("next", "/")), 303)
        chosen = form.get("theme")
        if chosen in THEMES:
            answer.set_cookie(
                "toolward-theme", chosen, _THEME_DAYS * 24 * 3600, httponly=True, samesite="lax"
            )
        return answer

    return [
        Route("/sign-in", show, methods=["GET"]),
        Route("/sign-in", take, methods=["POST"]),
        Route("/sign-out", leave, methods=["POST"]),
        Route("/theme", theme, methods=["POST"]),
    ]


def signed_in(parts: Parts, session: Session, after: str) -> Response:
    answer = RedirectResponse(after, 303)
    answer.set_cookie(
        parts.cookie, parts.sessions.written(session), httponly=True, samesite="lax", secure=parts.secure
    )
    return answer


def inside(path: str) -> str:
    """A path of ours, and nothing that leads elsewhere; otherwise the start."""
    found = urlsplit(path)
    fine = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if fine and not found.scheme and not found.netloc else "/"
