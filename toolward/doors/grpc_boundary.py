"""What every RPC of ours passes: who calls, what remains of its time, errors as a status, and the drain."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

import grpc
import msgspec
from grpc.aio import ServicerContext
from grpc_status import rpc_status

from toolward.auth import Authenticate, proven
from toolward.auth.certificates import HEADER
from toolward.doors.admittance import PEER
from toolward.doors.certificates import of_call
from toolward.errors import Internal, InvalidRequest, ToolwardError, Unavailable
from toolward.types import CallContext, Headers, Principal
from toolward.wire.grpc_metadata import fitting_status, to_context, to_headers
from toolward.wire.grpc_rpc import Rpc

log = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
Context = ServicerContext[bytes, bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"  # generic in its types alone

Unary = Callable[[Principal, CallContext, Asked], Awaitable[Answered]]
Stream = Callable[[Principal, CallContext, Asked], AsyncIterator[Answered]]

AGAIN = 1.0
"""Seconds after which a client that was told that a server stops should try again."""

UNWINDING = 1.0
"""Seconds that stopped calls get to unwind before the server goes without them."""


COMPRESSED_FROM = 32 * 1024
"""Bytes of an answer, not in pieces, from which on packing it is worth the time that it takes."""


def is_far(peer: str) -> bool:
    """Whether a peer, as gRPC writes it, is on another computer: on this one, packing only costs time."""
    return not peer.startswith(("ipv4:127.", "ipv6:%5B::1%5D", "unix:"))


class Boundary:
    """Makes gRPC method handlers from functions over `toolward.types`, and stops them well."""

    def __init__(
        self,
        authenticate: Authenticate,
        name: str,
        compresses: Callable[[str], bool] = is_far,
        *,
        certificates: bool = False,
    ) -> None:
        """`certificates`: clients show theirs."""
        self._certificates = certificates
        self._authenticate = authenticate
        self._compresses = compresses
        self._name = name
        self._open: dict[asyncio.Task[Any], bool] = {}
        """RPCs in work, and whether they only watch: those have nothing of their own to finish."""
        self._stopped: set[asyncio.Task[Any]] = set()
        self._sending: set[asyncio.Task[Any]] = set()
        """RPCs of which a piece is on its way out: gRPC takes no status before that is done."""
        self._draining = False

    def unary(self, rpc: Rpc[Asked, Answered], behaviour: Unary[Asked, Answered]) -> Handler:
        async def answer(_: object, context: Context) -> bytes:
            try:
                headers = self._headers(context)
                principal, raw = await self._asked(context, headers)
                self._enter()
                answered = await behaviour(principal, _context_of(context, headers), rpc.decode_request(raw))
                encoded = rpc.encode_response(answered)
                if len(encoded) >= COMPRESSED_FROM and self._compresses(context.peer()):
                    context.set_compression(grpc.Compression.Gzip)
                    await context.send_initial_metadata(())  # only with these is it taken up
                return encoded
            except asyncio.CancelledError:
                await self._abort(context, rpc.method, self._stopped_by_us())
            except Exception as error:
                await self._abort(context, rpc.method, error)

        return grpc.stream_unary_rpc_method_handler(answer)

    def stream(
        self, rpc: Rpc[Asked, Answered], behaviour: Stream[Asked, Answered], *, watches: bool = False
    ) -> Handler:
        async def answer(_: object, context: Context) -> None:
            try:
                headers = self._headers(context)
                principal, raw = await self._asked(context, headers)
                self._enter(watches=watches)
                pieces = behaviour(principal, _context_of(context, headers), rpc.decode_request(raw))
                async with closing(pieces):
                    async for piece in pieces:
                        if watches and principal.api_key:  # one that is over by now sees nothing more
                            await proven(self._authenticate, headers)
                        await self._send(context, rpc.encode_response(piece))
            except asyncio.CancelledError:
                await self._abort(context, rpc.method, self._stopped_by_us())
            except Exception as error:
                await self._abort(context, rpc.method, error)

        return grpc.stream_stream_rpc_method_handler(answer)

    async def drain(self, grace: float) -> None:
        """Refuse new RPCs, end those that only watch, and wait at most `grace` seconds for the others; what is
        not finished then is stopped. Each is told so as Unavailable."""
        self._draining = True
        loop = asyncio.get_running_loop()
        for task, watches in self._open.items():
            loop.call_later(0 if watches else grace, self._stop, task)
        if self._open:
            await asyncio.wait(list(self._open), timeout=grace + UNWINDING)

    def _stop(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            self._stopped.add(task)
            if task not in self._sending:
                task.cancel()

    async def _send(self, context: Context, piece: bytes) -> None:
        """Raises CancelledError where the caller is gone, or where the drain has come meanwhile."""
        task = cast(asyncio.Task[Any], asyncio.current_task())
        self._sending.add(task)
        try:
            await context.write(piece)
        except grpc.aio.InternalError:
            # The connection was lost while the piece waited: gRPC says that it failed, and not why, before it says
            # that the RPC is cancelled.
            raise asyncio.CancelledError from None
        except asyncio.CancelledError:
            self._stopped.discard(task)  # with half a piece out, nothing more can be said
            raise
        finally:
            self._sending.discard(task)
        if task in self._stopped:
            raise asyncio.CancelledError

    def _stopped_by_us(self) -> Unavailable:
        """What to tell the client of an RPC that was cancelled. Raises CancelledError where the client did it."""
        task = cast(asyncio.Task[Any], asyncio.current_task())
        if task not in self._stopped:
            raise asyncio.CancelledError
        task.uncancel()
        return self._stopping()

    def _enter(self, *, watches: bool = False) -> None:
        """Raises Unavailable while draining."""
        if self._draining:
            raise self._stopping()
        task = cast(asyncio.Task[Any], asyncio.current_task())
        self._open[task] = watches
        task.add_done_callback(self._leave)  # only then is the answer on its way

    def _leave(self, task: asyncio.Task[Any]) -> None:
        del self._open[task]
        self._stopped.discard(task)

    async def _asked(self, context: Context, headers: Headers) -> tuple[Principal, bytes]:
        """Who calls, and then the message. gRPC would receive it first, and keep as much of it as everybody sends;
        so to gRPC a request is a stream, of which nothing comes in before it is read. On the wire it is the same.
        Raises Unauthenticated, InvalidRequest."""
        principal = await proven(self._authenticate, headers)
        raw = cast(bytes | object, await context.read())
        if not isinstance(raw, bytes):  # it ended before
            raise InvalidRequest("The request has no message.", hint="Send one, also if it is empty.")
        return principal, raw

    def _headers(self, context: Context) -> Headers:
        headers = {
            **to_headers(context.invocation_metadata() or ()),
            PEER: _address_of(context.peer()),
        }
        if self._certificates and (names := of_call(context.auth_context())):
            headers[HEADER] = names
        return headers

    async def _abort(self, context: Context, method: str, error: Exception) -> NoReturn:
        if context.cancelled():  # nobody is left to be told
            raise asyncio.CancelledError from error
        if not isinstance(error, ToolwardError):  # our bug, or a provider's: told to our log alone
            log.error("%s of %s failed", method, self._name, exc_info=error)
            error = Internal("The server failed inside.", hint="Its log says why.")
        await context.abort_with_status(rpc_status.to_status(fitting_status(error)))  # pyright: ignore[reportUnknownMemberType] -- grpc_status has no types

    def _stopping(self) -> Unavailable:
        return Unavailable(
            f"{self._name} is stopping, and this was not finished.",
            hint="Try again once it is back.",
            retry_after=AGAIN,
        )


def _context_of(context: Context, headers: Headers) -> CallContext:
    """What the metadata says beside who calls, and what remains of the caller's time. Raises InvalidRequest."""
    found = to_context(headers)
    remaining = cast(float | None, context.time_remaining())  # None where the caller set no deadline
    if remaining is None:
        return found
    return msgspec.structs.replace(found, timeout=max(math.ceil(remaining * 1000), 1) / 1000)


def _address_of(peer: str) -> str:
    """`127.0.0.1` of `ipv4:127.0.0.1:54321`, `::1` of `ipv6:%5B::1%5D:54321`."""
    return peer.partition(":")[2].rpartition(":")[0].removeprefix("%5B").removesuffix("%5D")


def closing(pieces: AsyncIterator[Any]) -> AbstractAsyncContextManager[Any]:
    """Generators are closed at once, while their cleaning up can still be waited for."""
    if isinstance(pieces, AsyncGenerator):
        return aclosing(cast(AsyncGenerator[Any, None], pieces))
    return nullcontext()
