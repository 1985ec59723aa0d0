"""Call a server of `toolward.v1` over gRPC: a tool server, or a gateway. It has the faces of both, so whatever
takes a ToolProvider or an AgentProvider takes this."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TypeVar

import grpc
from grpc.aio import AioRpcError, UnaryStreamMultiCallable, UnaryUnaryMultiCallable

from toolward.client.client_tls import ClientTls
from toolward.client.grpc_failures import to_error
from toolward.errors import DeadlineExceeded, InvalidResult, TooLarge, Unauthenticated, Unavailable
from toolward.outbound.credentials import CredentialRefused, Credentials
from toolward.outbound.reach import PUBLIC, Reach, is_literal, is_localhost
from toolward.outbound.reasons import why_unreachable
from toolward.types import (
    EVERY_RUN,
    NO_CONTEXT,
    Agent,
    Answer,
    CallContext,
    InputRequest,
    LogEntry,
    Outcome,
    Principal,
    Progress,
    Run,
    RunEvent,
    RunFilter,
    RunPage,
    Said,
    TextDelta,
    ToolCall,
    ToolPage,
    TurnRequest,
)
from toolward.wire import grpc_agents as agents
from toolward.wire import grpc_run_requests as asked_of
from toolward.wire import grpc_tools as tools
from toolward.wire.grpc_metadata import MAX_MESSAGE, Metadata, authorization, from_context
from toolward.wire.grpc_rpc import Rpc

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

TIMEOUT = 30.0
"""Seconds for everything but calls (which bring their own deadline) and watching (which has none)."""

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", -1),  # this side's own check says it better
    ("grpc.enable_http_proxy", 0),  # a proxy for the web must not see tool calls
    ("grpc.use_local_subchannel_pool", 1),  # another client's failures are not ours
    ("grpc.initial_reconnect_backoff_ms", 100),  # a server that was started again is soon found
    ("grpc.min_reconnect_backoff_ms", 2000),  # also what one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A name may stand for several servers: calls go to each in turn that can be reached, and the name is looked up
    # again when one is lost.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    # A far end that is gone without a word is found while something waits for it. Oftener than every five minutes,
    # other people's servers would take it for abuse.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2000),
]

_OURS = (tools.LIST_TOOLS.path, tools.WATCH_TOOLS.path)
"""What is asked in our own name where calls are made in their callers'."""

_BY_NAME = "dns:///"
_BY_ADDRESS = ("ipv4:", "ipv6:")


