"""One request to a model endpoint and its reply, over httpx's transport interface: our keep-alive pool is beneath
it, or whatever transport somebody gives (one that goes through a proxy, or speaks HTTP/2).

A client of httpx is not between: of what it adds (cookies, redirects, hooks) nothing is wanted here, and it takes
as much CPU as all the rest of a turn. Whatever goes wrong underneath is a ToolwardError here."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from typing import NamedTuple

import httpx

from toolward.errors import ConfigurationError, DeadlineExceeded, InvalidResult, ToolwardError, Unavailable
from toolward.outbound.connection import Interrupted
from toolward.outbound.egress import Origins
from toolward.outbound.for_httpx import HttpxTransport
from toolward.outbound.reach import Reach

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply, streamed or whole."""


class Answer(NamedTuple):
    """`headers` with lower-case names; `body` as it comes, once."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Exchange:
    """No timeout is set here: who asks has one deadline around everything."""

    def __init__(self, url: str, reach: Reach, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`url` is the whole address; `reach` says where its name may lead. A transport that is given stays its
        giver's to close. Raises ConfigurationError."""
        try:
            self._url = httpx.URL(url)
            self._url.raw_path.decode("ascii")
            self._host = self._url.netloc.decode("ascii")
        except (httpx.InvalidURL, UnicodeError):
            raise ConfigurationError(
                "The base URL of a model endpoint holds characters that no address may.",
                hint="Write them percent-encoded.",
            ) from None
        self._owned = (
            HttpxTransport(Origins([url]), max_body=MAX_REPLY, reach=reach) if not transport else None
        )
        self._transport = transport or self._owned

    @contextlib.asynccontextmanager
    async def post(self, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Answer]:
        """Entering it, and reading the body, raise Unavailable, Interrupted, DeadlineExceeded, InvalidResult,
        Overloaded, Denied."""
        assert self._transport is not None  # noqa: S101 -- one of the two is there
        # With its length and its stream given, httpx has nothing left to work out.
        length = {"host": self._host, "content-length": str(len(body))}
        request = httpx.Request(
            "POST", self._url, headers={**headers, **length}, stream=httpx.ByteStream(body)
        )
        with _told():
            reply = await self._transport.handle_async_request(request)
        try:
            yield Answer(reply.status_code, reply.headers, _pieces(reply))
        finally:
            await reply.aclose()

    async def aclose(self) -> None:
        if self._owned is not None:
            await self._owned.aclose()


async def _pieces(reply: httpx.Response) -> AsyncIterator[bytes]:
    with _told():
        async for piece in reply.aiter_bytes():
            yield piece


@contextlib.contextmanager
def _told() -> Generator[None]:
    """httpx's errors as ours."""
    try:
        yield
    except httpx.HTTPError as error:
        raise _like(error) from None


def _like(error: httpx.HTTPError) -> ToolwardError:
    if isinstance(error.__cause__, ToolwardError):  # of our own transport
        return error.__cause__
    if isinstance(error, httpx.DecodingError):
        return InvalidResult("its content encoding is broken")
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
        return DeadlineExceeded("It took too long.")
    if isinstance(error, httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError):
        return Interrupted("The connection was lost.", started=True)
    return Unavailable(str(error) or type(error).__name__)
