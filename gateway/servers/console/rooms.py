"""Every page of the console, by the room it is in. Each room is a module (or a package) with `shown(parts)`."""

from collections.abc import Iterator

from gateway.servers.console import keys_page, now, policies
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown

ROOMS = (now, policies, keys_page)


def all_rooms(parts: Parts) -> Iterator[Shown]:
    for room in ROOMS:
        yield from room.shown(parts)
