"""The console's pages in process: what a browser would be sent, without a socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gateway.oversight import Oversight
from gateway.servers.console import calls, usage
from gateway.servers.console.app import console_app
from gateway.servers.console.pages import Pages
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Session, Sessions
from toolward.types import Headers, Principal, ServerInfo


class _Known:
    """The one person there is."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    async def by_token(self, headers: Headers, token: str) -> Session:
        raise NotImplementedError

    async def by_link(self, code: str) -> Session:
        raise NotImplementedError

    def principal_of(self, session: Session) -> Principal:
        return self._principal


@asynccontextmanager
async def console_over(oversight: Oversight, principal: Principal) -> AsyncGenerator[httpx.AsyncClient]:
    """The rooms that stand on what is on record, for somebody who is signed in."""
    sessions = Sessions(b"k" * 32)
    nobody: Any = None  # neither room calls tools or agents
    info = ServerInfo("toolward", "1")
    known = _Known(principal)
    parts = Parts(info, Pages(sessions, "1"), sessions, known, nobody, nobody, oversight)
    app = console_app(parts, [*calls.shown(parts), *usage.shown(parts)])
    cookies = {"toolward": sessions.written(sessions.begin("principal", principal.id))}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies=cookies) as client:
        yield client
