"""The gateways that may call this one for people, as the configuration in force names them."""

from collections.abc import Callable

from gateway.config.settings import Settings
from toolward.auth.on_behalf import Word
from toolward.auth.peers import Peer, Peers
from toolward.types import Principal


class PeersInForce:
    """A `toolward.auth.on_behalf.Believed`; a change of the configuration counts from the next call on."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._of: Settings | None = None
        self._peers = Peers(())

    def read_from(self, peer: Principal, token: str) -> Word:
        """Raises Unauthenticated."""
        return self._now().read_from(peer, token)

    def seen_by(self, peer: Principal) -> Principal:
        return self._now().seen_by(peer)

    def _now(self) -> Peers:
        settings = self._settings()
        if settings is not self._of:
            self._of = settings
            self._peers = Peers(Peer(one.id, one.key, one.tenants, one.roles) for one in settings.gateways)
        return self._peers
