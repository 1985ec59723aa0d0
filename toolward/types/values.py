"""Who calls, and what passes through: JSON that is kept as the bytes that came."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

Json = Any  # any value that JSON can hold
JsonObject = dict[str, Any]

EMPTY_OBJECT = b"{}"


class Principal(msgspec.Struct, frozen=True, dict=True):
    """Who calls: proven at a door, then handed on as an argument, never ambient."""

    id: str
    roles: tuple[str, ...] = ()
    tenant: str = "default"
    scopes: tuple[str, ...] | None = None
    """Globs over qualified tool names and operations (`crm.*`, `run.*`): what proved who calls is good for these
    alone, whatever policy gives the caller beside. None = for everything."""
    api_key: str = ""
    """The public prefix of the API key by which they are proven; empty where something else proves them."""

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """How policy names this caller: `user:ada`, `role:support`, `tenant:default`."""
        return (f"user:{self.id}", *(f"role:{role}" for role in self.roles), f"tenant:{self.tenant}")


Headers = Mapping[str, str]  # lower-case names
