"""One request of somebody: who they are, what they sent, and how a page is made into a route."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.servers.console.sessions import Session
from toolward.errors import Cancelled, InvalidRequest, TooLarge
from toolward.types import Principal

MAX_FIELDS = 500
"""Fields of a form; its bytes are bounded before it comes here (`gateway.servers.surface`)."""

STRANGERS_BYTES = 64 * 1024
"""Of a form that anybody may send, who has not signed in."""


class Form:
    """What a form sent. Of several fields with one name `all` gives each, `get` the last."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = fields

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in reversed(self._fields) if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._fields if key == name]

    def under(self, prefix: str) -> dict[str, str]:
        """The fields whose name begins so, without that beginning."""
        return {key[len(prefix) :]: value for key, value in self._fields if key.startswith(prefix)}

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self._fields)


class Visit(NamedTuple):
    """A request of somebody who has proven who they are. `form` is what a POST brought, its token checked."""

    request: Request
    principal: Principal
    session: Session
    form: Form = Form()

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    def path(self, name: str) -> str:
        """A part of the address, as the route names it."""
        return str(self.request.path_params[name])


Page = Callable[[Visit], Awaitable[Response]]


class Shown(NamedTuple):
    """A page, or what a form of one sends: where it is, and what answers there."""

    path: str
    page: Page
    method: str = "GET"


async def read_form(request: Request, most: int | None = None) -> Form:
    """Of `application/x-www-form-urlencoded`, of `most` bytes where that is said. Raises InvalidRequest, TooLarge;
    Cancelled where the client leaves."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequest(
            "A form is sent as application/x-www-form-urlencoded.", hint="Use the page's own form."
        )
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if most is not None and len(body) > most:
                raise TooLarge(f"The form is larger than {most:,} bytes.", hint="Use the page's own form.")
    except ClientDisconnect:
        raise Cancelled("The client left before its form was whole.") from None
    try:  # a second for each few megabytes, in which others must not wait
        fields = _fields(body) if len(body) <= STRANGERS_BYTES else await asyncio.to_thread(_fields, body)
    except ValueError as error:  # UnicodeDecodeError is one
        raise InvalidRequest(f"The form cannot be read: {error}.", hint="Use the page's own form.") from None
    return Form(fields)


def _fields(body: bytearray) -> list[tuple[str, str]]:
    found = parse_qsl(
        body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
    )
    return [(name, value.replace("\r\n", "\n")) for name, value in found]
