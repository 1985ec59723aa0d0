"""Who is signed in to the console: a signed cookie, which any worker of this gateway reads, also after a restart.

It names who proved themself and by what, never a secret. What they may do is asked anew at each request: a key
that was revoked, or a principal that is configured no more, ends the session.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from toolward.errors import Denied, Unauthenticated
from toolward.types import Principal

LASTS = 12 * 3600
"""Seconds that a session lasts at most."""

ProvenBy = Literal["principal", "key", "provider"]


class Session(msgspec.Struct, frozen=True, array_like=True):
    """`subject` is a configured principal's id, or a key's prefix; of an identity provider's `principal` is who it
    said that it is. Times are Unix seconds."""

    by: ProvenBy
    subject: str
    ends: int
    nonce: str
    principal: Principal | None = None


class Sessions:
    """Makes and reads the cookie, and the token that forms carry."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock

    def begin(
        self, by: ProvenBy, subject: str, *, principal: Principal | None = None, ends: float | None = None
    ) -> Session:
        """`ends`, where what proves the person ends earlier than a session would."""
        latest = self._clock() + LASTS
        return Session(
            by,
            subject,
            int(latest if ends is None else min(ends, latest)),
            secrets.token_urlsafe(16),
            principal,
        )

    def written(self, session: Session) -> str:
        body = base64.urlsafe_b64encode(msgspec.json.encode(session)).decode().rstrip("=")
        return f"{body}.{self._sign('session', body)}"

    def read(self, cookie: str) -> Session:
        """Raises Unauthenticated."""
        body, _, signature = cookie.rpartition(".")
        if not body or not hmac.compare_digest(self._sign("session", body).encode(), signature.encode()):
            raise Unauthenticated("You are not signed in.", hint="Sign in.")
        session = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Session)
        self.check(session)
        return session

    def check(self, session: Session) -> None:
        """Raises Unauthenticated where it is over: of what goes on for longer than a request."""
        if session.ends <= self._clock():
            raise Unauthenticated("Your session is over.", hint="Sign in again.")

    def token(self, session: Session) -> str:
        """What every form of this session carries, and no other site can know."""
        return self._sign("form", session.nonce)

    def check_token(self, session: Session, token: str) -> None:
        """Raises Denied."""
        if not hmac.compare_digest(self.token(session).encode(), token.encode()):
            raise Denied(
                "The form does not belong to your session.",
                hint="Load the page again, and send its form once more.",
            )

    def _sign(self, what: str, text: str) -> str:
        made = hmac.new(self._key, f"{what}:{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")
