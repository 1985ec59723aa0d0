"""A client of one MCP server, over Streamable HTTP or stdio, in both protocol eras: a ToolProvider that OffersMore.

It stands on the SDK's client, whose task groups belong to the task that enters them: enter and leave an `McpClient`
in one task. Calls may come from any task.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, cast

import httpx2
import mcp_types as types
import msgspec
from anyio import BrokenResourceError, ClosedResourceError
from mcp import Client, ClientSession, MCPError, StdioServerParameters
from mcp.client import Transport
from mcp.client.session import IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from toolward.client.mcp_calls import params_of, progress_of, result_of, tool_of
from toolward.client.mcp_offers import McpOffers, Refusal, ResultT
from toolward.client.mcp_plain import PlainCalls
from toolward.client.mcp_plain import refusal as refusal_of
from toolward.client.mcp_proof import Proof, not_plain
from toolward.client.pipes import Pipes
from toolward.errors import (
    DeadlineExceeded,
    Denied,
    InvalidArguments,
    InvalidResult,
    ToolwardError,
    Unavailable,
    UnknownTool,
)
from toolward.offers import PromptProvider, ResourceProvider
from toolward.outbound.connection import Interrupted
from toolward.outbound.credentials import Credentials
from toolward.outbound.egress import Origins
from toolward.outbound.for_httpx2 import Httpx2Transport
from toolward.outbound.reach import PUBLIC, Reach
from toolward.schema import parse_object
from toolward.types import (
    CallContext,
    JsonObject,
    Principal,
    ToolCall,
    ToolPage,
    ToolResult,
)
from toolward.wire.errors import from_jsonrpc

TIMEOUT = 10.0
MAX_EVENT_BYTES = 64 * 1024 * 1024  # above our own bound on results, so that its error answers

_MIRROR = b'"x-mcp-header"'

_CHANGED = (
    types.ToolListChangedNotification,
    types.ResourceListChangedNotification,
    types.PromptListChangedNotification,
)
_RAW: TypeAdapter[Any] = TypeAdapter(JsonObject)


class McpClient:
    """`target` is the URL of an MCP endpoint, a process to start, or the pipes of one that runs.

    `name` is what error messages call the server. `connect` and `timeout` are in seconds, for connecting and for
    listing; a call brings its own deadline. Over HTTP, `token` and `headers` go to the origin of the URL and
    nowhere else, no redirect is followed, and `reach` says where the host's name may lead. In place of a token,
    `credentials` are asked for what each request bears: a call is its principal's there, the rest is ours.
    """

    def __init__(
        self,
        target: str | StdioServerParameters | Pipes,
        *,
        name: str = "",
        token: str = "",
        headers: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        reach: Reach = PUBLIC,
        connect: float = TIMEOUT,
        timeout: float = TIMEOUT,
    ) -> None:
        self._target = target
        self._name = name or (f"the server at {target}" if isinstance(target, str) else "the server")
        self._headers = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        self._proof = None if credentials is None else Proof(credentials)
        self._reach = reach
        self._connect = connect
        self._timeout = timeout
        self._stack = AsyncExitStack()
        self._connected: Client | None = None
        self._version = ""
        self._changed = asyncio.Event()
        self._refused = 0  # the HTTP status of the last answer that refused us, or sent us elsewhere
        self._in_session = False
        self._mirrored: set[str] = set()  # tools with arguments that must be in headers too
        self._plain: PlainCalls | None = None
        self._offers = McpOffers(self._name, self._ask)

    async def __aenter__(self) -> Self:
        """Raises Unavailable, Unauthenticated, DeadlineExceeded; over HTTP also Denied, where the host's name leads
        where it must not, and ConfigurationError for what is no plain URL."""
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._connect):
                    server = await self._open(stack)
                    client = Client(server, cache=None, message_handler=self._received)
                    self._connected = await stack.enter_async_context(client)
                self._version = self._connected.protocol_version
                self._stack = stack.pop_all()
        except Exception as error:
            raise self._failure(error, f"did not answer within {_seconds(self._connect)}") from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raises Unavailable where the connection broke while it was open."""
        try:
            await self._stack.__aexit__(kind, error, trace)
        except Exception as raised:
            if _first(raised) is error:  # the caller's own, which the SDK's task groups have wrapped
                return
            raise self._failure(raised, "did not answer") from None

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """Raises Unavailable, DeadlineExceeded, InvalidResult."""
        params = types.PaginatedRequestParams(cursor=cursor)
        page = await self._ask(lambda session: session.list_tools(params=params), "list its tools")
        tools = tuple(map(tool_of, page.tools))
        self._mirrored |= {tool.name for tool in tools if _MIRROR in msgspec.json.encode(tool.input_schema)}
        return ToolPage(tools, page.next_cursor)

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        """Raises the ToolwardError that the server answered, or Unavailable, DeadlineExceeded, InvalidResult;
        TooLarge and InvalidRequest for arguments that are no JSON object that anybody would take."""
        arguments: JsonObject = {}
        plain = self._plain_for(call, context)
        if plain is None or not call.is_parsed:
            arguments = parse_object(
                call.arguments_json, f"arguments of {call.name}", max_bytes=MAX_EVENT_BYTES
            )
        try:
            if plain is not None:
                if self._proof is None:
                    raw = await plain.call(call, context, self._version)
                else:
                    raw = await self._proof.call(plain, principal, call, context, self._version)
            else:
                async with asyncio.timeout(context.timeout):
                    if self._proof is not None:
                        await self._proof.ready()
                    raw = await self._client.session.send_request(
                        types.CallToolRequest(params=params_of(call, arguments, context)),
                        _RAW,
                        progress_callback=progress_of(context),
                    )
        except DeadlineExceeded:
            raise DeadlineExceeded(f"{self._name} {_late(call, context)}.") from None
        except Exception as error:
            raise self._failure(
                error, _late(call, context), lambda answer: self._refused_call(call, answer)
            ) from None
        return result_of(raw, call, self._name)

    @property
    def resources(self) -> ResourceProvider | None:
        has = self._client.server_capabilities.resources is not None and not self._in_callers_names
        return self._offers if has else None

    @property
    def prompts(self) -> PromptProvider | None:
        has = self._client.server_capabilities.prompts is not None and not self._in_callers_names
        return self._offers if has else None

    @property
    def _in_callers_names(self) -> bool:
        """Then only tools are passed on: the SDK's client would read in our name, for anybody."""
        return self._proof is not None and self._proof.per_caller

    async def _ask(
        self,
        work: Callable[[ClientSession], Awaitable[ResultT]],
        what: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 -- it says so in the error, too
        refusal: Refusal | None = None,
    ) -> ResultT:
        seconds = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                if self._proof is not None:
                    await self._proof.ready()
                return await work(self._client.session)
        except Exception as error:
            raise self._failure(error, f"did not {what} within {_seconds(seconds)}", refusal) from None

    def _plain_for(self, call: ToolCall, context: CallContext) -> PlainCalls | None:
        """The short path, where this call may take it. Raises Unavailable where it must, and cannot."""
        plain = self._plain
        if self._proof is not None and self._in_callers_names:
            if plain is None or self._in_session or call.name in self._mirrored or not plain.takes(call.name):
                raise not_plain(self._name, call.name)
            return plain
        if plain is None or context.progress is not None or self._in_session or call.name in self._mirrored:
            return None
        return plain if plain.takes(call.name) else None

    async def watch(self) -> AsyncGenerator[None]:
        """Yields when the server says that its tools, resources or prompts changed; ends at once where it never
        says so. Where it must ask to be told, it yields when that begins too: what was listed before may be old."""
        can = self._client.server_capabilities
        tools, resources, prompts = (
            one is not None and bool(one.list_changed) for one in (can.tools, can.resources, can.prompts)
        )
        if not (tools or resources or prompts):
            return
        if self._client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            listening = self._client.listen(
                tools_list_changed=tools, resources_list_changed=resources, prompts_list_changed=prompts
            )
            async with listening as changes:
                yield
                async for _ in changes:
                    yield
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield

    @property
    def _client(self) -> Client:
        if self._connected is None:
            raise RuntimeError("an McpClient must be entered before it is used")
        return self._connected

    async def _open(self, stack: AsyncExitStack) -> Transport | StdioServerParameters:
        if isinstance(self._target, Pipes):
            return self._target.transport()
        if not isinstance(self._target, str):
            return self._target
        if self._proof is not None:
            await self._proof.ready()
        transport = Httpx2Transport(
            Origins([self._target]),
            credentials={self._target: self._headers},
            max_body=MAX_EVENT_BYTES,
            connect_timeout=self._connect,
            reach=self._reach,
        )
        http = httpx2.AsyncClient(
            transport=transport,
            # Every call has a deadline of its own. No proxy and no .netrc of the environment: what is configured
            # is what is talked to, with the credentials configured for it.
            timeout=httpx2.Timeout(None, connect=self._connect),
            trust_env=False,
            event_hooks={"request": [self._proof.put] if self._proof else [], "response": [self._answered]},
        )
        await stack.enter_async_context(http)
        self._plain = PlainCalls(
            self._target,
            self._headers,
            source=self._name,
            max_body=MAX_EVENT_BYTES,
            connect=self._connect,
            reach=self._reach,
        )
        stack.push_async_callback(self._plain.aclose)
        return streamable_http_client(self._target, http_client=http, max_sse_event_size=MAX_EVENT_BYTES)

    async def _answered(self, response: httpx2.Response) -> None:
        status = response.status_code
        if self._proof is not None:
            self._proof.answered(status)
        self._refused = status if status in (401, 403) or 300 <= status < 400 else 0
        self._in_session = self._in_session or "mcp-session-id" in response.headers

    async def _received(self, message: IncomingMessage) -> None:
        if isinstance(message, _CHANGED):
            self._changed.set()

    def _failure(self, error: Exception, late: str, refusal: Refusal | None = None) -> ToolwardError:
        """What an exception of the SDK's or of the network's means. `late` says what took too long."""
        cause = _first(error)
        if isinstance(cause, Interrupted):
            return Unavailable(f"{self._name} closed the connection.", hint=cause.hint)
        if (
            isinstance(cause, Denied) and refusal is not None
        ):  # of our own egress: to a caller it is no denial
            return Unavailable(f"{self._name} cannot be reached. {cause.message}", hint=cause.hint)
        if isinstance(cause, ToolwardError):
            return cause
        if isinstance(cause, TimeoutError):
            return DeadlineExceeded(f"{self._name} {late}{self._noise()}.")
        if isinstance(cause, MCPError):
            return self._answered_error(cause, late, refusal)
        if isinstance(cause, ValidationError):
            return InvalidResult(f"{self._name} answered what MCP does not allow: {_said(cause)}.")
        if isinstance(cause, httpx2.HTTPError | OSError):
            return Unavailable(f"{self._name} cannot be reached: {str(cause) or type(cause).__name__}.")
        if isinstance(cause, BrokenResourceError | ClosedResourceError):
            return self._closed()
        raise error

    def _answered_error(self, error: MCPError, late: str, refusal: Refusal | None) -> ToolwardError:
        if (ours := from_jsonrpc(error.message, error.data)) is not None:
            return ours
        if self._refused:
            return refusal_of(self._name, self._refused)
        if error.code == types.CONNECTION_CLOSED:
            return self._closed()
        if error.code == types.REQUEST_TIMEOUT:
            return DeadlineExceeded(f"{self._name} {late}{self._noise()}.")
        if refusal is not None and (known := refusal(error)) is not None:
            return known
        said = Unavailable(f"{self._name} answered with an error: {error.message} ({error.code}).")
        said.answered = True
        return said

    def _refused_call(self, call: ToolCall, error: MCPError) -> ToolwardError | None:
        if error.code != types.INVALID_PARAMS:
            return None
        is_unknown = "unknown tool" in error.message.lower() or "not found" in error.message.lower()
        if is_unknown:
            return UnknownTool(f"{self._name} has no tool {call.name}.")
        return InvalidArguments(f"{self._name} refused the arguments of {call.name}: {error.message}")

    def _closed(self) -> ToolwardError:
        if isinstance(self._target, Pipes) and self._target.lied:
            return InvalidResult(
                f"{self._name} answered another request than any it was sent.",
                hint="The connection was closed, and nothing of the answer used.",
            )
        return Unavailable(f"{self._name} closed the connection{self._noise()}.")

    def _noise(self) -> str:
        if isinstance(self._target, Pipes) and self._target.first_noise:
            return f"; it printed what is not MCP: {self._target.first_noise!r}"
        return ""


def _late(call: ToolCall, context: CallContext) -> str:
    return f"did not answer {call.name} within {_seconds(context.timeout or 0)}"


def _first(error: Exception) -> Exception:
    """The first cause inside the groups that task groups make."""
    cause: Any = error
    while isinstance(cause, ExceptionGroup):
        cause = cast(Any, cause).exceptions[0]
    return cause


def _seconds(value: float) -> str:
    return f"{round(value, 1):g} s"


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
