"""How other programs reach this gateway, told to who asks."""

from collections.abc import Callable
from typing import NamedTuple

from gateway.desktop.entries import Server
from toolward.errors import ConfigurationError
from toolward.types import Principal


class Ways(NamedTuple):
    """Over stdio, where the caller is the person at this computer (whoever starts `toolward mcp` there is that
    person): None for all others. And the public URL of the MCP door, empty where the configuration names none."""

    stdio: Server | None
    url: str


class Connecting:
    """`local` is the person at this computer; `server` how a program starts this gateway (raises
    ConfigurationError where it cannot)."""

    def __init__(
        self, local: Callable[[], Principal], server: Callable[[], Server], url: Callable[[], str]
    ) -> None:
        self._local, self._server, self._url = local, server, url

    def ways(self, principal: Principal) -> Ways:
        local = self._local()
        at_home = (principal.id, principal.tenant) == (local.id, local.tenant) and not principal.api_key
        return Ways(self._started() if at_home else None, self._url())

    def _started(self) -> Server | None:
        try:
            return self._server()
        except ConfigurationError:  # our commands are not installed: then nothing can start them
            return None
