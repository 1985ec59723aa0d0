"""Agents behind the entrance: whatever is asked of them counts in the rate of who asks."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from toolward.types import AgentProvider, Principal

Ask = Callable[[Principal], None]
"""Raises Overloaded for who asks too often."""


def entered_agents(agents: AgentProvider, ask: Ask) -> AgentProvider:
    """The same provider; each of its methods, whose first argument is the caller, asks first."""
    return cast(AgentProvider, _Entered(agents, ask))


class _Entered:
    def __init__(self, agents: AgentProvider, ask: Ask) -> None:
        for name in dir(AgentProvider):
            if not name.startswith("_"):
                setattr(self, name, _asking(getattr(agents, name), ask))


def _asking(method: Callable[..., Any], ask: Ask) -> Callable[..., Any]:
    @wraps(method)
    def asked(principal: Principal, *rest: Any, **named: Any) -> Any:
        ask(principal)
        return method(principal, *rest, **named)

    return asked
