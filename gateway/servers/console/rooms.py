"""Every page of the console, by the room it is in. Each room is a module (or a package) with `shown(parts)`."""

from collections.abc import Iterator

from gateway.servers.console import calls, connect, inbox, keys_page, now, policies, runs, talk, tools, usage
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown

ROOMS = (now, inbox, talk, runs, calls, tools, policies, usage, connect, keys_page)


def all_rooms(parts: Parts) -> Iterator[Shown]:
    for room in ROOMS:
        yield from room.shown(parts)
