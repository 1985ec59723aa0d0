"""Signing in at an identity provider. What only this browser may know is not in its cookie: it follows from a seed
there and from the installation's key, so that who reads the cookie cannot go on in its place."""

import secrets

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Sessions
from gateway.servers.console.signing_in import (
    SIGN_IN,
    headers_of,
    inside,
    not_signed_in,
    origin_of,
    signed_in,
)
from toolward.auth.handshake import Handshake
from toolward.errors import ToolwardError, Unauthenticated

BACK = f"{SIGN_IN}/back"
"""Where the provider sends the browser; known to it as a redirect URI."""

LASTS = 10 * 60
"""Seconds that somebody may take at the provider."""


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """What was begun in this browser; `ends` in Unix seconds."""

    issuer: str
    seed: str
    after: str
    ends: int


# Long because it is one list of pages, which share what they close over.
def provider_routes(parts: Parts) -> list[Route]:
    cookie = f"{parts.cookie}-provider"

    async def begin(request: Request) -> Response:
        after = inside(request.query_params.get("next", "/"))
        issuer = request.query_params.get("provider", "")
        begun = Begun(issuer, secrets.token_urlsafe(16), after, int(parts.sessions.clock()) + LASTS)
        origin = origin_of(parts, request)
        try:
            address = await parts.proofs.begins_at(
                issuer, origin + BACK, _handshake(parts.sessions, begun.seed)
            )
        except ToolwardError as error:
            return not_signed_in(parts, request, error, after)
        answer = RedirectResponse(address, 303)
        answer.set_cookie(
            cookie,
            parts.sessions.signed("provider", begun),
            LASTS,
            path=SIGN_IN,
            httponly=True,
            samesite="lax",  # the provider leads back from its own site
            secure=origin.startswith("https:"),
        )
        return answer

    async def back(request: Request) -> Response:
        begun = parts.sessions.unsigned("provider", request.cookies.get(cookie, ""), Begun)
        after = begun.after if begun else "/"
        try:
            if begun is None or begun.ends <= parts.sessions.clock():
                raise Unauthenticated(
                    "This sign-in was not begun in this browser, or too long ago.", hint="Begin again."
                )
            session = await parts.proofs.by_provider(
                headers_of(request),
                begun.issuer,
                request.query_params,
                origin_of(parts, request) + BACK,
                _handshake(parts.sessions, begun.seed),
            )
            parts.proofs.principal_of(session)
            answer = signed_in(parts, request, session, after)
        except ToolwardError as error:
            answer = not_signed_in(parts, request, error, after)
        answer.delete_cookie(cookie, path=SIGN_IN, httponly=True, samesite="lax")  # good once
        return answer

    return [Route(f"{SIGN_IN}/with", begin, methods=["GET"]), Route(BACK, back, methods=["GET"])]


def _handshake(sessions: Sessions, seed: str) -> Handshake:
    return Handshake(*(sessions.secret(one, seed) for one in ("state", "nonce", "verifier")))
