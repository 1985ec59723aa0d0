"""Bearer tokens that an identity provider signed: JWTs, checked against its public keys.

Only asymmetric algorithms are taken, so that nobody who knows a public key can sign with it, and `none` is none.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import msgspec
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import extract_compact

from toolward.auth.keys import Keys, PublicKey, keys_at
from toolward.auth.on_behalf import SKEW
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

_MAX_TOKEN = 16 * 1024  # characters


class JwtSettings(msgspec.Struct, frozen=True):
    """Whose tokens are taken. `keys` is the path or URL of the issuer's JWK set; the claims are those that say a
    caller's roles (a list, or words in a text) and tenant. `networks` are those that the name in a URL of keys may
    lead to beside public addresses."""

    issuer: str
    audience: str
    keys: str
    roles_claim: str = "roles"
    tenant_claim: str = "tenant"
    networks: tuple[str, ...] = ()


def jwt_verifier(settings: JwtSettings) -> Verify:
    """Raises ConfigurationError."""
    for name in ("issuer", "audience", "keys"):
        if not getattr(settings, name):
            raise ConfigurationError(
                f"To take JWTs, their {name} must be known too.",
                hint=f"Give --jwt-{name} beside the others: issuer, audience and keys belong together.",
            )
    return Jwt(settings, keys_at(settings.keys, Reach(settings.networks)))


class Jwt:
    """Checks tokens: signature, issuer, audience, expiry (which there must be), and that they are for now."""

    def __init__(self, settings: JwtSettings, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._keys = settings, keys
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=SKEW,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    def __call__(self, token: str) -> Principal | Awaitable[Principal]:
        """At once where the key is at hand. Raises Unauthenticated."""
        kid = _kid(token)
        key = self._keys.find(kid)
        return self._looked_up(token, kid) if key is None else self._principal(token, key)

    async def _looked_up(self, token: str, kid: str | None) -> Principal:
        key = await self._keys.look(kid)
        if key is None:
            raise _refused("is signed with a key that its issuer does not publish")
        return self._principal(token, key)

    def _principal(self, token: str, key: PublicKey) -> Principal:
        try:
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise _refused("has expired") from None
        except JoseError as error:  # its text names the claim or the step, and repeats nothing secret
            raise _refused(f"does not hold: {error.description or error.error}") from None
        except ValueError:
            raise _refused("cannot be read") from None
        subject = str(claims["sub"])
        if not subject:
            raise _refused("names nobody")
        tenant = claims.get(self._settings.tenant_claim, "default")
        if not isinstance(tenant, str) or not tenant:
            raise _refused(f"has a claim {self._settings.tenant_claim!r} that is no text")
        return Principal(subject, _roles(claims, self._settings.roles_claim), tenant)


def _kid(token: str) -> str | None:
    """Which key the token says it is signed with; nothing is believed yet. Raises Unauthenticated."""
    if len(token) > _MAX_TOKEN or token.count(".") != 2:
        raise Unauthenticated(
            "The token is not known here, and is no JWT.",
            hint="Use a token of this server's or of its issuer's.",
        )
    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise _refused("cannot be read") from None
    kid = header.get("kid")
    return kid if isinstance(kid, str) else None


def _roles(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name, ())
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise _refused(f"has a claim {name!r} that is no list of roles")
    roles = tuple(cast(list[object], words))
    if not all(isinstance(role, str) for role in roles):
        raise _refused(f"has a claim {name!r} that is no list of roles")
    return cast(tuple[str, ...], roles)


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The token {why}.", hint="Get a new one from its issuer, for this server.")
