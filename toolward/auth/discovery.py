"""Where an identity provider has its keys, by its own word: OpenID Connect Discovery 1.0, section 4, or RFC 8414.

Nothing is asked before a token of that issuer comes, so that a provider that is away stops nothing from starting.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from toolward.auth.published import Missing, check_address, get
from toolward.errors import ConfigurationError, ToolwardError, Unavailable
from toolward.outbound.egress import shown
from toolward.outbound.reach import PUBLIC, Reach, is_literal, is_localhost

FRESH = 3600.0
"""Seconds after which the metadata is asked for again, together with the keys."""


class Metadata(msgspec.Struct, frozen=True):
    """What is needed of it (OpenID Connect Discovery 1.0, section 3; RFC 9207, section 3)."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False


def metadata_addresses(issuer: str) -> tuple[str, str]:
    """Where its metadata may be, the usual place first."""
    url = urlsplit(issuer)
    origin, path = f"{url.scheme}://{url.netloc}", url.path.rstrip("/")
    return (
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )


class Discovered:
    """Fetches the JWK set that the metadata of `issuer` names."""

    def __init__(
        self, issuer: str, reach: Reach = PUBLIC, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises ConfigurationError for an issuer that is no URL of which this could be asked."""
        self._host = check_address(issuer, "What is known of").host
        url = urlsplit(issuer)
        if url.query or url.fragment:
            raise ConfigurationError(
                f"{shown(issuer)!r} is no issuer: it has a query or a fragment (RFC 8414, section 2).",
                hint="Write it as it stands in the tokens' `iss`.",
            )
        self._issuer, self._reach, self._clock = issuer, reach, clock
        self._found: Metadata | None = None
        self._found_at = float("-inf")

    async def __call__(self) -> bytes:
        """Raises Unavailable and what else a Pool raises."""
        found = await self.metadata()
        try:
            return await get(found.jwks_uri, self._reach)
        except ToolwardError:
            self._found = None  # they may have moved
            raise

    async def metadata(self) -> Metadata:
        """Whose address of keys may be asked. Raises Unavailable and what else a Pool raises."""
        found = self._found
        if found is None or self._clock() - self._found_at > FRESH:
            found = self._found = self._checked(await self._asked())
            self._found_at = self._clock()
        return found

    def check(self, address: str, what: str) -> None:
        """Whether we may send a request to what the metadata names; `what` begins the sentence. Raises
        Unavailable."""
        try:
            host = check_address(address, what).host
        except ConfigurationError as error:
            raise Unavailable(f"its metadata cannot be taken: {error.message}") from None
        # An address that an operator writes out says by itself that it is meant. Here a provider writes it.
        if host != self._host and (is_literal(host) or is_localhost(host)):
            raise Unavailable(f"{what} is at {host} by its metadata, which is no name of a provider's")

    async def _asked(self) -> bytes:
        first, second = metadata_addresses(self._issuer)
        try:
            return await get(first, self._reach)
        except Missing:
            return await get(second, self._reach)

    def _checked(self, raw: bytes) -> Metadata:
        """Raises Unavailable for what must not be believed: it may be mended at any time."""
        try:
            found = msgspec.json.decode(raw, type=Metadata)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unavailable("its metadata cannot be read, or lacks `issuer` or `jwks_uri`") from None
        if found.issuer != self._issuer:  # OpenID Connect Discovery, 4.3; RFC 8414, 3.3
            raise Unavailable(
                f"its metadata is that of the issuer {shown(found.issuer)!r}, to the letter; write it so"
            )
        self.check(found.jwks_uri, "The keys")
        return found
