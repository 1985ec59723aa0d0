"""Who a token is of, once it is known to hold: its claims as a principal. Every claim that cannot be understood
refuses the token, for what it leaves out might have been a bound."""

from collections.abc import Mapping
from typing import Any, cast

from toolward.auth.jwt_settings import JwtSettings
from toolward.errors import Unauthenticated
from toolward.types import Principal

LONGEST_ID = 255
"""Characters; OpenID Connect Core 1.0, section 2, bounds `sub` so."""

MOST_ROLES = 500

Claims = Mapping[str, Any]


def principal_of(claims: Claims, settings: JwtSettings) -> Principal:
    """Raises Unauthenticated."""
    subject = _claim(claims, settings.id_claim)
    if not isinstance(subject, str) or not subject:
        raise refused(f"names nobody: its claim {settings.id_claim!r} is no text, or empty")
    if len(subject) > LONGEST_ID or not subject.isprintable() or subject != subject.strip():
        raise refused(f"has a claim {settings.id_claim!r} that is no name")
    return Principal(
        settings.prefix + subject,
        _roles(claims, settings),
        _tenant(claims, settings),
        _scopes(claims, settings),
    )


def refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The token {why}.", hint="Get a new one from its issuer, for this server.")


def _claim(claims: Claims, name: str) -> Any:
    """By its whole name, which may have dots in it (`https://corp.example/roles`), or else by the path."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = cast(Claims, value).get(part)
    return value


def _tenant(claims: Claims, settings: JwtSettings) -> str:
    name = settings.tenant_claim
    tenant = _claim(claims, name) if name else None
    if tenant is None and settings.tenant:
        return settings.tenant
    if not isinstance(tenant, str) or not tenant or not tenant.isprintable():
        raise refused(
            f"has a claim {name!r} that is no text" if tenant is not None else f"lacks the claim {name!r}"
        )
    return tenant


def _roles(claims: Claims, settings: JwtSettings) -> tuple[str, ...]:
    said = _words(claims, settings.roles_claim, "roles")
    if settings.roles is None:
        return said
    return tuple(dict.fromkeys(settings.roles[role] for role in said if role in settings.roles))


def _scopes(claims: Claims, settings: JwtSettings) -> tuple[str, ...] | None:
    """`scope` is RFC 8693's and RFC 9068's; some providers call it `scp`."""
    if settings.scopes is None:
        return None
    said = _words(claims, "scope" if "scope" in claims else "scp", "scopes")
    return tuple(dict.fromkeys(glob for scope in said for glob in settings.scopes.get(scope, ())))


def _words(claims: Claims, name: str, what: str) -> tuple[str, ...]:
    """A list of text, or a text of words."""
    value = _claim(claims, name)
    words: object = () if value is None else value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise refused(f"has a claim {name!r} that is no list of {what}")
    found = tuple(cast(list[object], words))
    if len(found) > MOST_ROLES or not all(isinstance(word, str) for word in found):
        raise refused(f"has a claim {name!r} that is no list of {what}")
    return cast(tuple[str, ...], found)
