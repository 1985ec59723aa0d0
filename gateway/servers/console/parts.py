"""What the console is made of: the providers behind every door, and how people prove who they are."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gateway.oversight import Oversight
from gateway.servers.console.pages import Pages
from gateway.servers.console.sessions import Session, Sessions
from toolward.types import AgentProvider, Headers, Principal, ServerInfo, ToolProvider


class Proofs(Protocol):
    """By what people prove who they are. Each raises Unauthenticated."""

    async def by_token(self, headers: Headers, token: str) -> Session:
        """A key, the installation's secret, a configured token, or one of an identity provider."""
        ...

    async def by_link(self, code: str) -> Session:
        """The code of a one-time link, which is good no more afterwards: the local person's."""
        ...

    def principal_of(self, session: Session) -> Principal:
        """Who that is now, with the rights of now."""
        ...


class Parts(NamedTuple):
    """`tools` and `agents` are as at the other doors: whatever is asked of them passes policy. `ask` is called for
    each request; it raises Overloaded for who asks too often."""

    info: ServerInfo
    pages: Pages
    sessions: Sessions
    proofs: Proofs
    tools: ToolProvider
    agents: AgentProvider
    oversight: Oversight
    ask: Callable[[Principal], None] = lambda principal: None
    cookie: str = "toolward"
    """The cookie's name. Browsers send the cookies of a host to all its ports, so it has this door's in it."""
    secure: bool = False
    """Whether the door speaks TLS: then the cookie goes over nothing else."""
