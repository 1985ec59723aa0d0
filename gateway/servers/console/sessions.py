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
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from toolward.errors import Denied, Unauthenticated
from toolward.types import Principal

LASTS = 12 * 3600
"""Seconds that a session lasts at most."""

LONGEST_COOKIE = 8 * 1024
"""Characters; what is longer is none of ours."""

ProvenBy = Literal["principal", "key", "provider"]

SignedT = TypeVar("SignedT")


class Session(msgspec.Struct, frozen=True, array_like=True):
    """`subject` is a configured principal's id, a key's prefix, or a provider's issuer; of an identity provider's
    `principal` is who it said that it is. Times are Unix seconds."""

    by: ProvenBy
    subject: str
    ends: int
    nonce: str
    principal: Principal | None = None


class SignedOut(Protocol):
    """Sessions that people ended before their time, by their nonces: a copy of their cookie is good no more."""

    def add(self, nonce: str, ends: int) -> None:
        """`ends` is when it would be over by itself, in Unix seconds. Raises Unavailable."""
        ...

    def __contains__(self, nonce: str, /) -> bool: ...


class SignedOutHere:
    """Of this process alone."""

    def __init__(self) -> None:
        self._nonces: set[str] = set()

    def add(self, nonce: str, ends: int) -> None:
        self._nonces.add(nonce)

    def __contains__(self, nonce: str, /) -> bool:
        return nonce in self._nonces


class Sessions:
    """Makes and reads the cookie, and the token that forms carry."""

    def __init__(
        self, key: bytes, clock: Callable[[], float] = time.time, signed_out: SignedOut | None = None
    ) -> None:
        self._key, self.clock = key, clock
        self._signed_out = SignedOutHere() if signed_out is None else signed_out

    def begin(
        self, by: ProvenBy, subject: str, *, principal: Principal | None = None, ends: float | None = None
    ) -> Session:
        """`ends`, where what proves the person ends earlier than a session would."""
        latest = self.clock() + LASTS
        return Session(
            by,
            subject,
            int(latest if ends is None else min(ends, latest)),
            secrets.token_urlsafe(16),
            principal,
        )

    def written(self, session: Session) -> str:
        return self.signed("session", session)

    def read(self, cookie: str) -> Session:
        """Raises Unauthenticated."""
        session = self.unsigned("session", cookie, Session)
        if session is None:
            raise Unauthenticated("You are not signed in.", hint="Sign in.")
        self.check(session)
        return session

    def check(self, session: Session) -> None:
        """Raises Unauthenticated where it is over: of what goes on for longer than a request."""
        if session.ends <= self.clock() or session.nonce in self._signed_out:
            raise Unauthenticated("Your session is over.", hint="Sign in again.")

    def end(self, session: Session) -> None:
        """Before its time. Raises Unavailable."""
        self._signed_out.add(session.nonce, session.ends)

    def token(self, session: Session) -> str:
        """What every form of this session carries, and no other site can know."""
        return self.secret("form", session.nonce)

    def check_token(self, session: Session, token: str) -> None:
        """Raises Denied."""
        if not hmac.compare_digest(self.token(session).encode(), token.encode()):
            raise Denied(
                "The form does not belong to your session.",
                hint="Load the page again, and send its form once more.",
            )

    def signed(self, what: str, value: Any) -> str:
        """A text that anybody can read, and nobody else can make; for this purpose only."""
        body = base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")
        return f"{body}.{self.secret(what, body)}"

    def unsigned(self, what: str, text: str, kind: type[SignedT]) -> SignedT | None:
        """None for what was not made here, or for another purpose."""
        body, _, signature = text.rpartition(".")
        if len(text) > LONGEST_COOKIE or not hmac.compare_digest(
            self.secret(what, body).encode(), signature.encode(errors="replace")
        ):
            return None
        return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=kind)

    def secret(self, what: str, text: str) -> str:
        """43 characters that follow from the text, which nobody else can know. Another `what`, another secret."""
        made = hmac.new(self._key, f"{what}:{text}".encode(errors="replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")
