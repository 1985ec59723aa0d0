"""Who calls the gateway, and by what that is proven."""

import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.config.settings import Settings
from toolward.auth import Authenticate, local_secret
from toolward.auth.tokens import given_token, not_known, tokens_of
from toolward.types import Headers, Principal

if TYPE_CHECKING:
    from gateway.bootstrap.house import Gateway


def secret_file(home: Path) -> Path:
    """Where the local person's secret lies; only they can read it."""
    return home / "secret"


def local_person(settings: Settings) -> Principal:
    """Who the person at this computer is: the first configured principal without a token of its own. Raises
    IndexError only where the configuration names nobody, which it refuses."""
    alone = [one for one in settings.principals if not one.token] or list(settings.principals)
    return Principal(alone[0].id, alone[0].roles, alone[0].tenant)


def authentication(gateway: "Gateway") -> Authenticate:
    """By the principals and the API keys that are in force when somebody calls. Each source is asked in turn, and
    whatever one says of a token that is of its kind is the last word."""
    secret = local_secret(secret_file(gateway.home))
    of = gateway.settings
    known = tokens_of(_tokens(of, secret))

    def authenticate(headers: Headers) -> Principal:
        nonlocal of, known
        if gateway.settings is not of:
            of = gateway.settings
            known = tokens_of(_tokens(of, secret))
        token = given_token(headers)
        if (found := known.find(token) or gateway.keys.find(token)) is not None:
            return found
        raise not_known()

    return authenticate


def _tokens(settings: Settings, secret: str) -> dict[str, Principal]:
    own = {one.token: Principal(one.id, one.roles, one.tenant) for one in settings.principals if one.token}
    return {secret: local_person(settings)} | own


def state_key(home: Path) -> bytes:
    """Of this installation, so that what a client was asked before a restart can be answered after it."""
    secret = local_secret(secret_file(home))
    return hmac.new(secret.encode(), b"toolward request state", hashlib.sha256).digest()
