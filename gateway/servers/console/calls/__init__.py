"""*Calls*: what was called on record, by facets with counts; one call with all there is of it."""

from gateway.servers.console.calls.listing import lists
from gateway.servers.console.calls.one import one_call
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown


def shown(parts: Parts) -> list[Shown]:
    return [*lists(parts), *one_call(parts)]
