"""The gateway that runs at the configured address, asked over HTTP for what only its operator wants to know."""

import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.bootstrap.identity import secret_file
from gateway.config.settings import Settings
from gateway.core.ports import Listing
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError, InvalidResult, ToolwardError, Unauthenticated, Unavailable
from toolward.outbound.pool import Pool
from toolward.outbound.replies import Response
from toolward.wire.errors import from_problem

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 -- no addresses to go to
_SECONDS = 10.0
_MOST_LISTED = (
    256 * 1024 * 1024
)  # bytes of all that backends list: the largest catalogs have some tens of MiB


class Running(NamedTuple):
    """`address` is its URL, without a slash at the end."""

    address: str
    pool: Pool
    secret: str

    async def get(self, path: str, *, most: int | None = None) -> Any:
        """What its JSON says, of at most `most` bytes. Raises Unavailable where nothing answers, Unauthenticated
        where it is the gateway of another home, and what the gateway raises."""
        return await self._ask("GET", path, b"", most)

    async def post(self, path: str, body: Any) -> Any:
        """Likewise, of something that changes nothing."""
        return await self._ask("POST", path, msgspec.json.encode(body), None)

    async def listings(self) -> tuple[Listing, ...]:
        """What every backend says of itself. Raises as `get`."""
        said = await self.get("/v1/backends", most=_MOST_LISTED)
        return msgspec.convert(said["backends"], tuple[Listing, ...])

    async def _ask(self, method: str, path: str, body: bytes, most: int | None) -> Any:
        headers = {"authorization": f"Bearer {self.secret}"}
        if body:
            headers["content-type"] = "application/json"
        try:
            reply = await self.pool.request(
                method, path, headers, body, timeout=_SECONDS, idempotent=True, max_body=most
            )
        except Unavailable:
            raise Unavailable(
                f"No gateway answers at {self.address}.", hint="Start it: toolward up"
            ) from None
        return self._read(reply)

    def _read(self, reply: Response) -> Any:
        try:
            said = msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            said = None
        if reply.status == 200 and isinstance(said, dict):
            return said  # pyright: ignore[reportUnknownVariableType] -- JSON
        error = from_problem(said)
        if error is None:
            raise InvalidResult(
                f"What answers at {self.address} is no gateway of ours.",
                hint="Give this one another address (http: in toolward.yaml).",
            )
        if isinstance(error, Unauthenticated):
            raise _of_another_home(self.address)
        raise error


def is_running(settings: Settings) -> bool:
    """Whether something answers at the gateway's HTTP address."""
    host = _EVERYWHERE.get(settings.http.host, settings.http.host).strip("[]")
    try:
        socket.create_connection((host, settings.http.port), timeout=0.3).close()
    except OSError:
        return False
    return True


@asynccontextmanager
async def running(settings: Settings, home: Path) -> AsyncGenerator[Running]:
    """The gateway of this home, if it runs: nothing is asked before `get`. Raises ConfigurationError."""
    address = address_of(settings)
    try:
        secret = secret_file(home).read_text(encoding="utf-8").strip()
    except OSError:  # it is made at the first start
        secret = ""
    async with Pool(address, tls=None if settings.tls is None else _tls(settings.tls)) as pool:
        yield Running(address, pool, secret)


def address_of(settings: Settings) -> str:
    scheme = "http" if settings.tls is None else "https"
    host = _EVERYWHERE.get(settings.http.host)
    return f"{scheme}://{settings.http}" if host is None else f"{scheme}://{host}:{settings.http.port}"


def _of_another_home(address: str) -> ToolwardError:
    return Unauthenticated(
        f"A gateway runs at {address}, and it does not know this installation's secret.",
        hint="Set TOOLWARD_HOME to its home, or give this one another address (http: in toolward.yaml).",
    )


def _tls(tls: Tls) -> ssl.SSLContext:
    """Believes the gateway's very certificate, whatever names it is for, and shows it where one is wanted. Raises
    ConfigurationError."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(tls.certificate)
        if tls.client_ca is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificate {tls.certificate} cannot be used: {error}.",
            hint="It must be PEM, with its key.",
        ) from None
    return context
