"""What the console is made of: the providers behind every door, and how people prove who they are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from gateway.oversight import Oversight
from gateway.servers.console.pages import Pages
from gateway.servers.console.sessions import Session, Sessions
from toolward.auth.handshake import Handshake
from toolward.types import AgentProvider, Headers, Principal, ServerInfo, ToolProvider


class Provider(NamedTuple):
    """An identity provider, by its issuer, and what people call it."""

    issuer: str
    name: str


class Proofs(Protocol):
    """By what people prove who they are. Each raises Unauthenticated, and Overloaded for an address that failed too
    often."""

    def providers(self) -> Sequence[Provider]:
        """At which people can sign in with a browser."""
        ...

    async def begins_at(self, issuer: str, back: str, handshake: Handshake) -> str:
        """Where a browser goes to sign in at this provider, to be led to `back`. Raises NotFound and Unavailable,
        too."""
        ...

    async def by_provider(
        self, headers: Headers, issuer: str, answer: Mapping[str, str], back: str, handshake: Handshake
    ) -> Session:
        """What the provider gave the browser to bring back."""
        ...

    async def by_token(self, headers: Headers, token: str) -> Session:
        """A key, the installation's secret, a configured token, or one of an identity provider."""
        ...

    async def by_link(self, headers: Headers, code: str) -> Session:
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
    document: Callable[[], Mapping[str, Any]] = dict
    """Of REST, by OpenAPI."""
    outside: str = ""
    """The origin as browsers know it that come by a proxy, `https://tools.example`; empty where there is none."""
