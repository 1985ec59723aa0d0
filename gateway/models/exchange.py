"""One request to a model endpoint and its reply, over our own pool, or over a client of httpx that somebody gives.

The pool takes a quarter of the CPU that a client of httpx does, and a turn has less than a millisecond. Whatever
goes wrong underneath is a ToolwardError here.
"""

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from toolward.errors import ConfigurationError, DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.pool import Pool
from toolward.outbound.reach import Reach

if TYPE_CHECKING:
    import httpx

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply, streamed or whole."""

_PATH = re.compile(r"/[!-~]*")


class Answer(NamedTuple):
    """`headers` with lower-case names; `body` as it comes, once."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Exchange(Protocol):
    """No timeout is set here: who asks has one deadline around everything."""

    def post(self, headers: Mapping[str, str], body: bytes) -> AbstractAsyncContextManager[Answer]:
        """Entering it, and reading the body, raise Unavailable, Interrupted, DeadlineExceeded, InvalidResult,
        Overloaded, Denied."""
        ...

    async def aclose(self) -> None: ...


class PoolExchange(Exchange):
    def __init__(self, url: str, reach: Reach) -> None:
        """`url` is the whole address; `reach` says where its name may lead. Raises ConfigurationError."""
        self._pool = Pool(url, max_body=MAX_REPLY, reach=reach)
        self._path = urlsplit(url).path
        if not _PATH.fullmatch(self._path):
            raise ConfigurationError(
                "The base URL of a model endpoint holds characters that no address may.",
                hint="Write them percent-encoded.",
            )

    @contextlib.asynccontextmanager
    async def post(self, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Answer]:
        async with self._pool.stream("POST", self._path, headers, body, timeout=None) as reply:
            yield Answer(reply.status, reply.headers, reply)

    async def aclose(self) -> None:
        await self._pool.aclose()


class ClientExchange(Exchange):
    """Over a client of httpx, which stays its giver's to close."""

    def __init__(self, url: str, client: "httpx.AsyncClient") -> None:
        self._url = url
        self._client = client

    @contextlib.asynccontextmanager
    async def post(self, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Answer]:
        exchange = self._client.stream(
            "POST", self._url, content=body, headers=dict(headers), timeout=None, follow_redirects=False
        )
        async with contextlib.AsyncExitStack() as stack:
            with _told():
                reply = await stack.enter_async_context(exchange)
            yield Answer(reply.status_code, reply.headers, _pieces(reply))

    async def aclose(self) -> None:
        pass


async def _pieces(reply: "httpx.Response") -> AsyncIterator[bytes]:
    with _told():
        async for piece in reply.aiter_bytes():
            yield piece


@contextlib.contextmanager
def _told() -> Generator[None]:
    """httpx's errors as ours."""
    import httpx

    try:
        yield
    except httpx.HTTPError as error:
        raise _like(error) from None


def _like(error: "httpx.HTTPError") -> ToolwardError:
    import httpx

    if isinstance(error.__cause__, ToolwardError):  # of our own transport
        return error.__cause__
    if isinstance(error, httpx.DecodingError):
        return InvalidResult("its content encoding is broken")
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
        return DeadlineExceeded("It took too long.")
    if isinstance(error, httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError):
        return Interrupted("The connection was lost.", started=True)
    return Unavailable(str(error) or type(error).__name__)
