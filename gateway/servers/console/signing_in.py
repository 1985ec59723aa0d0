"""Signing in and out. A key or token is sent once, in a form; a one-time link is shown first and used by its form,
so that whatever looks at links in advance does not use it up."""

import math
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.servers.console.origins import came_from_us
from gateway.servers.console.pages import THEMES
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Session
from gateway.servers.console.visits import STRANGERS_BYTES, Visit, read_form
from toolward.doors.admittance import PEER, address_of
from toolward.errors import ToolwardError, Unauthenticated
from toolward.types import Headers
from toolward.wire.errors import to_problem

SIGN_IN = "/sign-in"

ENDED = "Your session is over, or what you signed in with is good no more. Sign in again."
"""Texts of an address are never shown: anybody could write them."""

_THEME_DAYS = 365


# Long because it is one list of pages, which share what they close over.
def sign_in_routes(parts: Parts) -> list[Route]:
    async def show(request: Request) -> Response:
        query = request.query_params
        return parts.pages.stranger(
            request,
            "sign_in.html",
            next=inside(query.get("next", "/")),
            code=query.get("code", ""),
            said=ENDED if "ended" in query else "",
            providers=parts.proofs.providers(),
        )

    async def take(request: Request) -> Response:
        came_from_us(request)  # else another site could sign people in as somebody of its choice
        form = await read_form(request, STRANGERS_BYTES)
        after = inside(form.get("next", "/"))
        try:
            if code := form.get("code"):
                session = await parts.proofs.by_link(headers_of(request), code)
            else:
                session = await parts.proofs.by_token(headers_of(request), form.get("token").strip())
            parts.proofs.principal_of(session)
        except ToolwardError as error:
            return not_signed_in(parts, request, error, after)
        return signed_in(parts, request, session, after)

    async def leave(request: Request) -> Response:
        came_from_us(request)
        form = await read_form(request, STRANGERS_BYTES)
        with suppress(Unauthenticated):  # who has no session that holds may leave all the same
            session = parts.sessions.read(request.cookies.get(parts.cookie, ""))
            parts.sessions.check_token(session, form.get("csrf"))
            parts.sessions.end(session)
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(parts.cookie, httponly=True, samesite="lax", secure=parts.secure)
        return answer

    async def theme(request: Request) -> Response:
        came_from_us(request)
        form = await read_form(request, STRANGERS_BYTES)
        answer = RedirectResponse(inside(form.get("next", "/")), 303)
        chosen = form.get("theme")
        if chosen in THEMES:
            answer.set_cookie(
                "toolward-theme", chosen, _THEME_DAYS * 24 * 3600, httponly=True, samesite="lax"
            )
        return answer

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        Route(SIGN_IN, take, methods=["POST"]),
        Route("/sign-out", leave, methods=["POST"]),
        Route("/theme", theme, methods=["POST"]),
    ]


def visit_of(parts: Parts, request: Request) -> Visit | None:
    """Of who is signed in; None for anybody else: for pages that both see."""
    try:
        session = parts.sessions.read(request.cookies.get(parts.cookie, ""))
        return Visit(request, parts.proofs.principal_of(session), session)
    except ToolwardError:
        return None


def signed_in(parts: Parts, request: Request, session: Session, after: str) -> Response:
    answer = RedirectResponse(after, 303)
    secure = origin_of(parts, request).startswith("https:")
    answer.set_cookie(
        parts.cookie, parts.sessions.written(session), httponly=True, samesite="lax", secure=secure
    )
    return answer


def not_signed_in(parts: Parts, request: Request, error: ToolwardError, after: str) -> Response:
    """The page to sign in at, with what was wrong."""
    status, _ = to_problem(error)
    answer = parts.pages.stranger(
        request,
        "sign_in.html",
        status=status,
        next=after,
        code="",
        said=f"{error.message} {error.hint or ''}".strip(),
        providers=parts.proofs.providers(),
    )
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(max(math.ceil(error.retry_after), 1))
    return answer


def headers_of(request: Request) -> Headers:
    """As the doors give them to who proves callers: from where they come stands beside them."""
    return dict(request.headers.items()) | {PEER: address_of(request.scope)}


def origin_of(parts: Parts, request: Request) -> str:
    """Ours as this browser knows it: a proxy may speak TLS in our place."""
    host = request.headers.get("host", "")
    if parts.outside and urlsplit(parts.outside).netloc == host:
        return parts.outside
    return f"{'https' if parts.secure else 'http'}://{host}"


def inside(path: str) -> str:
    """A path of ours, and nothing that leads elsewhere; otherwise the start."""
    try:
        found = urlsplit(path)
    except ValueError:
        return "/"
    fine = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if fine and not found.scheme and not found.netloc else "/"
