"""The console of a gateway, put together."""

import hashlib
import hmac
from functools import partial
from pathlib import Path
from typing import Any

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.identity import local_person, secret_file
from gateway.bootstrap.links import use_link
from gateway.bootstrap.oversight import oversight_of
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Session, Sessions
from toolward.auth import Authenticate, local_secret, proven
from toolward.errors import Unauthenticated
from toolward.types import Headers, Principal


def make_console(
    gateway: Gateway, entrance: Any, authenticate: Authenticate, *, port: int, secure: bool
) -> Any:
    """The ASGI application of the console."""
    from gateway.servers.console.app import console_app
    from gateway.servers.console.pages import Pages
    from gateway.servers.console.rooms import all_rooms

    sessions = Sessions(_session_key(gateway.home))
    parts = Parts(
        gateway.info,
        Pages(sessions, gateway.info.version),
        sessions,
        Proofs(gateway, authenticate, sessions),
        entrance.to(gateway.dispatch, "http"),
        entrance.to_agents(gateway.runs, "http"),
        oversight_of(gateway),
        partial(entrance.ask, "http"),
        cookie=f"toolward-{port}",
        secure=secure,
    )
    return console_app(parts, all_rooms(parts), max_body=gateway.settings.limits.of_doors.body_bytes)


class Proofs:
    """By what people prove who they are to the console (`gateway.servers.console.parts.Proofs`)."""

    def __init__(self, gateway: Gateway, authenticate: Authenticate, sessions: Sessions) -> None:
        self._gateway, self._authenticate, self._sessions = gateway, authenticate, sessions

    async def by_token(self, headers: Headers, token: str) -> Session:
        principal = await proven(self._authenticate, {**headers, "authorization": f"Bearer {token}"})
        if principal.api_key:
            return self._sessions.begin("key", principal.api_key)
        if self._configured(principal.id) is not None:
            return self._sessions.begin("principal", principal.id)
        return self._sessions.begin("provider", principal.id, principal=principal)

    async def by_link(self, code: str) -> Session:
        use_link(self._gateway.home, code)
        return self._sessions.begin("principal", local_person(self._gateway.settings).id)

    def principal_of(self, session: Session) -> Principal:
        if session.by == "key":
            found = self._gateway.keys.holder(session.subject)
        elif session.by == "principal":
            found = self._configured(session.subject)
        else:
            found = session.principal if self._gateway.settings.identity else None
        if found is None:
            raise Unauthenticated("What you signed in with is good no more.", hint="Sign in again.")
        return found

    def _configured(self, name: str) -> Principal | None:
        for one in self._gateway.settings.principals:
            if one.id == name:
                return Principal(one.id, one.roles, one.tenant)
        return None


def _session_key(home: Path) -> bytes:
    """Of this installation: every worker reads what another wrote, also after a restart. A new secret ends all
    sessions."""
    secret = local_secret(secret_file(home))
    return hmac.new(secret.encode(), b"toolward console sessions", hashlib.sha256).digest()
