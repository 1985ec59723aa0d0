"""Gateways that call this one for people: each has a key of its own to say for whom, and bounds on what it says."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from toolward.auth.on_behalf import OnBehalf, Word
from toolward.errors import Unauthenticated
from toolward.types import Principal

ANY = "*"


class Peer(NamedTuple):
    """A gateway, by the id of the principal that it calls as. It may call for people of these `tenants`, and its
    word for these `roles` is taken; `*` is any."""

    id: str
    key: str
    tenants: tuple[str, ...]
    roles: tuple[str, ...]


class Peers:
    """A `toolward.auth.on_behalf.Believed`: what counts is who brings it, and the key that this one has.

    A role that a gateway may not speak of is left out, of who calls and of who approved the call there: its own
    operator has roles that mean nothing here. An approval there is not one of this gateway's policy. A tenant
    that it may not speak of is refused. What the gateway itself is narrowed to (`Principal.scopes`) holds for
    whomever it calls for.
    """

    def __init__(self, peers: Iterable[Peer], clock: Callable[[], float] = time.time) -> None:
        """Raises ConfigurationError for a key that could be guessed."""
        self._peers = {peer.id: (peer, OnBehalf(peer.key, clock)) for peer in peers}

    def read_from(self, peer: Principal, token: str) -> Word:
        """Raises Unauthenticated."""
        known = self._peers.get(peer.id)
        if known is None:
            raise Unauthenticated(
                f"The call says for whom it is made, and {peer.id} is no gateway that may say that here.",
                hint="Name it under `gateways` in this gateway's configuration, with the key that it signs with.",
            )
        of, key = known
        said, approved_by = key.read(token)
        if ANY not in of.tenants and said.tenant not in of.tenants:
            raise Unauthenticated(
                f"The gateway {of.id} may not call for people of the tenant {said.tenant[:128]!r}.",
                hint="Add the tenant to its `tenants` under `gateways`, if it may.",
            )
        roles = said.roles if ANY in of.roles else tuple(role for role in said.roles if role in of.roles)
        taken = {f"role:{role}" for role in of.roles}
        approved_by = tuple(
            label
            for label in approved_by
            if ANY in of.roles or label in taken or not label.startswith("role:")
        )
        return Word(replace(said, roles=roles, scopes=peer.scopes), approved_by)

    def seen_by(self, peer: Principal) -> Principal:
        """With the roles for which it may speak: else it could not list what they may call."""
        if (known := self._peers.get(peer.id)) is None:
            return peer
        roles = (role for role in known[0].roles if role != ANY)
        return replace(peer, roles=tuple(dict.fromkeys((*peer.roles, *roles))))
