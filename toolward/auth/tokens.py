"""Bearer tokens, known by their SHA-256 alone: a copy of our memory, or of the file, lets nobody in.

A fast hash is right here, for tokens are 32 random bytes: there is nothing to guess, as there is with passwords.
"""

import hashlib
import math
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import Headers, Principal

Authenticate = Callable[[Headers], Principal | Awaitable[Principal]]
"""From headers (gRPC metadata, HTTP headers; lower-case names) to who calls: at once, or after a look elsewhere.
Raises Unauthenticated. Doors ask by `proven`."""

Verify = Callable[[str], Principal | Awaitable[Principal]]
"""The same, from a token that is not one of ours."""

SECRET_BYTES = 32

_NEVER = math.inf


async def proven(authenticate: Authenticate, headers: Headers) -> Principal:
    """Who calls. Raises Unauthenticated, or Unavailable where it cannot be found out now."""
    found = authenticate(headers)
    return found if isinstance(found, Principal) else await found


def open_to_all(principal: Principal) -> Callable[[Headers], Principal]:
    """For a server that somebody starts alone on loopback: every caller is `principal`."""
    return lambda headers: principal


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token's digest, and whom it proves; not after `expires`."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    id: Annotated[str, msgspec.Meta(min_length=1)]
    roles: tuple[str, ...] = ()
    tenant: str = "default"
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    @property
    def principal(self) -> Principal:
        return Principal(self.id, self.roles, self.tenant)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[Token, ...]


class Tokens:
    """Known tokens, looked up by their digest: what it costs does not grow with how many there are."""

    def __init__(self, *known: Token, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # How long a look takes may tell of the digest of what was sent, which whoever sent it knows. It leads no
        # nearer to a token: digests that begin like a known one must be guessed, as the token itself must.
        self._known = {
            bytes.fromhex(one.sha256): (
                one.principal,
                _NEVER if one.expires is None else one.expires.timestamp(),
            )
            for one in reversed(known)
        }

    def find(self, token: str) -> Principal | None:
        """None for a token that is not known, or not any more."""
        found = self._known.get(hashlib.sha256(token.encode(errors="replace")).digest())
        return found[0] if found is not None and self._clock() < found[1] else None


def known_token(token: str, principal: Principal) -> Token:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return Token(digest, principal.id, principal.roles, principal.tenant)


def tokens_of(principals: Mapping[str, Principal]) -> Tokens:
    """Whom each token proves."""
    return Tokens(*(known_token(token, principal) for token, principal in principals.items()))


def load_tokens(path: Path) -> tuple[Token, ...]:
    """A TOML file of `[[tokens]]`, each with `sha256` and `id`, and where wanted `roles`, `tenant`, `expires`.
    Raises ConfigurationError that names the file and what is wrong in it."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).tokens
    except OSError as error:
        raise ConfigurationError(
            f"The file of tokens {path} cannot be read: {error.strerror or error}.", hint="Check the path."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file of tokens {path} is wrong: {error}.",
            hint="`toolserver --new-token ID` prints an entry as it must be.",
        ) from None


def bearer(principals: Mapping[str, Principal]) -> Callable[[Headers], Principal]:
    """Callers prove themselves by `Authorization: Bearer TOKEN`."""
    tokens = tokens_of(principals)

    def authenticate(headers: Headers) -> Principal:
        return _known(tokens, given_token(headers))

    return authenticate


def bearer_or(tokens: Tokens, verify: Verify | None) -> Authenticate:
    """By one of the known tokens, or else by one that `verify` takes."""

    def authenticate(headers: Headers) -> Principal | Awaitable[Principal]:
        token = given_token(headers)
        if verify is None:
            return _known(tokens, token)
        return tokens.find(token) or verify(token)

    return authenticate


def given_token(headers: Headers) -> str:
    """Raises Unauthenticated."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "This door wants to know who calls.", hint="Send the header `Authorization: Bearer TOKEN`."
        )
    return token.strip()


def _known(tokens: Tokens, token: str) -> Principal:
    if (principal := tokens.find(token)) is not None:
        return principal
    raise not_known()


def not_known() -> Unauthenticated:
    return Unauthenticated("The token is not known here.", hint="Use the token of this installation.")


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
