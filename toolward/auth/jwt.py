"""Bearer tokens that an identity provider signed: JWTs, checked against its public keys.

Only asymmetric algorithms are taken, so that nobody who knows a public key can sign with it, and `none` is none.
"""

import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import NamedTuple

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import extract_compact

from toolward.auth.claims import Claims, principal_of, refused
from toolward.auth.jwt_settings import JwtSettings
from toolward.auth.keys import Keys, PublicKey, keys_at, keys_of
from toolward.auth.tokens import Verify
from toolward.errors import ConfigurationError, Unauthenticated
from toolward.outbound.reach import Reach
from toolward.types import Principal

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)

MOST_KEPT = 1024
"""Verified tokens that an issuer's checks remember."""

_MAX_TOKEN = 16 * 1024  # characters
_TYPES = ("jwt", "at+jwt")
"""What the header's `typ` may say (RFC 9068, section 4); other purposes have other types (RFC 8725, 3.11)."""


def jwt_verifier(settings: JwtSettings) -> Verify:
    """Raises ConfigurationError."""
    for name in ("issuer", "audience"):
        if not getattr(settings, name):
            raise ConfigurationError(
                f"To take JWTs, their {name} must be known too.",
                hint=f"Give --jwt-{name} beside the others.",
            )
    return Jwt(settings, keys_for(settings))


def keys_for(settings: JwtSettings) -> Keys:
    """Raises ConfigurationError."""
    reach = Reach(settings.networks)
    return keys_at(settings.keys, reach) if settings.keys else keys_of(settings.issuer, reach)


class _Verified(NamedTuple):
    """A token that held, of which only its digest is kept; `until` is by the wall clock."""

    principal: Principal
    kid: str | None
    key: PublicKey
    until: float


class Jwt:
    """Checks tokens: signature, issuer, audience, expiry (which there must be), and that they are for now."""

    def __init__(self, settings: JwtSettings, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._keys = settings, keys
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=settings.skew,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(_several(settings.audience))},
            exp={"essential": True},
        )

        self._clock = clock
        self._verified: dict[bytes, _Verified] = {}

    def __call__(self, token: str) -> Principal | Awaitable[Principal]:
        """At once where the key is at hand. Raises Unauthenticated."""
        known = self._verified.get(sha256(token.encode()).digest())
        if known is not None and self._clock() < known.until and self._keys.find(known.kid) is known.key:
            return known.principal
        kid = _kid(token)
        key = self._keys.find(kid)
        return self._looked_up(token, kid) if key is None else self._principal(token, kid, key)

    async def claims(self, token: str) -> Claims:
        """What a token says that holds, whoever it is of. Raises Unauthenticated."""
        kid = _kid(token)
        key = self._keys.find(kid) or await self._keys.look(kid)
        if key is None:
            raise _not_published()
        return self._read(token, key)

    async def _looked_up(self, token: str, kid: str | None) -> Principal:
        key = await self._keys.look(kid)
        if key is None:
            raise _not_published()
        return self._principal(token, kid, key)

    def _principal(self, token: str, kid: str | None, key: PublicKey) -> Principal:
        claims = self._read(token, key)
        principal = principal_of(claims, self._settings)
        self._keep(token, _Verified(principal, kid, key, claims["exp"] + self._settings.skew))
        return principal

    def _read(self, token: str, key: PublicKey) -> Claims:
        try:
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise refused("has expired") from None
        except JoseError as error:  # its text names the claim or the step, and repeats nothing secret
            raise refused(f"does not hold: {error.description or error.error}") from None
        except ValueError:
            raise refused("cannot be read") from None
        return claims

    def _keep(self, token: str, verified: "_Verified") -> None:
        """A signature is checked once, as long as its key is published: that takes longer than many a call."""
        while len(self._verified) >= MOST_KEPT:
            del self._verified[next(iter(self._verified))]
        self._verified[sha256(token.encode()).digest()] = verified


def _not_published() -> Unauthenticated:
    return refused("is signed with a key that its issuer does not publish")


def check_form(token: str) -> None:
    """Raises Unauthenticated for what is no JWT at all."""
    if len(token) > _MAX_TOKEN or token.count(".") != 2:
        raise Unauthenticated(
            "The token is not known here, and is no JWT.",
            hint="Use a token of this server's or of its issuer's.",
        )


def _kid(token: str) -> str | None:
    """Which key the token says it is signed with; nothing is believed yet. Raises Unauthenticated."""
    check_form(token)
    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise refused("cannot be read") from None
    if str(header.get("typ", "jwt")).lower().removeprefix("application/") not in _TYPES:
        raise refused("is a JWT, and none by which somebody calls")
    kid = header.get("kid")
    return kid if isinstance(kid, str) else None


def _several(audience: str | tuple[str, ...]) -> tuple[str, ...]:
    return (audience,) if isinstance(audience, str) else audience
