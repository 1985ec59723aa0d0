"""By which access token a backend is called: ours (client credentials, RFC 6749, 4.4), or for each call one that
its caller's own token was exchanged for (RFC 8693). Listing and watching are ours, always.

What a caller sent us goes to the token server that the configuration names, and nowhere else."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from gateway.backends.gate import NotConnected
from gateway.core.spec import OAuthSpec, Spec, StdioSpec
from toolward.auth.subject_tokens import SubjectTokens
from toolward.errors import Unauthenticated
from toolward.outbound.kept_token import KeptToken, NoToken
from toolward.outbound.reach import Reach
from toolward.outbound.token_server import (
    ACCESS_TOKEN,
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    Granted,
    TokenServer,
)
from toolward.types import Principal

MOST = 10_000
"""Exchanged tokens that are kept for one backend; what was not used for longest goes first."""

_OF_THE_CALLER = frozenset({"invalid_grant", "invalid_request", "access_denied", "interaction_required"})
"""Errors that speak of the token that was given for exchange (RFC 8693, 2.2.2, and what servers use in its stead);
any other is the backend's entry in the configuration, or the server's own trouble."""

_BEARER = "Bearer "


class NoCredential(NotConnected):
    """The token server gives none. It says nothing of the backend, which nobody has asked anything."""

    def __init__(self, backend: str, where: str, error: NoToken) -> None:
        super().__init__(
            f"The access token for {backend} cannot be had from {where}: {error.message}.",
            hint="Nothing was sent to it. Look at its `oauth` in the configuration, and at that server.",
            retry_after=error.retry_after,
        )
        self.answered = True  # neither is the connection suspect


class OAuthCredentials:
    """A `toolward.outbound.credentials.Credentials`."""

    def __init__(
        self,
        backend: str,
        spec: OAuthSpec,
        subjects: SubjectTokens | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`subjects` are where callers' own tokens are found, for those that are exchanged."""
        self.per_caller = spec.exchange
        self._backend, self._subjects, self._clock = backend, subjects, clock
        self._asked = {"scope": spec.scope, "audience": spec.audience, "resource": spec.resource}
        self._server = TokenServer(
            spec.token_url,
            spec.client_id,
            spec.client_secret,
            auth=spec.auth,
            reach=Reach(spec.networks),
        )
        self._own = KeptToken(f"{backend}'s access token", self._grant, clock)
        self._exchanged: OrderedDict[tuple[str, str, bytes], KeptToken] = OrderedDict()

    async def aclose(self) -> None:
        """Requests under way fail, and who waits for them is told."""
        await self._server.aclose()
        await self.settled()

    async def settled(self) -> None:
        """When nothing is being fetched."""
        for kept in (self._own, *self._exchanged.values()):
            await kept.settled()

    async def own(self) -> Mapping[str, str]:
        """Raises NoCredential."""
        return {"authorization": _BEARER + (self._own.at_hand() or await self._got(self._own))}

    async def of(self, principal: Principal) -> Mapping[str, str]:
        """Raises NoCredential, Unauthenticated."""
        if not self.per_caller:
            return await self.own()
        kept = self._exchange_of(principal)
        return {"authorization": _BEARER + (kept.at_hand() or await self._got(kept, caller=True))}

    def refused(self, principal: Principal | None, headers: Mapping[str, str]) -> bool:
        token = headers.get("authorization", "").removeprefix(_BEARER)
        if principal is None or not self.per_caller:
            return self._own.drop(token)
        try:
            return self._exchange_of(principal).drop(token)
        except Unauthenticated:  # what it was had for has run out meanwhile
            return False

    async def _got(self, kept: KeptToken, *, caller: bool = False) -> str:
        try:
            return await kept.get()
        except NoToken as error:
            if caller and error.error in _OF_THE_CALLER:
                raise Unauthenticated(
                    f"{self._backend} was not called: the token server takes this caller's token for no other"
                    f" ({error.error}).",
                    hint="Sign in anew at the identity provider, and call again.",
                ) from None
            raise NoCredential(self._backend, self._server.where, error) from None

    def _exchange_of(self, principal: Principal) -> KeptToken:
        """Raises Unauthenticated."""
        subject = "" if self._subjects is None else self._subjects.find(principal)
        if not subject:
            raise Unauthenticated(
                f"{self._backend} is called in its caller's own name, and needs a caller who came with a token of"
                " the identity provider.",
                hint="Call the gateway with such a token (a key or secret of this gateway cannot stand for it).",
            )
        key = principal.tenant, principal.id, hashlib.sha256(subject.encode()).digest()
        kept = self._exchanged.get(key)
        if kept is None:
            kept = KeptToken(f"an exchanged token for {self._backend}", self._exchange(subject), self._clock)
            self._exchanged[key] = kept
            if len(self._exchanged) > MOST:
                self._exchanged.popitem(last=False)
        self._exchanged.move_to_end(key)
        return kept

    async def _grant(self) -> Granted:
        return await self._server.grant({"grant_type": CLIENT_CREDENTIALS, **self._asked})

    def _exchange(self, subject: str) -> Callable[[], Awaitable[Granted]]:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
            **self._asked,
        }
        return lambda: self._server.grant(form)


def exchanges(spec: Spec) -> bool:
    """Whether this backend is called in its callers' names."""
    return not isinstance(spec, StdioSpec) and spec.oauth is not None and spec.oauth.exchange


@asynccontextmanager
async def credentials_of(
    backend: str, spec: OAuthSpec | None, subjects: SubjectTokens | None
) -> AsyncGenerator[OAuthCredentials | None]:
    """None for a backend with a constant credential, or without any."""
    if spec is None:
        yield None
        return
    credentials = OAuthCredentials(backend, spec, subjects)
    try:
        yield credentials
    finally:
        await credentials.aclose()
