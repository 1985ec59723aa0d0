"""Open the doors that were asked for, and close them well: one process, any of stdio, HTTP and gRPC."""

import asyncio
import math
import signal
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from toolward.auth import Authenticate
from toolward.doors.address import Address, allowed_names, listening_socket
from toolward.doors.limits import DEFAULT, Limits
from toolward.doors.replies import reply
from toolward.doors.terms import DRAIN_SECONDS, LAST_WORDS, Terms
from toolward.doors.tls import Tls
from toolward.types import Principal, ServerInfo, ToolProvider

if TYPE_CHECKING:
    from toolward.doors.patience import Connections


@asynccontextmanager
async def http_server(
    app: Any,
    address: Address,
    *,
    limits: Limits = DEFAULT,
    tls: Tls | None = None,
    drain: int = DRAIN_SECONDS,
    plain: Any = None,
    refused: Callable[[str], None] = lambda code: None,
    shared: bool = False,
) -> AsyncGenerator[int, None]:
    """Serve an ASGI application while this is open; gives the port. `plain` answers plain requests before it
    (`toolward.doors.http_protocol.Plain`). `refused` is told the code of each connection that is turned away or
    cut. On the way out, requests in work have `drain` seconds. With `shared` other processes of ours listen there
    too. Raises ConfigurationError."""
    from toolward.doors.patience import Connections

    connections = Connections(limits, refused=refused)
    opened = asyncio.Event()
    server = _server(app, plain, connections, opened, tls=tls, drain=drain)
    listener = listening_socket(address, shared=shared)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    opening = asyncio.create_task(opened.wait())
    await asyncio.wait({serving, opening}, return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()
    looking = asyncio.create_task(_keep_looking(connections))
    try:
        if serving.done():
            serving.result()
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        looking.cancel()
        listener.close()


def _server(
    app: Any, plain: Any, connections: "Connections", opened: asyncio.Event, *, tls: Tls | None, drain: int
) -> Any:
    """uvicorn's, told all that it needs to know; it sets `opened`. Raises ConfigurationError."""
    import uvicorn

    from toolward.doors.http_protocol import speaking

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None, None, None]:  # signals are the process's, not a door's
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            opened.set()

    config = uvicorn.Config(
        app,
        http=speaking(plain, connections),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # whoever connects is who they are: no header says otherwise
        date_header=False,
        timeout_graceful_shutdown=drain,
        timeout_keep_alive=math.ceil(connections.limits.idle_seconds),
        ssl_context_factory=None if tls is None else _always(tls.context()),
        ws="none",
    )
    return Server(config)


async def _keep_looking(connections: "Connections") -> None:
    while True:
        await asyncio.sleep(connections.interval)
        connections.look()


def _always(context: ssl.SSLContext) -> Callable[[Any, Any], ssl.SSLContext]:
    """What uvicorn wants to call for its context: by now the files are read, and known to be right."""
    return lambda config, default: context


class Opened(NamedTuple):
    """The doors that are open, for the line that says so."""

    http: Address | None
    grpc: Address | None
    scheme: str = "http"


async def serve(
    provider: ToolProvider,
    info: ServerInfo,
    authenticate: Authenticate,
    *,
    local: Principal,
    stdio: bool = False,
    http: Address | None = None,
    grpc: Address | None = None,
    terms: Terms | None = None,
    ready: Callable[[Opened], None] = lambda opened: None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until the stdio client leaves; calls in work are finished first.

    `local` is who a stdio client is. Raises ConfigurationError when an address cannot be used.
    """
    # Longer than most, because opening and leaving are one story: what is opened first is left last.
    terms = terms or Terms()
    stop = until_stopped()
    leaving: list[Callable[[], Awaitable[None]]] = []
    async with AsyncExitStack() as stack:
        opened = Opened(http, grpc, "http" if terms.tls is None else "https")
        if http is not None:
            port = await stack.enter_async_context(_http_door(provider, info, authenticate, http, terms))
            opened = opened._replace(http=http._replace(port=port))
        if grpc is not None:
            from toolward.doors.grpc import serve_grpc

            door = await stack.enter_async_context(
                serve_grpc(
                    str(grpc),
                    terms.entrance.to(provider, "grpc"),
                    terms.entrance.counting(authenticate, "grpc"),
                    name=info.name,
                    grace=LAST_WORDS,
                    limits=terms.limits,
                    tls=terms.tls,
                )
            )
            leaving.append(door.stop_serving)
            opened = opened._replace(grpc=grpc._replace(port=door.port))
        terms.readiness.state = "ready"
        ready(opened)
        if stdio:
            await serve_stdio(terms.entrance.to(provider, "stdio"), info, local, stop, terms.drain)
        else:
            await stop.wait()
        terms.readiness.state = "draining"
        for say in leaving:
            await say()
        if leaving or http is not None:
            await asyncio.sleep(terms.drain_delay)
        await terms.entrance.stop(info.name, terms.drain)


def until_stopped() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT, which then do nothing else: what runs can end in its own order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def _http_door(
    provider: ToolProvider, info: ServerInfo, authenticate: Authenticate, address: Address, terms: Terms
) -> AsyncGenerator[int, None]:
    from toolward.doors.mcp_http import McpHttpDoor
    from toolward.doors.probes import Probes

    origins = allowed_names(address, terms.hosts)
    authenticate = terms.entrance.counting(authenticate, "http")
    door = McpHttpDoor(terms.entrance.to(provider, "http"), info, authenticate, origins, terms)
    refused = partial(terms.entrance.refused.add, "http")
    app = _route(door, Probes(terms, authenticate, origins))
    async with http_server(
        app,
        address,
        limits=terms.limits,
        tls=terms.tls,
        drain=LAST_WORDS,
        plain=door,
        refused=refused,
    ) as port:
        try:
            yield port
        finally:
            await door.aclose()


async def serve_stdio(
    provider: ToolProvider,
    info: ServerInfo,
    local: Principal,
    stop: asyncio.Event | None = None,
    drain: float = DRAIN_SECONDS,
) -> None:
    """Serve MCP on stdio until the client leaves, or `stop` (by default a signal) is set; calls in work then have
    `drain` seconds."""
    from toolward.doors.mcp_stdio import StdioDoor

    stop = stop or until_stopped()
    door = StdioDoor(provider, info, local, drain)
    serving = asyncio.create_task(door.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    door.stop()
    await serving


def _route(mcp: Any, probes: Any) -> Any:
    """All that a tool server has over HTTP."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path in ("/mcp", "/mcp/"):
            await mcp(scope, receive, send)
        elif path in probes.paths:
            await probes(scope, receive, send)
        else:
            await reply(send, 404, b'{"detail":"There is /mcp, /healthz, /readyz and /metrics here."}')

    return app
