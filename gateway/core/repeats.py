"""A retried run that is about to call a tool which its parent has called already, behind the event from which it
was retried: that needs a person's yes, whatever the arguments, and although policy would allow the call. Whoever is
asked is told of it, also where policy asks anyhow."""

from msgspec.structs import replace

from gateway.core.binding import Decision
from gateway.core.catalog import CatalogTool
from gateway.core.rules import SELF
from toolward.types import RunScope


def guarded(decision: Decision, tool: CatalogTool, run: RunScope | None) -> Decision:
    if run is None or decision.effect == "deny" or tool.name not in run.made:
        return decision
    reason = f"The run that this one retries has called {tool.name} already, and that was not undone"
    if decision.effect == "ask":
        return replace(decision, reason=f"{reason}; {decision.reason}")
    return replace(decision, effect="ask", reason=reason, approvers=run.people or (SELF,))
