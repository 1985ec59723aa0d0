"""Whether a gateway may listen where its configuration says, asked before tool servers are started, which takes
seconds."""

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.running import running
from gateway.config.settings import Settings
from toolward.doors.address import listening_socket
from toolward.errors import ConfigurationError, Conflict, ToolwardError


def ports(settings: Settings) -> Iterator[tuple[str, ConfigurationError | None]]:
    """Each address by its key, with why nobody can listen there."""
    for key, address in (("http", settings.http), ("grpc", settings.grpc)):
        try:
            listening_socket(address).close()
        except ConfigurationError as error:
            hint = f"Stop what uses it, or give this one another address: {key}: 127.0.0.1:PORT in toolward.yaml."
            yield f"{key} {address}", ConfigurationError(error.message, hint=hint)
        else:
            yield f"{key} {address}", None


async def may_listen(settings: Settings, home: Path) -> None:
    """Raises ConfigurationError where something else is there, Conflict where it is the gateway of this home."""
    for _, error in ports(settings):
        if error is not None:
            await _refuse_a_second(settings, home)
            raise error


async def _refuse_a_second(settings: Settings, home: Path) -> None:
    async with running(settings, home) as gateway:
        try:
            process = (await gateway.get("/v1/status"))["process"]
        except ToolwardError:
            return
    raise Conflict(
        f"The gateway of this installation runs already, at {gateway.address} (process {process}).",
        hint="See: toolward status. Its console: toolward console",
    )
