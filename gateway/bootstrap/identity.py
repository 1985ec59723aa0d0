"""Who calls the gateway, and by what that is proven."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.config.settings import PrincipalSettings, Settings
from toolward.auth import Authenticate, Verify, local_secret
from toolward.auth.certificates import HEADER, Certificates
from toolward.auth.tokens import given_token, not_known, tokens_of
from toolward.errors import Unauthenticated
from toolward.types import Headers, Principal

if TYPE_CHECKING:
    from gateway.bootstrap.house import Gateway
    from toolward.auth.issuers import Issuers

Find = Callable[[str], Principal | None]
"""From a token that this installation gave out to whom it proves; None for any other. Raises Unauthenticated for
one that is no good any more: that is the last word on it."""

Proved = Callable[[Principal, str], None]


def secret_file(home: Path) -> Path:
    """Where the local person's secret lies; only they can read it."""
    return home / "secret"


def local_person(settings: Settings) -> Principal:
    """Who the person at this computer is: the first configured principal without a token or certificate of its
    own. Raises IndexError only where the configuration names nobody, which it refuses."""
    alone = [one for one in settings.principals if not (one.token or one.certificate)] or settings.principals
    return _principal(alone[0])


def one_of_ours(settings: Settings, name: str) -> Principal | None:
    """The configured principal of this id."""
    return next((_principal(one) for one in settings.principals if one.id == name), None)


def authentication(gateway: "Gateway") -> Authenticate:
    """By what is in force when somebody calls. One for all doors: what it remembers of providers serves all."""
    secret = local_secret(secret_file(gateway.home))
    callers = Callers(gateway.settings, secret, gateway.keys.find, proved=gateway.subjects.keep)

    def authenticate(headers: Headers) -> Principal | Awaitable[Principal]:
        if gateway.settings is not callers.settings:
            callers.use(gateway.settings)
        return callers(headers)

    return authenticate


class Callers:
    """What proves who calls, in this order: the secret and the principals' tokens, `finders` (API keys), a token of
    an identity provider, or without any token the certificate of the connection. A token that is no good is
    refused, whatever the certificate."""

    def __init__(self, settings: Settings, secret: str, *finders: Find, proved: Proved | None = None) -> None:
        """`proved` is told of each token of a provider by which somebody proves who they are."""
        self._secret, self._more, self._proved = secret, finders, proved
        self._issuers: Issuers | None = None
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """From now on these settings."""
        self.settings = settings
        self._finders = (tokens_of(_tokens(settings, self._secret)).find, *self._more)
        self._certificates = Certificates(
            {one.certificate: _principal(one) for one in settings.principals if one.certificate}
        )
        self._taken = frozenset(one.id for one in settings.principals)
        self._verify: Verify = _unknown
        if settings.identity:
            from toolward.auth.issuers import Issuers  # a tenth of a second, for those who use it

            self._issuers = self._issuers or Issuers()
            self._issuers.use(settings.identity)
            self._verify = self._issuers

    def __call__(self, headers: Headers) -> Principal | Awaitable[Principal]:
        """Raises Unauthenticated."""
        certificate = headers.get(HEADER)
        if certificate is not None and "authorization" not in headers:
            return self._certificates.find(certificate)
        token = given_token(headers)
        for find in self._finders:
            if (known := find(token)) is not None:
                return known
        found = self._verify(token)
        if isinstance(found, Principal):
            return self._foreign(found, token)
        return self._later(found, token)

    async def _later(self, found: Awaitable[Principal], token: str) -> Principal:
        return self._foreign(await found, token)

    def _foreign(self, principal: Principal, token: str) -> Principal:
        """Raises Unauthenticated where a provider's word would make of its caller one of ours."""
        if principal.id in self._taken:
            raise Unauthenticated(
                f"The token is of somebody whom its issuer calls {principal.id!r}: a principal of this "
                "gateway's own has that id.",
                hint="Give the provider a `prefix` in toolward.yaml.",
            )
        if self._proved is not None:
            self._proved(principal, token)
        return principal


def _unknown(token: str) -> Principal:
    raise not_known()


def _tokens(settings: Settings, secret: str) -> dict[str, Principal]:
    return {secret: local_person(settings)} | {
        one.token: _principal(one) for one in settings.principals if one.token
    }


def _principal(one: PrincipalSettings) -> Principal:
    return Principal(one.id, one.roles, one.tenant)


def state_key(home: Path) -> bytes:
    """Of this installation, so that what a client was asked before a restart can be answered after it."""
    secret = local_secret(secret_file(home))
    return hmac.new(secret.encode(), b"toolward request state", hashlib.sha256).digest()
