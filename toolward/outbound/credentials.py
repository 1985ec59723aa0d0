"""Credentials that are not the same for every request: what a client asks for beside each one."""

from collections.abc import Mapping
from typing import Protocol

from toolward.errors import Unavailable
from toolward.types import Principal


class Credentials(Protocol):
    """Headers (lower-case names) by which one server knows who calls it.

    What is asked for may have to be fetched; where it is at hand, nothing is awaited in between."""

    per_caller: bool
    """Whether calls go out in their callers' names, each with a credential of its own."""

    async def own(self) -> Mapping[str, str]:
        """Ours: for connecting, listing, watching. Raises Unavailable."""
        ...

    async def of(self, principal: Principal) -> Mapping[str, str]:
        """For one call that is made for `principal`. Raises Unavailable, and Unauthenticated where this caller
        has nothing that one could be had for."""
        ...

    def refused(self, principal: Principal | None, headers: Mapping[str, str]) -> bool:
        """The server refused these, which were `principal`'s; None: our own. Whether asking again gives others
        that are worth another try."""
        ...


class CredentialRefused(Unavailable):
    """A server refused a credential, which is dropped: the next call comes with another one. The server may have
    begun what was asked for."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"{source} refused our access token.",
            hint="It is replaced now. What was asked for may have been begun: look before it is repeated.",
        )
