"""A client in the caller's words: plain arguments in, results out, the same over every protocol."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from toolward.client.agents import Agents
from toolward.client.retries import Retries, repeated
from toolward.errors import ConfigurationError, InvalidResult
from toolward.schema import parse_object
from toolward.types import (
    AgentProvider,
    CallContext,
    Principal,
    Progress,
    Tool,
    ToolCall,
    ToolPage,
    ToolProvider,
    ToolResult,
)
from toolward.wire.outcome import as_result

MAX_PAGES = 1000
PENDING_PROGRESS = 256  # reports that are not taken yet; what is older is dropped, since newer says more

_BY_TOKEN = Principal("")  # the far end knows the caller by the token, and looks at nothing else

Arguments = Mapping[str, Any] | bytes
"""A mapping of what JSON can hold, or the text of a JSON object."""


class Client:
    """Made by `connect`. Enter and leave it in one task; call from any.

    What the far end raised is raised here as the same ToolwardError, over every protocol. A call is cancelled by
    cancelling the task that awaits it; the tool then stops too, wherever the protocol can carry that.
    """

    def __init__(
        self,
        opening: Callable[[], AbstractAsyncContextManager[ToolProvider]],
        *,
        timeout: float,
        retries: Retries,
        idempotent: Collection[str],
    ) -> None:
        self._opening = opening
        self._timeout = timeout
        self._retries = retries
        self._idempotent = frozenset(idempotent)
        self._stack = AsyncExitStack()
        self._opened: ToolProvider | None = None

    async def __aenter__(self) -> Self:
        """Raises Unavailable, Unauthenticated, DeadlineExceeded; over gRPC the first call does."""
        async with AsyncExitStack() as stack:
            self._opened = await stack.enter_async_context(self._opening())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = None
        await self._stack.__aexit__(kind, error, trace)

    async def list_tools(self) -> tuple[Tool, ...]:
        """All of them, page by page. Raises InvalidResult where the pages do not end."""
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._page(cursor)
            tools += page.tools
            if page.next_cursor is None:
                return tuple(tools)
            cursor = page.next_cursor
        raise InvalidResult(f"The list of tools did not end after {MAX_PAGES:,} pages.")

    async def call(
        self,
        name: str,
        arguments: Arguments = b"{}",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 -- it travels with the call, and covers all attempts
        key: str = "",
        progress: Callable[[Progress], None] | None = None,
        traceparent: str = "",
    ) -> ToolResult:
        """Call a tool; a failure that it reports itself is a result with `is_error`.

        `timeout` is in seconds, for all attempts together. `key` makes repeats of this call known as such: a
        server that keeps keys answers them with the first result. `progress` gets each report as it comes.
        Raises ApprovalRequired where a person must approve first (its `request_id` is what they answer), and
        every other ToolwardError.
        """
        call = ToolCall(name, _json_object(name, arguments), idempotency_key=key)

        async def once(seconds: float) -> ToolResult:
            context = CallContext(timeout=seconds, progress=progress, traceparent=traceparent)
            return as_result(await self._provider.call_tool(_BY_TOKEN, call, context))

        safe = bool(key) or name in self._idempotent
        return await repeated(once, self._retries, safe=safe, seconds=timeout or self._timeout)

    async def stream(
        self,
        name: str,
        arguments: Arguments = b"{}",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 -- the same
        key: str = "",
        traceparent: str = "",
    ) -> AsyncGenerator[Progress | ToolResult, None]:
        """The reports of its progress as they come, then the result. Closing this cancels the call; otherwise
        as `call`."""
        waiting: list[Progress] = []
        news = asyncio.Event()

        def tell(report: Progress) -> None:
            if len(waiting) == PENDING_PROGRESS:
                waiting.pop(0)
            waiting.append(report)
            news.set()

        work = asyncio.ensure_future(
            self.call(name, arguments, timeout=timeout, key=key, progress=tell, traceparent=traceparent)
        )
        work.add_done_callback(lambda _: news.set())
        try:
            while not work.done():
                await news.wait()
                news.clear()
                while waiting:
                    yield waiting.pop(0)
            yield work.result()
        finally:
            work.cancel()
            with suppress(BaseException):  # told already, or nobody waits for it any more
                await asyncio.wait([work])
                work.exception()

    def watch(self) -> AsyncIterator[None]:
        """Yields when the far end says that its tools changed; ends, or stays silent, where it never says so."""
        return self._provider.watch()

    @property
    def agents(self) -> Agents:
        """Agents and runs of a gateway. Raises ConfigurationError where the target is not spoken to over gRPC."""
        provider = self._provider
        if not hasattr(provider, "start_run"):
            raise ConfigurationError(
                "Agents and runs are reached over gRPC.", hint="Connect to the gateway at grpc://HOST:PORT."
            )
        return Agents(cast(AgentProvider, provider), _BY_TOKEN, self._retries, self._timeout)

    async def _page(self, cursor: str | None) -> ToolPage:
        return await repeated(
            lambda _: self._provider.list_tools(_BY_TOKEN, cursor),
            self._retries,
            safe=True,
            seconds=self._timeout,
        )

    @property
    def _provider(self) -> ToolProvider:
        if self._opened is None:
            raise RuntimeError(
                "a client must be entered before it is used: `async with connect(…) as client`"
            )
        return self._opened


def _json_object(tool: str, arguments: Arguments) -> bytes:
    """Raises InvalidRequest, InvalidArguments, TooLarge."""
    if isinstance(arguments, bytes):
        parse_object(arguments, f"arguments of {tool}")
        return arguments
    return msgspec.json.encode(arguments)
