"""Signing in with a browser at an identity provider: the authorization code flow of OpenID Connect (Core 1.0,
section 3.1) with PKCE (RFC 7636), and the issuer in the answer (RFC 9207) against mix-ups."""

import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from msgspec.structs import replace

from toolward.auth.claims import Claims, principal_of, refused
from toolward.auth.discovery import Discovered, Metadata
from toolward.auth.handshake import Handshake
from toolward.auth.jwt import Jwt
from toolward.auth.jwt_settings import JwtSettings, SignIn
from toolward.auth.keys import Keys, keys_at
from toolward.auth.published import check_address
from toolward.errors import ConfigurationError, ToolwardError, Unauthenticated, Unavailable
from toolward.outbound.egress import shown
from toolward.outbound.reach import Reach
from toolward.outbound.token_server import AUTHORIZATION_CODE, Granted, GrantRefused, TokenServer
from toolward.types import Principal

_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LONGEST_CODE = 4096
_AGAIN = "Begin again at the page where you sign in."


class SignedIn(NamedTuple):
    """Who that is, and until when their ID token says so, in Unix seconds."""

    principal: Principal
    ends: float


class CodeFlow:
    """One provider's. `settings.sign_in` says as which client we come."""

    def __init__(self, settings: JwtSettings) -> None:
        """Raises ConfigurationError."""
        assert settings.sign_in is not None  # noqa: S101 -- whoever makes this has looked
        self._client: SignIn = settings.sign_in
        self._settings = settings
        self._reach = Reach(settings.networks)
        self._provider = Discovered(settings.issuer, self._reach)
        keys = (
            keys_at(settings.keys, self._reach)
            if settings.keys
            else Keys(shown(settings.issuer), self._provider)
        )
        self._id_tokens = Jwt(replace(settings, audience=self._client.client_id), keys)

    async def begins_at(self, back: str, handshake: Handshake) -> str:
        """Where the browser is to go; it comes back to `back`. Raises Unavailable."""
        metadata = await self._metadata()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": back,
            "scope": self._client.scope,
            "state": handshake.state,
            "nonce": handshake.nonce,
            "code_challenge": handshake.challenge,
            "code_challenge_method": "S256",
        }
        address = metadata.authorization_endpoint
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def ends_with(self, answer: Mapping[str, str], back: str, handshake: Handshake) -> SignedIn:
        """`answer` is what the provider gave the browser to bring back. Raises Unauthenticated, Unavailable."""
        if not hmac.compare_digest(answer.get("state", "").encode(), handshake.state.encode()):
            raise Unauthenticated("This sign-in was not begun in this browser.", hint=_AGAIN)
        metadata = await self._metadata()
        said = answer.get("iss", "")
        if said != metadata.issuer and (said or metadata.authorization_response_iss_parameter_supported):
            raise Unauthenticated("Another provider answered than the one that was asked.", hint=_AGAIN)
        if (code := answer.get("code", "")) and len(code) <= _LONGEST_CODE:
            granted = await self._granted(metadata, code, back, handshake.verifier)
            return await self._signed_in(granted, handshake.nonce)
        error = answer.get("error", "")
        why = f" ({error})" if _ERROR.fullmatch(error) else ""
        raise Unauthenticated(f"The provider did not sign you in{why}.", hint=_AGAIN)

    async def _metadata(self) -> Metadata:
        try:
            found = await self._provider.metadata()
            if not found.authorization_endpoint or not found.token_endpoint:
                raise Unavailable("its metadata names no endpoints to sign in at")
            self._provider.check(found.token_endpoint, "Its token endpoint")
            check_address(found.authorization_endpoint, "Signing in at")
        except ToolwardError as error:
            raise Unavailable(
                f"Nobody can sign in at {shown(self._settings.issuer)} now: {error.message.rstrip('.')}.",
                hint="Try again soon, or sign in by a key.",
            ) from None
        return found

    async def _granted(self, metadata: Metadata, code: str, back: str, verifier: str) -> Granted:
        client = self._client
        asked = {
            "grant_type": AUTHORIZATION_CODE,
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        server = TokenServer(
            metadata.token_endpoint,
            client.client_id,
            client.client_secret,
            auth=client.auth if client.client_secret else "none",
            reach=self._reach,
        )
        try:
            return await server.grant(asked)
        except GrantRefused as error:
            if error.error == "invalid_grant":  # RFC 6749, 5.2: the code is over, used, or another's
                raise Unauthenticated("The provider takes this sign-in no more.", hint=_AGAIN) from None
            raise self._no_token(error) from None
        except (Unavailable, ConfigurationError) as error:
            raise self._no_token(error) from None
        finally:
            await server.aclose()

    def _no_token(self, error: ToolwardError) -> Unavailable:
        where = shown(self._settings.issuer)
        return Unavailable(
            f"Nobody can sign in at {where} now: {error.message.rstrip('.')}.",
            hint="The gateway's operator can mend it where it is `client_id`, `client_secret` or `auth`.",
        )

    async def _signed_in(self, granted: Granted, nonce: str) -> SignedIn:
        """Raises Unauthenticated (OpenID Connect Core 1.0, 3.1.3.7)."""
        claims = await self._id_tokens.claims(granted.id_token)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise refused("is of another sign-in")
        if self._is_for_another(claims):
            raise refused("was made for another client")
        # An ID token has no scopes; what the person let us have stands beside it, where it is not all of it.
        scopes = {} if "scp" in claims else {"scope": granted.scope or self._client.scope}
        return SignedIn(principal_of(scopes | dict(claims), self._settings), float(claims["exp"]))

    def _is_for_another(self, claims: Claims) -> bool:
        audience, party = claims["aud"], claims.get("azp")
        several = not isinstance(audience, str) and len(audience) > 1
        return party != self._client.client_id if party is not None else several
