"""Every page of the console, by the room it is in. Each room is a module (or a package) with `shown(parts)`."""

from collections.abc import Iterator

from gateway.servers.console import inbox, keys_page, now, talk, tools
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown

ROOMS = (now, inbox, talk, tools, keys_page)


def all_rooms(parts: Parts) -> Iterator[Shown]:
    for room in ROOMS:
        yield from room.shown(parts)
