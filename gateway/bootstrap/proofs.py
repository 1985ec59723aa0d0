"""By what people prove to the console who they are (`gateway.servers.console.parts.Proofs`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.identity import local_person, one_of_ours
from gateway.bootstrap.links import use_link
from gateway.servers.console.parts import Provider
from gateway.servers.console.sessions import Session, Sessions
from toolward.auth import Authenticate, proven
from toolward.auth.handshake import Handshake
from toolward.errors import NotFound, Unauthenticated
from toolward.types import Headers, Principal

if TYPE_CHECKING:
    from toolward.auth.code_flow import CodeFlow
    from toolward.auth.jwt_settings import JwtSettings


class Proofs:
    def __init__(
        self, gateway: Gateway, entrance: Any, authenticate: Authenticate, sessions: Sessions
    ) -> None:
        """`authenticate` is the door's; `entrance` counts who fails to prove who they are otherwise."""
        self._gateway, self._entrance, self._authenticate = gateway, entrance, authenticate
        self._sessions = sessions
        self._flows: dict[str, tuple[JwtSettings, CodeFlow]] = {}

    async def by_token(self, headers: Headers, token: str) -> Session:
        if not token:
            raise Unauthenticated("That is no key.", hint="Write a key or a token, or use a link.")
        principal = await proven(self._authenticate, {**headers, "authorization": f"Bearer {token}"})
        if principal.api_key:
            return self._sessions.begin("key", principal.api_key)
        if one_of_ours(self._gateway.settings, principal.id) is not None:
            return self._sessions.begin("principal", principal.id)
        from toolward.auth.issuers import word_of  # a tenth of a second, for those who use it

        word = word_of(token)
        return self._sessions.begin("provider", word.iss, principal=principal, ends=word.exp)

    async def by_link(self, headers: Headers, code: str) -> Session:
        async def used() -> Principal:
            use_link(self._gateway.home, code)
            return local_person(self._gateway.settings)

        principal = await self._counted(used, headers, f"link {code}")
        return self._sessions.begin("principal", principal.id)

    def providers(self) -> Sequence[Provider]:
        return [
            Provider(one.issuer, one.sign_in.name or urlsplit(one.issuer).netloc)
            for one in self._gateway.settings.identity
            if one.sign_in is not None
        ]

    async def begins_at(self, issuer: str, back: str, handshake: Handshake) -> str:
        return await self._flow(issuer).begins_at(back, handshake)

    async def by_provider(
        self, headers: Headers, issuer: str, answer: Mapping[str, str], back: str, handshake: Handshake
    ) -> Session:
        ends = 0.0

        async def looked() -> Principal:
            nonlocal ends
            principal, ends = await self._flow(issuer).ends_with(answer, back, handshake)
            return principal

        principal = await self._counted(looked, headers, f"code {handshake.state}")
        return self._sessions.begin("provider", issuer, principal=principal, ends=ends)

    def principal_of(self, session: Session) -> Principal:
        settings = self._gateway.settings
        if session.by == "key":
            found = self._gateway.keys.holder(session.subject)
        elif session.by == "principal":
            found = one_of_ours(settings, session.subject)
        else:
            found = session.principal
            known = any(one.issuer == session.subject for one in settings.identity)
            if found is None or not known or one_of_ours(settings, found.id) is not None:
                found = None
        if found is None:
            raise Unauthenticated("What you signed in with is good no more.", hint="Sign in again.")
        return found

    async def _counted(
        self, prove: Callable[[], Awaitable[Principal]], headers: Headers, shown: str
    ) -> Principal:
        """As at the doors: an address that fails too often is not listened to for a while."""
        counting = self._entrance.counting(_by(prove), "http")
        return await proven(counting, {**headers, "authorization": shown})

    def _flow(self, issuer: str) -> CodeFlow:
        """What is known of a provider is kept until its settings change. Raises NotFound."""
        from toolward.auth.code_flow import CodeFlow

        found = [one for one in self._gateway.settings.identity if one.issuer == issuer and one.sign_in]
        if not found:
            raise NotFound("Nobody signs in at that provider here.", hint="Choose one of the page.")
        settings, flow = self._flows.get(issuer, (None, None))
        if flow is None or settings != found[0]:
            flow = CodeFlow(found[0])
            self._flows[issuer] = (found[0], flow)
        return flow


def _by(prove: Callable[[], Awaitable[Principal]]) -> Authenticate:
    return lambda headers: prove()
