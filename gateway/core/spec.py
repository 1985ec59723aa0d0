"""What a backend is made from: configuration makes these, the backends' room connects by them.

None of it shows its values in a repr: tokens are among them.

`on_behalf_of`: the server is told for whom each call is made, signed with `principal_key`, or where that is empty
and the server is started by us, with a key made for that start. Only servers that are to know our callers get that.

`networks`: where a name in the address may lead beside public addresses, as `toolward.outbound.reach` reads it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from toolward.types import RequestKind

CALL_TIMEOUT = 30.0  # seconds for one call
CONCURRENCY = 64  # calls of one backend in work at once
QUEUE = 256  # calls of one backend that may wait for that


class McpSpec(msgspec.Struct, frozen=True):
    """What clients of MCP are listed: where a caller has more than `tool_search` tools (0 = never), a search in
    their place, beside those that the globs `pinned` name."""

    tool_search: int = 200
    pinned: tuple[str, ...] = ()


class Quiet(msgspec.Struct, frozen=True):
    """A value whose repr says only what it is."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Launch(Quiet, frozen=True):
    """A process to start: its command, what its environment has beside the minimal one, and where it runs.
    `hidden` are values that must not be shown when the process prints them."""

    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: Path | None = None
    hidden: tuple[str, ...] = ()


class OAuthSpec(Quiet, frozen=True, kw_only=True):
    """How access tokens for a backend are had from an authorization server. `auth` is how we prove ourselves there.
    With `exchange` each call goes out with a token that its caller's own was exchanged for; what is no call, with
    ours."""

    token_url: str
    client_id: str
    client_secret: str
    auth: Literal["basic", "post"] = "basic"
    scope: str = ""
    audience: str = ""
    resource: str = ""
    exchange: bool = False
    networks: tuple[str, ...] = ()


class StdioSpec(Quiet, frozen=True, kw_only=True):
    """MCP over the standard streams of a process of ours."""

    name: str
    address: str  # for people
    launch: Launch
    timeout: float = CALL_TIMEOUT  # seconds for one call
    concurrency: int = CONCURRENCY
    queue: int = QUEUE
    on_behalf_of: bool = False
    principal_key: str = ""

    @property
    def transport(self) -> Literal["stdio"]:
        return "stdio"


class HttpSpec(Quiet, frozen=True, kw_only=True):
    """MCP over Streamable HTTP. `start` starts the server, and then a token of its own is made for each start
    where `token` is empty. With `relays` it is a process of this gateway's own that stands before a server on
    stdio, and people are shown that server."""

    name: str
    address: str
    url: str
    token: str = ""
    headers: Mapping[str, str] = {}
    oauth: OAuthSpec | None = None  # in place of `token`
    networks: tuple[str, ...] = ()
    start: Launch | None = None
    timeout: float = CALL_TIMEOUT
    concurrency: int = CONCURRENCY
    queue: int = QUEUE
    on_behalf_of: bool = False
    principal_key: str = ""
    relays: bool = False

    @property
    def transport(self) -> Literal["http", "stdio"]:
        return "stdio" if self.relays else "http"


class GrpcSpec(Quiet, frozen=True, kw_only=True):
    """`toolward.v1.ToolService` at HOST:PORT, or at another target that gRPC knows: `dns:///NAME:PORT`, whose name
    may have several addresses, calls going to each in turn. One that we start is at HOST:PORT."""

    name: str
    address: str
    target: str
    token: str = ""
    oauth: OAuthSpec | None = None
    networks: tuple[str, ...] = ()
    start: Launch | None = None
    timeout: float = CALL_TIMEOUT
    concurrency: int = CONCURRENCY
    queue: int = QUEUE
    on_behalf_of: bool = False
    principal_key: str = ""

    @property
    def transport(self) -> Literal["grpc"]:
        return "grpc"


Spec = StdioSpec | HttpSpec | GrpcSpec


class ReminderSpec(Quiet, frozen=True, kw_only=True):
    """A webhook that reminds of input requests which nobody has answered. Times are in seconds; no kinds: all."""

    url: str
    secret: str  # by which it is signed
    after: float
    every: float
    at_most: int
    kinds: tuple[RequestKind, ...] = ()
    networks: tuple[str, ...] = ()
