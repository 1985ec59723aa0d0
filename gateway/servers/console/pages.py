"""From values to a page: the templates, what they may call, and what every page says to a browser."""

import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.servers.console import telling
from gateway.servers.console.sessions import Sessions
from gateway.servers.console.visits import Visit
from toolward.errors import NotFound, ToolwardError
from toolward.wire.errors import to_problem

_HERE = Path(__file__).parent
_YEAR = 365 * 24 * 3600

HEADERS: Mapping[str, str] = {
    # No script, style or picture but our own; nothing inline; forms go to us alone; nobody frames us.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none, the Origin of our own forms would be null
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
"""Of every answer but static files."""

THEMES = ("auto", "light", "dark")

NAVIGATION = (
    ("now", "/", "Now"),
    ("inbox", "/inbox", "Inbox"),
    ("talk", "/talk", "Talk"),
    ("runs", "/runs", "Runs"),
    ("calls", "/calls", "Calls"),
    ("tools", "/tools", "Tools"),
    ("policies", "/policies", "Policies"),
    ("usage", "/usage", "Usage"),
    ("connect", "/connect", "Connect"),
)


class Pages:
    """Renders templates. Every text that a template shows is escaped for HTML, and its control and bidirectional
    characters are shown as escapes (`telling.visible`): what a tool or a model wrote stays what it is."""

    def __init__(
        self, sessions: Sessions, version: str = "", now_ms: Callable[[], int] = telling.now_ms
    ) -> None:
        self._sessions = sessions
        self._env = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=telling.visible,
            auto_reload=False,
        )
        self._env.filters.update(telling.filters(now_ms))
        called: dict[str, Any] = {
            "static": static_path,
            "icon": icon,
            "navigation": NAVIGATION,
            "version": version,
        }
        self._env.globals.update(called)

    def render(
        self,
        visit: Visit,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """A page for somebody who is signed in. `here` among the values is the entry of the navigation."""
        return HTMLResponse(self.text(visit, template, **values), status, dict(headers or {}))

    def text(self, visit: Visit, template: str, **values: Any) -> str:
        """The same as a text: for pieces that are sent as events."""
        own = {
            "principal": visit.principal,
            "csrf": self._sessions.token(visit.session),
            "path": _address(visit.request),
        }
        return self._render(visit.request, template, own | values)

    def stranger(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page for who is not signed in."""
        nobody = {"principal": None, "csrf": "", "path": "/"}
        return HTMLResponse(self._render(request, template, nobody | values), status)

    def problem(self, request: Request, error: ToolwardError, visit: Visit | None = None) -> Response:
        """What was wrong, and what to do."""
        status, _ = to_problem(error)
        if visit is None:
            return self.stranger(request, "problem.html", status=status, error=error)
        return self.render(visit, "problem.html", status=status, error=error)

    def _render(self, request: Request, template: str, values: Mapping[str, Any]) -> str:
        always = {"here": "", "theme": theme_of(request)}
        return self._env.get_template(template).render(always | dict(values))


def theme_of(request: Request) -> str:
    """What the person chose; `auto` follows the system."""
    chosen = request.cookies.get("toolward-theme", "auto")
    return chosen if chosen in THEMES else "auto"


def icon(name: str) -> Markup:
    """A picture beside a word, which says the same: nobody need hear of it."""
    where = static_path("icons.svg")
    return Markup(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>'
    ).format(where, name)


def static_path(name: str) -> str:
    """Where a file of ours is. Its digest is in the address, so that browsers may keep it for good."""
    return f"/static/{_static(name)[1]}/{name}"


def static_file(digest: str, name: str) -> Response:
    """Raises NotFound."""
    body, known, kind = _static(name)
    kept = f"public, max-age={_YEAR}, immutable" if digest == known else "no-cache"
    return Response(body, media_type=kind, headers={"cache-control": kept})


@cache
def _static(name: str) -> tuple[bytes, str, str]:
    files = {path.name: path for path in (_HERE / "static").iterdir()}  # never a path that somebody sent
    if name not in files:
        raise NotFound("There is no such file.")
    body = files[name].read_bytes()
    return (
        body,
        hashlib.sha256(body).hexdigest()[:12],
        mimetypes.guess_type(name)[0] or "application/octet-stream",
    )


def _address(request: Request) -> str:
    """The page with its query, to come back to."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
