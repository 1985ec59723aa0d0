"""Serve any ToolProvider, and an AgentProvider where there is one, over gRPC: `toolward.v1`, health, reflection."""

import asyncio
import errno
import logging
import socket
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio
import grpc
from msgspec.structs import replace

from toolward.auth import Authenticate, open_to_all
from toolward.doors.address import Address, parse_address
from toolward.doors.grpc_boundary import UNWINDING, Boundary, Handler, closing, is_far
from toolward.doors.grpc_options import MAX_RPCS, server_options
from toolward.doors.grpc_standard import Health, add_reflection
from toolward.doors.limits import DEFAULT, Limits
from toolward.doors.terms import DRAIN_SECONDS
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError
from toolward.types import (
    AgentProvider,
    CallContext,
    LogEntry,
    Outcome,
    Principal,
    Progress,
    ToolCall,
    ToolProvider,
)
from toolward.wire import grpc_agents, grpc_tools

log = logging.getLogger(__name__)

PENDING_NEWS = 256
"""Progress and log entries that a slow caller has not taken yet; what is older is dropped, newer says more."""


class GrpcDoor(NamedTuple):
    """An open door; `port` is the one that was chosen where 0 was asked for. After `stop_serving` health says
    NOT_SERVING, while calls are still taken."""

    host: str
    port: int
    stop_serving: Callable[[], Awaitable[None]]

    @property
    def address(self) -> str:
        return str(Address(self.host, self.port))


@asynccontextmanager
async def serve_grpc(
    address: str,
    provider: ToolProvider,
    authenticate: Authenticate | None,
    *,
    agents: AgentProvider | None = None,
    name: str,
    grace: float = DRAIN_SECONDS,
    limits: Limits = DEFAULT,
    tls: Tls | None = None,
    compresses: Callable[[str], bool] = is_far,
    shared: bool = False,
) -> AsyncGenerator[GrpcDoor, None]:
    """Serve at `HOST:PORT` (port 0: any free one) while this is open. Health and reflection are told to everyone;
    every other RPC needs a caller that `authenticate` knows.

    On the way out health says NOT_SERVING, new calls are refused, and those in work have `grace` seconds.
    Large answers go compressed to clients that take that, where `compresses` says so of their peer (as gRPC
    writes it). Without `authenticate` every caller is the principal `local`, which only loopback may be. With
    `shared` other processes of ours listen there too; that nobody else does is known
    (`toolward.doors.address.reserved`). Raises
    ConfigurationError where the address cannot be used.
    """
    where = parse_address(address)
    if authenticate is None:
        if not where.is_loopback:
            raise ConfigurationError(
                f"{where} can be reached from other computers, and nothing says who may call.",
                hint="Give it a token, or serve on 127.0.0.1.",
            )
        authenticate = open_to_all(Principal("local"))
    shown = tls is not None and tls.client_ca is not None
    boundary = Boundary(authenticate, name, compresses, certificates=shown)
    services = {grpc_tools.SERVICE: _tool_handlers(boundary, provider)}
    if agents is not None:
        services[grpc_agents.SERVICE] = _agent_handlers(boundary, agents)
    options = server_options(limits, shared=shared)
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MAX_RPCS)
    for service, handlers in services.items():
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    health = Health(server, services)
    add_reflection(server, services)
    port = _bind(server, where, tls, shared=shared)
    await health.start_serving()
    await server.start()
    log.info("%s serves gRPC at %s", name, where._replace(port=port))
    try:
        yield GrpcDoor(where.host, port, health.stop_serving)
    finally:
        with anyio.CancelScope(shield=True):  # bounded by the grace period
            await health.stop_serving()
            await boundary.drain(grace)
            await server.stop(UNWINDING)


def _bind(server: grpc.aio.Server, where: Address, tls: Tls | None, *, shared: bool) -> int:
    """gRPC says only that it failed, and writes the cause to stderr; so the cause is looked for first."""
    if not shared:
        _try_address(where)
    try:
        if tls is None:
            return server.add_insecure_port(str(where))
        return server.add_secure_port(str(where), tls.grpc_credentials())
    except RuntimeError:
        raise ConfigurationError(f"Cannot listen on {where}.", hint="Choose another address.") from None


def _try_address(where: Address) -> None:
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    f"Port {where.port} on {where.host} is in use.",
                    hint="Stop what uses the port, or choose another one.",
                ) from None
            raise ConfigurationError(
                f"Cannot listen on {where}: {error.strerror or error}.", hint="Choose another address."
            ) from None


def _tool_handlers(boundary: Boundary, provider: ToolProvider) -> dict[str, Handler]:
    rpcs = grpc_tools
    return {
        rpcs.LIST_TOOLS.method: boundary.unary(
            rpcs.LIST_TOOLS, lambda principal, _, cursor: provider.list_tools(principal, cursor)
        ),
        rpcs.CALL_TOOL.method: boundary.unary(
            rpcs.CALL_TOOL, lambda principal, context, call: provider.call_tool(principal, call, context)
        ),
        rpcs.CALL_TOOL_STREAM.method: boundary.stream(
            rpcs.CALL_TOOL_STREAM,
            lambda principal, context, call: call_with_news(provider, principal, call, context),
        ),
        rpcs.WATCH_TOOLS.method: boundary.stream(
            rpcs.WATCH_TOOLS, lambda _, __, ___: watch_tools(provider), watches=True
        ),
    }


