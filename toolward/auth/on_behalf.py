"""For whom a gateway calls: a short-lived JWT (HS256) beside each call, under a key that the gateway shares with
that one server. A server scopes its data by the person in it, and cannot use it anywhere else.

HS256 is a hash and a comparison: it is written here, because a server on stdio would otherwise load a whole
library of cryptography to start.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import CallContext, Principal

LIFETIME = 60
"""Seconds for which a token says it; it goes out with the call that it belongs to."""

SKEW = 60
"""Seconds by which two clocks may differ."""

ISSUER = "toolward"
SHORTEST_KEY = 32  # characters


Label = Annotated[str, msgspec.Meta(pattern="^(user|role):.")]


class Word(NamedTuple):
    """What a gateway says of a call: for whom it is, and the labels (`user:lea`, `role:support-lead`) of the person
    who approved this very call; none where nobody was asked. What they approved is what the call says, no more."""

    principal: Principal
    approved_by: tuple[str, ...] = ()


class _Header(msgspec.Struct):
    alg: Literal["HS256"]
    typ: Literal["JWT"] = "JWT"


class _Claims(msgspec.Struct, omit_defaults=True):
    iss: Literal["toolward"]
    sub: str
    roles: tuple[str, ...]
    tenant: str
    iat: int
    exp: int
    scopes: tuple[str, ...] | None = None
    approved_by: tuple[Label, ...] = ()


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_claims = msgspec.json.Decoder(_Claims).decode


class Believed(Protocol):
    """Who may say for whom they call, and what of it is believed."""

    def read_from(self, peer: Principal, token: str) -> Word:
        """What `peer` says of its call. Raises Unauthenticated."""
        ...

    def seen_by(self, peer: Principal) -> Principal:
        """As whom `peer` is shown what there is: a list is one for all for whom it calls."""
        ...


class OnBehalf:
    """Says, and reads, for whom a call is made; both sides have the same `key`."""

    def __init__(self, key: str, clock: Callable[[], float] = time.time) -> None:
        """Raises ConfigurationError for a key that could be guessed."""
        if len(key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"The key for principals has {len(key)} characters; at least {SHORTEST_KEY} are needed.",
                hint="Make one: openssl rand -base64 32",
            )
        self._key = key.encode()
        self._clock = clock
        self._head = _base64(msgspec.json.encode(_Header("HS256")))

    def sign(self, principal: Principal, approved_by: tuple[str, ...] = ()) -> str:
        now = int(self._clock())
        who = (principal.id, principal.roles, principal.tenant)
        claims = _Claims(ISSUER, *who, now, now + LIFETIME, principal.scopes, approved_by)
        signed = self._head + b"." + _base64(msgspec.json.encode(claims))
        return (signed + b"." + self._signature(signed)).decode()

    def read(self, token: str) -> Word:
        """Raises Unauthenticated."""
        signed, _, signature = token.encode(errors="replace").rpartition(b".")
        if not hmac.compare_digest(self._signature(signed), signature):
            raise _refused("is not signed with this server's key")
        head, _, body = signed.partition(b".")
        try:
            _decode_header(_unbase64(head))
            claims = _decode_claims(_unbase64(body))
        except (ValueError, msgspec.DecodeError):
            raise _refused("cannot be read") from None
        now = self._clock()
        if not claims.iat - SKEW <= now < claims.exp + SKEW:
            raise _refused("is not for now: the clocks of gateway and server differ, or it was kept")
        return Word(Principal(claims.sub, claims.roles, claims.tenant, claims.scopes), claims.approved_by)

    def read_from(self, peer: Principal, token: str) -> Word:
        """`read`, whoever brings it: only the gateway has the key. Raises Unauthenticated."""
        return self.read(token)

    def seen_by(self, peer: Principal) -> Principal:
        return peer

    def _signature(self, signed: bytes) -> bytes:
        return _base64(hmac.digest(self._key, signed, hashlib.sha256))


def caller_of(on_behalf: Believed | None, principal: Principal, context: CallContext) -> Principal:
    """Who a call is for: whoever the gateway says, else whoever calls. Raises Unauthenticated; a word that cannot
    be checked is never taken, nor passed over."""
    return word_of(on_behalf, principal, context).principal


def called_for(
    on_behalf: Believed | None, principal: Principal, context: CallContext
) -> tuple[Principal, CallContext]:
    """`caller_of`, and the call's context as it is behind the door: with those who approved it, as far as the
    gateway's word says so, and nothing else does."""
    word = word_of(on_behalf, principal, context)
    if context.on_behalf_of or context.approved_by:
        context = replace(context, on_behalf_of="", approved_by=word.approved_by)
    return word.principal, context


def word_of(on_behalf: Believed | None, principal: Principal, context: CallContext) -> Word:
    """Raises Unauthenticated."""
    if not context.on_behalf_of:
        return Word(principal)
    if on_behalf is None:
        raise Unauthenticated(
            "The call says for whom it is made, and this server has no key to check that.",
            hint="Give it the gateway's key: TOOLWARD_PRINCIPAL_KEY.",
        )
    return on_behalf.read_from(principal, context.on_behalf_of)


def seen_by(on_behalf: Believed | None, principal: Principal) -> Principal:
    """As whom `principal` is shown what there is."""
    return principal if on_behalf is None else on_behalf.seen_by(principal)


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"What says for whom the call is made {why}.",
        hint="Give gateway and server one TOOLWARD_PRINCIPAL_KEY.",
    )


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
