"""Several identity providers, each for the tokens that say they are its own."""

import base64
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from toolward.auth.claims import refused
from toolward.auth.jwt import Jwt, check_form, keys_for
from toolward.auth.jwt_settings import JwtSettings
from toolward.auth.keys import Keys
from toolward.auth.tokens import Verify
from toolward.errors import ConfigurationError, Unavailable
from toolward.types import Principal

log = logging.getLogger(__name__)


class _Where(NamedTuple):
    """What says which keys an issuer has."""

    issuer: str
    keys: str
    networks: tuple[str, ...]


class Word(msgspec.Struct):
    """What a token says of itself: whose it is, and until when it is good, in Unix seconds."""

    iss: str = ""
    exp: float = 0.0


_decode = msgspec.json.Decoder(Word).decode


class Issuers:
    """Checks a token by the keys of the issuer that it names, and asks nothing of anybody for any other token."""

    def __init__(self, make_keys: Callable[[JwtSettings], Keys] = keys_for) -> None:
        self._make_keys = make_keys
        self._keys: dict[_Where, Keys] = {}
        self._by_name: Mapping[str, Verify] = {}

    def use(self, settings: Sequence[JwtSettings]) -> None:
        """From now on these. The keys of those that have not moved stay known."""
        kept, self._keys = self._keys, {}
        self._by_name = {one.issuer: self._verifier(one, kept) for one in settings}

    def _verifier(self, settings: JwtSettings, kept: Mapping[_Where, Keys]) -> Verify:
        where = _Where(settings.issuer, settings.keys, settings.networks)
        try:
            keys = kept.get(where) or self._make_keys(settings)
        except (
            ConfigurationError
        ) as error:  # a file that has gone since it was looked for; others are not to suffer
            log.error("tokens of %s cannot be checked: %s", settings.issuer, error.text)
            return _unusable
        self._keys[where] = keys
        return Jwt(settings, keys)

    def __call__(self, token: str) -> Principal | Awaitable[Principal]:
        """Raises Unauthenticated."""
        check_form(token)
        verify = self._by_name.get(word_of(token).iss)
        if verify is None:
            raise refused("is of an issuer that is not known here")
        return verify(token)


def word_of(token: str) -> Word:
    """By the token itself; nothing is believed yet. Raises Unauthenticated."""
    payload = token.split(".")[1]
    try:
        return _decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, msgspec.DecodeError):
        raise refused("cannot be read") from None


def _unusable(token: str) -> Principal:
    raise Unavailable("Tokens of this issuer cannot be checked now.", hint="The gateway's log says why.")