async def watch_tools(provider: ToolProvider) -> AsyncGenerator[None, None]:
    """Yields once when it watches, then after each change of the tools."""
    changes = provider.watch()
    async with closing(changes):
        yield
        async for _ in changes:
            yield


async def call_with_news(
    provider: ToolProvider, principal: Principal, call: ToolCall, context: CallContext
) -> AsyncGenerator[Progress | LogEntry | Outcome, None]:
    """The call's progress and log in the order in which they were told, then its outcome. Closing this stops the
    call."""
    waiting: deque[Progress | LogEntry] = deque(maxlen=PENDING_NEWS)
    news = asyncio.Event()

    def tell(told: Progress | LogEntry) -> None:
        waiting.append(told)
        news.set()

    context = replace(context, progress=tell, log=tell)
    work = asyncio.ensure_future(provider.call_tool(principal, call, context))
    work.add_done_callback(lambda _: news.set())
    try:
        while not work.done():
            await news.wait()
            news.clear()
            while waiting:
                yield waiting.popleft()
        yield work.result()
    finally:
        work.cancel()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # nobody waits for it any more, and asyncio would say that nobody looked


# Long because it is one table, a method a row.
def _agent_handlers(boundary: Boundary, agents: AgentProvider) -> dict[str, Handler]:
    rpcs = grpc_agents
    return {
        rpcs.LIST_AGENTS.method: boundary.unary(
            rpcs.LIST_AGENTS, lambda principal, _, __: agents.list_agents(principal)
        ),
        rpcs.START_RUN.method: boundary.unary(
            rpcs.START_RUN, lambda principal, _, asked: agents.start_run(principal, *asked)
        ),
        rpcs.WATCH_RUN.method: boundary.stream(
            rpcs.WATCH_RUN, lambda principal, _, asked: agents.watch_run(principal, *asked), watches=True
        ),
        rpcs.GET_RUN.method: boundary.unary(
            rpcs.GET_RUN, lambda principal, _, run_id: agents.get_run(principal, run_id)
        ),
        rpcs.LIST_RUNS.method: boundary.unary(
            rpcs.LIST_RUNS,
            lambda principal, _, asked: agents.list_runs(
                principal, size=asked.size, cursor=asked.cursor, only=asked.only
            ),
        ),
        rpcs.CANCEL_RUN.method: boundary.unary(
            rpcs.CANCEL_RUN, lambda principal, _, run_id: agents.cancel_run(principal, run_id)
        ),
        rpcs.PAUSE_RUN.method: boundary.unary(
            rpcs.PAUSE_RUN, lambda principal, _, run_id: agents.pause_run(principal, run_id)
        ),
        rpcs.RESUME_RUN.method: boundary.unary(
            rpcs.RESUME_RUN, lambda principal, _, run_id: agents.resume_run(principal, run_id)
        ),
        rpcs.RETRY_RUN.method: boundary.unary(
            rpcs.RETRY_RUN, lambda principal, _, asked: agents.retry_run(principal, *asked)
        ),
        rpcs.SEND_MESSAGE.method: boundary.unary(
            rpcs.SEND_MESSAGE, lambda principal, _, asked: agents.send_message(principal, *asked)
        ),
        rpcs.RATE_RUN.method: boundary.unary(
            rpcs.RATE_RUN, lambda principal, _, asked: agents.rate_run(principal, *asked)
        ),
        rpcs.GET_MODEL_REQUEST.method: boundary.unary(
            rpcs.GET_MODEL_REQUEST, lambda principal, _, asked: agents.get_model_request(principal, *asked)
        ),
        rpcs.LIST_INPUT_REQUESTS.method: boundary.unary(
            rpcs.LIST_INPUT_REQUESTS,
            lambda principal, _, run_id: agents.list_input_requests(principal, run_id),
        ),
        rpcs.GET_INPUT_REQUEST.method: boundary.unary(
            rpcs.GET_INPUT_REQUEST,
            lambda principal, _, request_id: agents.get_input_request(principal, request_id),
        ),
        rpcs.WITHDRAW_INPUT_REQUEST.method: boundary.unary(
            rpcs.WITHDRAW_INPUT_REQUEST,
            lambda principal, _, request_id: agents.withdraw_input_request(principal, request_id),
        ),
        rpcs.ANSWER_INPUT_REQUEST.method: boundary.unary(
            rpcs.ANSWER_INPUT_REQUEST,
            lambda principal, _, asked: agents.answer_input_request(principal, *asked),
        ),
        rpcs.TAKE_INPUT_REQUEST.method: boundary.unary(
            rpcs.TAKE_INPUT_REQUEST,
            lambda principal, _, request_id: agents.take_input_request(principal, request_id),
        ),
    }
