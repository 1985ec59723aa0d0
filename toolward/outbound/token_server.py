"""Access tokens from an authorization server's token endpoint (RFC 6749, 3.2), by the one road out.

Nothing that the server says is repeated but its error code, which the RFC bounds: descriptions may repeat secrets.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from toolward.errors import ConfigurationError, ToolwardError, Unavailable
from toolward.outbound.egress import shown
from toolward.outbound.pool import Pool
from toolward.outbound.reach import PUBLIC, Reach
from toolward.outbound.replies import Response

TIMEOUT = 10.0
"""Seconds for one token."""

ASSUMED_LIFETIME = 300.0
"""Seconds, where the server does not say how long a token is good."""

LONGEST_LIFETIME = 24 * 3600.0
"""Seconds for which a token is kept, whatever the server says."""

MAX_REPLY = 64 * 1024
"""Bytes of the server's reply."""

CLIENT_CREDENTIALS = "client_credentials"
"""RFC 6749, 4.4."""

AUTHORIZATION_CODE = "authorization_code"
"""RFC 6749, 4.1.3."""

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 -- a name
"""RFC 8693, 2.1."""

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- likewise
"""RFC 8693, 3."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ERROR = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")  # narrower than RFC 6749, 5.2: what codes are made of
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1

ClientAuth = Literal["basic", "post", "none"]
"""`none` is a public client's, which has no secret."""


class Granted(NamedTuple):
    """A bearer token, and for how many seconds it is good; beside it what came with it: an ID token of OpenID
    Connect, and the scopes where they are others than were asked for."""

    token: str
    lifetime: float
    id_token: str = ""
    scope: str = ""


class GrantRefused(Unavailable):
    """The server answered with an error of RFC 6749, 5.2; `error` is its code."""

    def __init__(self, error: str) -> None:
        super().__init__(f"it refuses ({error})")
        self.error = error


class _Reply(msgspec.Struct):
    access_token: str
    token_type: str = ""
    expires_in: Any = None  # a number, by the RFC; some say it as text
    id_token: str = ""
    scope: str | None = None


class _Refusal(msgspec.Struct):
    error: str


class TokenServer:
    """One client of one token endpoint. Errors say what is wrong with it, and go on from "… cannot be had: "."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        auth: ClientAuth = "basic",
        reach: Reach = PUBLIC,
    ) -> None:
        """`url` is https, or http on loopback; the client proves itself by the header or in the body (`post`).
        Raises ConfigurationError."""
        parts = urlsplit(url)
        if not is_safe(url):
            raise ConfigurationError(
                f"{shown(url)} would get a secret over plain http, where anybody on the way can read it.",
                hint="Use https.",
            )
        self.where = shown(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._pool = Pool(url, limit=4, max_body=MAX_REPLY, reach=reach)
        self._headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        self._client: dict[str, str] = {}
        if auth == "none":
            self._client = {"client_id": client_id}
        elif auth == "post":
            self._client = {"client_id": client_id, "client_secret": client_secret}
        else:
            pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"  # RFC 6749, 2.3.1: encoded first
            self._headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def grant(self, form: Mapping[str, str]) -> Granted:
        """Parameters that are empty are left out. Raises GrantRefused, Unavailable."""
        body = urlencode({name: value for name, value in {**form, **self._client}.items() if value}).encode()
        try:
            reply = await self._pool.request("POST", self._path, self._headers, body, timeout=TIMEOUT)
        except ToolwardError as error:
            raise Unavailable(error.message.rstrip(".")) from None
        return _granted(reply)


def is_safe(url: str) -> bool:
    """Whether a secret may be sent there: by TLS, or without leaving this computer."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _granted(reply: Response) -> Granted:
    """Raises GrantRefused, Unavailable."""
    if reply.status != 200:
        raise _refusal(reply)
    try:
        said = msgspec.json.decode(reply.body, type=_Reply)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unavailable("it answers what is no token") from None
    if said.token_type.lower() != "bearer":
        raise Unavailable("it answers a token that is no bearer token")
    if not _TOKEN.fullmatch(said.access_token):
        raise Unavailable("it answers a token that no header can hold")
    return Granted(said.access_token, _lifetime(said.expires_in), said.id_token, said.scope or "")


def _lifetime(said: Any) -> float:
    """Raises Unavailable for what cannot be used any more."""
    if said is None:
        return ASSUMED_LIFETIME
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        raise Unavailable("it does not say in seconds how long its token is good") from None
    if not seconds > 0:  # also what is no number
        raise Unavailable("it answers a token that has expired")
    return min(seconds, LONGEST_LIFETIME)


def _refusal(reply: Response) -> Unavailable:
    if 400 <= reply.status < 500:
        try:
            error = msgspec.json.decode(reply.body, type=_Refusal).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            error = ""
        if _ERROR.fullmatch(error):
            return GrantRefused(error)
    return Unavailable(f"it answers with HTTP {reply.status}")
