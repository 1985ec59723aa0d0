"""Proving who calls. A door hands over the request's headers and gets a principal, or refuses."""

import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import Headers, Principal

Authenticate = Callable[[Headers], Principal]
"""From headers (gRPC metadata, HTTP headers; lower-case names) to who calls. Raises Unauthenticated."""

SECRET_BYTES = 32


def open_to_all(principal: Principal) -> Authenticate:
    """For a server that somebody starts alone on loopback: every caller is `principal`."""
    return lambda headers: principal


def bearer(principals: Mapping[str, Principal]) -> Authenticate:
    """Callers prove themselves by `Authorization: Bearer TOKEN`. Every known token is compared, in constant
    time, so that timing says nothing about any of them."""
    known = [(token.encode(), principal) for token, principal in principals.items()]

    def authenticate(headers: Headers) -> Principal:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(
                "This door wants to know who calls.", hint="Send the header `Authorization: Bearer TOKEN`."
            )
        given = token.strip().encode()
        matching = [principal for secret, principal in known if hmac.compare_digest(secret, given)]
        if not matching:
            raise Unauthenticated("The token is not known here.", hint="Use the token of this installation.")
        return matching[0]

    return authenticate


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def local_secret(path: Path) -> str:
    """The per-installation secret by which the local person proves themself: made at first use, in a file that
    only its owner may read. Raises ConfigurationError when others may read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(path, "x", opener=_owner_only) as file:
            file.write(new_secret())
    except FileExistsError:
        pass
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"{path} can be read by others, so it proves nothing.", hint=f"Run: chmod 600 {path}"
        )
    return path.read_text(encoding="utf-8").strip()


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
