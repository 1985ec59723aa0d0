"""Whether a form was sent by a page of ours."""

from urllib.parse import urlsplit

from starlette.requests import Request

from toolward.errors import Denied


def came_from_us(request: Request) -> None:
    """Raises Denied for a form that another site's page sent: browsers say so. The token of the session is checked
    beside it, where there is a session."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    ours = origin is None or _place(origin) == request.headers.get("host")
    if site not in ("same-origin", "none") or not ours:
        raise Denied("The form was sent by another site's page.", hint="Use the page's own form.")


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