class GrpcClient:
    """A ToolProvider and an AgentProvider at the other end of one channel; use it as `async with`.

    `address` is `HOST:PORT`, or another target that gRPC knows (`dns:///NAME:PORT`, where the name may have several
    addresses; `ipv4:A:PORT,B:PORT`). `token` proves who calls, so the `principal` that the methods take is not
    looked at; but `credentials`, in its place, may prove that a tool call is that principal's. One that is refused
    is dropped, and raises CredentialRefused.

    What the server raised is raised here as the same ToolwardError. Beside that: Unavailable where it cannot be
    reached, DeadlineExceeded, InvalidResult where it answers what it must not. Connecting happens at the first
    call, and again after the connection was lost; no call is repeated.

    A name is resolved when it is entered, once, and only what was checked then is connected to: `reach` says where
    it may lead. As `dns:///HOST:PORT` it may lead to any number of replicas that come and go: they are checked when
    it is entered, and gRPC resolves the name again by itself later, which nobody checks.
    """

    def __init__(
        self,
        address: str,
        token: str = "",
        *,
        timeout: float = TIMEOUT,
        reach: Reach = PUBLIC,
        credentials: Credentials | None = None,
        tls: ClientTls | None = None,
    ) -> None:
        """Raises ConfigurationError for a token that no header can hold."""
        self._tls = tls
        self.address = address
        self._reach = reach
        self._authorization = authorization(token)
        self._credentials = credentials
        self._timeout = timeout
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> "GrpcClient":
        """Raises Denied where the name leads where it must not, Unavailable where it leads nowhere."""
        target = await self._checked()
        own_name = [("grpc.default_authority", self.address)] if target != self.address else []
        options = [*_OPTIONS, *own_name]
        if self._tls is None:
            self._channel = grpc.aio.insecure_channel(target, options=options)
        else:
            secure = self._tls.credentials()
            self._channel = grpc.aio.secure_channel(target, secure, options=[*options, *self._tls.options()])
        return self

    async def _checked(self) -> str:
        """What gRPC connects to; it resolves names by itself, so it is not given any but localhost."""
        host, _, port = self.address.removeprefix(_BY_NAME).rpartition(":")
        addresses = self.address.startswith(_BY_ADDRESS) or is_literal(host.strip("[]"))
        if addresses or is_localhost(host) or not port.isdecimal():
            return self.address
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._reach.addresses(host, int(port))
        except TimeoutError:
            raise Unavailable(f"The name {host} was not resolved within {self._timeout:g} s.") from None
        except OSError as error:
            raise Unavailable(f"{self.address} cannot be reached: {why_unreachable(error)}.") from None
        if self.address.startswith(_BY_NAME):
            return self.address
        is_v6 = ":" in found[0]  # one target holds one family: that of the resolver's first choice
        places = [f"[{one}]:{port}" if is_v6 else f"{one}:{port}" for one in found if (":" in one) == is_v6]
        return f"{'ipv6' if is_v6 else 'ipv4'}:{','.join(places)}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    # --- tools ----------------------------------------------------------------------------------------

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return await self._ask(tools.LIST_TOOLS, cursor)

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        """Its deadline is the context's; without one, the server's."""
        if context.progress is None and context.log is None:
            return await self._send(tools.CALL_TOOL, call, context, call.name, principal)
        events = self._stream(tools.CALL_TOOL_STREAM, call, context, call.name, principal)
        async with aclosing(events):
            async for event in events:
                if not isinstance(event, Progress | LogEntry):
                    return event
                _tell(context, event)
        raise InvalidResult(
            f"{self.address} ended the call of {call.name} without a result.",
            hint="The call may have had its effect: look before it is repeated.",
        )

    async def watch(self) -> AsyncGenerator[None, None]:
        """Yields when it begins to watch, since what was listed before may be old by then, and after each change.
        Raises Unavailable where the connection is lost, InvalidResult where the server cannot be watched."""
        changes = self._stream(tools.WATCH_TOOLS, None, NO_CONTEXT, "watching the tools")
        async with aclosing(changes):
            async for _ in changes:
                yield

    # --- agents ---------------------------------------------------------------------------------------

    async def list_agents(self, principal: Principal) -> tuple[Agent, ...]:
        return await self._ask(agents.LIST_AGENTS, None)

    async def start_run(
        self, principal: Principal, agent: str, text: str, key: str = "", before: Sequence[Said] = ()
    ) -> Run:
        return await self._ask(agents.START_RUN, asked_of.StartRun(agent, text, key, tuple(before)))

    async def watch_run(
        self, principal: Principal, run_id: str, after: int = 0, deltas: bool = False
    ) -> AsyncGenerator[RunEvent | TextDelta, None]:
        """Where it raises Unavailable, go on with `after` = the last sequence number that came."""
        asked = asked_of.WatchRun(run_id, after, deltas)
        events = self._stream(agents.WATCH_RUN, asked, NO_CONTEXT, "watching a run")
        async with aclosing(events):
            async for event in events:
                if event is not None:
                    yield event

    async def get_run(self, principal: Principal, run_id: str) -> Run:
        return await self._ask(agents.GET_RUN, run_id)

    async def list_runs(
        self,
        principal: Principal,
        *,
        size: int = asked_of.DEFAULT_PAGE,
        cursor: str | None = None,
        only: RunFilter = EVERY_RUN,
    ) -> RunPage:
        return await self._ask(agents.LIST_RUNS, asked_of.ListRuns(size, cursor, only))

    async def cancel_run(self, principal: Principal, run_id: str) -> Run:
        return await self._ask(agents.CANCEL_RUN, run_id)

    async def pause_run(self, principal: Principal, run_id: str) -> Run:
        return await self._ask(agents.PAUSE_RUN, run_id)

    async def resume_run(self, principal: Principal, run_id: str) -> Run:
        return await self._ask(agents.RESUME_RUN, run_id)

    async def retry_run(self, principal: Principal, run_id: str, after: int, key: str = "") -> Run:
        return await self._ask(agents.RETRY_RUN, asked_of.RetryRun(run_id, after, key))

    async def send_message(self, principal: Principal, run_id: str, text: str, key: str = "") -> Run:
        return await self._ask(agents.SEND_MESSAGE, asked_of.SendMessage(run_id, text, key))

    async def rate_run(self, principal: Principal, run_id: str, score: float, comment: str = "") -> Run:
        return await self._ask(agents.RATE_RUN, asked_of.RateRun(run_id, score, comment))

    async def get_model_request(self, principal: Principal, run_id: str, turn: int) -> TurnRequest:
        return await self._ask(agents.GET_MODEL_REQUEST, asked_of.AskedInTurn(run_id, turn))

    async def list_input_requests(
        self, principal: Principal, run_id: str | None = None
    ) -> tuple[InputRequest, ...]:
        return await self._ask(agents.LIST_INPUT_REQUESTS, run_id)

    async def answer_input_request(
        self, principal: Principal, request_id: str, answer: Answer
    ) -> InputRequest:
        return await self._ask(agents.ANSWER_INPUT_REQUEST, asked_of.AnswerRequest(request_id, answer))

    async def get_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self._ask(agents.GET_INPUT_REQUEST, request_id)

    async def withdraw_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self._ask(agents.WITHDRAW_INPUT_REQUEST, request_id)

    async def take_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self._ask(agents.TAKE_INPUT_REQUEST, request_id)

    # --- the channel ----------------------------------------------------------------------------------

    async def _ask(self, rpc: Rpc[Asked, Answered], asked: Asked) -> Answered:
        return await self._send(rpc, asked, CallContext(timeout=self._timeout), rpc.method)

    async def _send(
        self,
        rpc: Rpc[Asked, Answered],
        asked: Asked,
        context: CallContext,
        what: str,
        caller: Principal | None = None,
    ) -> Answered:
        """`what` names the thing asked for in errors; `caller` is whose call it is, where it is one."""
        request = _bounded(rpc.encode_request(asked), what)
        method: UnaryUnaryMultiCallable[bytes, bytes] = self._opened.unary_unary(rpc.path)
        proof, timeout = self._authorization, context.timeout
        if self._credentials is not None:
            proof, timeout = await self._proof(self._credentials, rpc.path, caller, timeout)
        call = method(request, timeout=timeout, metadata=proof + from_context(context))
        try:
            answer = await call
        except AioRpcError as error:
            self._check_refusal(error, caller, proof)
            raise to_error(error, self.address, what, context.timeout) from None
        except asyncio.CancelledError:
            self._raise_if_closed()
            raise
        return rpc.decode_response(answer)

    async def _stream(
        self,
        rpc: Rpc[Asked, Answered],
        asked: Asked,
        context: CallContext,
        what: str,
        caller: Principal | None = None,
    ) -> AsyncGenerator[Answered, None]:
        request = _bounded(rpc.encode_request(asked), what)
        method: UnaryStreamMultiCallable[bytes, bytes] = self._opened.unary_stream(rpc.path)
        proof, timeout = self._authorization, context.timeout
        if self._credentials is not None:
            proof, timeout = await self._proof(self._credentials, rpc.path, caller, timeout)
        call = method(request, timeout=timeout, metadata=proof + from_context(context))
        try:
            async for piece in call:
                yield rpc.decode_response(piece)
        except AioRpcError as error:
            self._check_refusal(error, caller, proof)
            raise to_error(error, self.address, what, context.timeout) from None
        except asyncio.CancelledError:
            self._raise_if_closed()
            raise
        finally:
            call.cancel()

    async def _proof(
        self, credentials: Credentials, path: str, caller: Principal | None, seconds: float | None
    ) -> tuple[Metadata, float | None]:
        """Whose request it is, and how much of its time is left. Raises Unavailable, Unauthenticated,
        DeadlineExceeded."""
        if caller is None and credentials.per_caller and path not in _OURS:  # done in our name, for anybody
            raise Unauthenticated(f"{self.address} is asked for that in nobody's name, and must not be.")
        now = asyncio.get_running_loop().time
        asked_at = now()
        try:
            async with asyncio.timeout(seconds):
                said = await (credentials.own() if caller is None else credentials.of(caller))
        except TimeoutError:
            raise DeadlineExceeded(
                f"There was no access token for {self.address} within {seconds:g} s; it was not called."
            ) from None
        return tuple(said.items()), None if seconds is None else max(seconds - (now() - asked_at), 0.001)

    def _check_refusal(self, error: AioRpcError, caller: Principal | None, proof: Metadata) -> None:
        """Raises CredentialRefused where the next one may do. The status alone does not prove that nothing was
        done: whatever is behind the server may have answered so."""
        if self._credentials is None or error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            return
        if self._credentials.refused(caller, dict(proof)):
            raise CredentialRefused(self.address) from None

    @property
    def _opened(self) -> grpc.aio.Channel:
        if self._channel is None:
            raise self._closed()
        return self._channel

    def _raise_if_closed(self) -> None:
        """gRPC cancels what is in work when its channel is closed; whoever waits for it was not cancelled."""
        task = asyncio.current_task()
        if self._channel is None and (task is None or not task.cancelling()):
            raise self._closed() from None

    def _closed(self) -> Unavailable:
        return Unavailable(
            f"The client of {self.address} is not open.", hint="Use it inside `async with GrpcClient(…)`."
        )


def _tell(context: CallContext, news: Progress | LogEntry) -> None:
    if isinstance(news, LogEntry):
        if context.log is not None:
            context.log(news)
    elif context.progress is not None:
        context.progress(news)


def _bounded(request: bytes, what: str) -> bytes:
    """The server's own bounds are far lower; beyond this one gRPC itself would answer, and not in our words."""
    if len(request) > MAX_MESSAGE:
        raise TooLarge(
            f"The request for {what} is {len(request):,} bytes; at most {MAX_MESSAGE:,} are sent.",
            hint="Send less, or send it in parts.",
        )
    return request
