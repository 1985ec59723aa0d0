"""Open the doors that were asked for, and close them well: one process, any of stdio, HTTP and gRPC."""

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from toolward.auth import Authenticate
from toolward.doors.address import DRAIN_SECONDS, Address, allowed_names, listening_socket
from toolward.types import Principal, ServerInfo, ToolProvider

if TYPE_CHECKING:
    from toolward.doors.mcp_http import McpHttpDoor  # loaded only where it is opened


@asynccontextmanager
async def http_server(app: Any, address: Address) -> AsyncGenerator[int, None]:
    """Serve an ASGI application while this is open; gives the port."""
    import uvicorn

    opened = asyncio.Event()

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None, None, None]:  # signals are the process's, not a door's
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            opened.set()

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ws="none",
    )
    listener = listening_socket(address)
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    opening = asyncio.create_task(opened.wait())
    await asyncio.wait({serving, opening}, return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()
    try:
        if serving.done():
            serving.result()
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        listener.close()


class Opened(NamedTuple):
    """The doors that are open, for the line that says so."""

    http: Address | None
    grpc: Address | None


async def serve(
    provider: ToolProvider,
    info: ServerInfo,
    authenticate: Authenticate,
    *,
    local: Principal,
    stdio: bool = False,
    http: Address | None = None,
    grpc: Address | None = None,
    sessions: bool = False,
    ready: Callable[[Opened], None] = lambda opened: None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until the stdio client leaves; calls in work are finished first.

    `local` is who a stdio client is; `sessions` gives one to every MCP client of the handshake eras over HTTP.
    Raises ConfigurationError when an address cannot be used.
    """
    stop = until_stopped()
    async with AsyncExitStack() as stack:
        opened = Opened(http, grpc)
        if http is not None:
            from toolward.doors.mcp_http import McpHttpDoor

            door = McpHttpDoor(provider, info, authenticate, allowed_names(http), sessions=sessions)
            port = await stack.enter_async_context(_http_door(door, http))
            opened = opened._replace(http=http._replace(port=port))
        if grpc is not None:
            from toolward.doors.grpc import serve_grpc

            door = await stack.enter_async_context(
                serve_grpc(str(grpc), provider, authenticate, name=info.name)
            )
            opened = opened._replace(grpc=grpc._replace(port=door.port))
        ready(opened)
        if stdio:
            await serve_stdio(provider, info, local, stop)
        else:
            await stop.wait()


def until_stopped() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT, which then do nothing else: what runs can end in its own order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def _http_door(door: "McpHttpDoor", address: Address) -> AsyncGenerator[int, None]:
    async with http_server(_route(door), address) as port:
        try:
            yield port
        finally:
            await door.aclose()


async def serve_stdio(
    provider: ToolProvider, info: ServerInfo, local: Principal, stop: asyncio.Event | None = None
) -> None:
    """Serve MCP on stdio until the client leaves, or `stop` (by default a signal) is set."""
    from toolward.doors.mcp_stdio import StdioDoor

    stop = stop or until_stopped()
    door = StdioDoor(provider, info, local)
    serving = asyncio.create_task(door.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    door.stop()
    await serving


def _route(mcp: Any) -> Any:
    """Two paths are all that a tool server has over HTTP."""
    health = b'{"status":"ok"}'

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in ("/mcp", "/mcp/"):
            await mcp(scope, receive, send)
            return
        known = scope["path"] == "/healthz"
        body = health if known else b'{"detail":"There is /mcp and /healthz here."}'
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200 if known else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
