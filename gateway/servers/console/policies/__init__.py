"""*Policies*: the rules with what they did, why a call is decided as it is, and what a change would do."""

from gateway.servers.console.parts import Parts
from gateway.servers.console.policies.change import change_pages
from gateway.servers.console.policies.rules import rule_pages
from gateway.servers.console.policies.why import why_page
from gateway.servers.console.visits import Shown


def shown(parts: Parts) -> list[Shown]:
    return [*rule_pages(parts), why_page(parts), *change_pages(parts)]
