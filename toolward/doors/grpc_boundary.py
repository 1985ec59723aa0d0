"""What every RPC of ours passes: who calls, what remains of its time, errors as a status, and the drain."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext, suppress
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeVar, cast

import grpc
import msgspec
from grpc.aio import ServicerContext
from grpc_status import rpc_status

from toolward.auth import Authenticate, proven
from toolward.errors import Internal, ToolwardError, Unavailable
from toolward.types import CallContext, Principal
from toolward.wire.grpc_metadata import fitting_status, to_context, to_headers
from toolward.wire.grpc_rpc import Rpc

log = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
Context = ServicerContext[bytes, bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"  # generic in its types alone

Unary = Callable[[Principal, CallContext, Asked], Awaitable[Answered]]
Stream = Callable[[Principal, CallContext, Asked], AsyncIterator[Answered]]

UNWINDING = 1.0
"""Seconds that stopped calls get to unwind before the server goes without them."""


class _Open(NamedTuple):
    """An RPC in work: ending its time ends it. A watcher waits for news and has nothing of its own to finish."""

    until: asyncio.Timeout
    watches: bool


class Boundary:
    """Makes gRPC method handlers from functions over `toolward.types`, and stops them well."""

    def __init__(self, authenticate: Authenticate, name: str) -> None:
        self._authenticate = authenticate
        self._name = name
        self._open: dict[asyncio.Task[Any], _Open] = {}
        self._draining = False

    def unary(self, rpc: Rpc[Asked, Answered], behaviour: Unary[Asked, Answered]) -> Handler:
        async def answer(raw: bytes, context: Context) -> bytes:
            try:
                async with asyncio.timeout(None) as until:
                    self._enter(until)
                    principal, call_context = await self._caller(context)
                    answered = await behaviour(principal, call_context, rpc.decode_request(raw))
                    return rpc.encode_response(answered)
            except Exception as error:
                await self._abort(context, rpc.method, error)

        return grpc.unary_unary_rpc_method_handler(answer)

    def stream(
        self, rpc: Rpc[Asked, Answered], behaviour: Stream[Asked, Answered], *, watches: bool = False
    ) -> Handler:
        async def answer(raw: bytes, context: Context) -> None:
            try:
                async with asyncio.timeout(None) as until:
                    self._enter(until, watches=watches)
                    principal, call_context = await self._caller(context)
                    pieces = behaviour(principal, call_context, rpc.decode_request(raw))
                    async with closing(pieces):
                        async for piece in pieces:
                            await context.write(rpc.encode_response(piece))
            except Exception as error:
                await self._abort(context, rpc.method, error)

        return grpc.unary_stream_rpc_method_handler(answer)

    async def drain(self, grace: float) -> None:
        """Refuse new RPCs, end those that only watch, and wait at most `grace` seconds for the others; what is
        not finished then is stopped. Each is told so as Unavailable."""
        self._draining = True
        now = asyncio.get_running_loop().time()
        for until, watches in self._open.values():
            with suppress(RuntimeError):  # it has just ended by itself
                until.reschedule(now if watches else now + grace)
        if self._open:
            await asyncio.wait(list(self._open), timeout=grace + UNWINDING)

    def _enter(self, until: asyncio.Timeout, *, watches: bool = False) -> None:
        """Raises Unavailable while draining."""
        if self._draining:
            raise self._stopping()
        task = cast(asyncio.Task[Any], asyncio.current_task())
        self._open[task] = _Open(until, watches)
        task.add_done_callback(self._leave)  # only then is the answer on its way

    def _leave(self, task: asyncio.Task[Any]) -> None:
        del self._open[task]

    async def _caller(self, context: Context) -> tuple[Principal, CallContext]:
        """Raises Unauthenticated, InvalidRequest."""
        headers = to_headers(context.invocation_metadata() or ())
        principal = await proven(self._authenticate, headers)
        remaining = cast(float | None, context.time_remaining())  # None where the caller set no deadline
        if remaining is None:
            return principal, to_context(headers)
        seconds = max(math.ceil(remaining * 1000), 1) / 1000
        return principal, msgspec.structs.replace(to_context(headers), timeout=seconds)

    async def _abort(self, context: Context, method: str, error: Exception) -> NoReturn:
        if context.cancelled():  # nobody is left to be told
            raise asyncio.CancelledError from error
        if self._draining and isinstance(error, TimeoutError):
            error = self._stopping()
        elif not isinstance(error, ToolwardError):  # our bug, or a provider's: told to our log alone
            log.error("%s of %s failed", method, self._name, exc_info=error)
            error = Internal("The server failed inside.", hint="Its log says why.")
        await context.abort_with_status(rpc_status.to_status(fitting_status(error)))  # pyright: ignore[reportUnknownMemberType] -- grpc_status has no types

    def _stopping(self) -> Unavailable:
        return Unavailable(
            f"{self._name} is stopping, and this was not finished.", hint="Try again once it is back."
        )


def closing(pieces: AsyncIterator[Any]) -> AbstractAsyncContextManager[Any]:
    """Generators are closed at once, while their cleaning up can still be waited for."""
    if isinstance(pieces, AsyncGenerator):
        return aclosing(cast(AsyncGenerator[Any, None], pieces))
    return nullcontext()
