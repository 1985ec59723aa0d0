"""Which tools agents have, on behalf of whom."""

from gateway.agent.definition import AgentDefinition
from gateway.agent.offering import Offer
from gateway.core.dispatch import Dispatch
from gateway.core.snapshot import Snapshot
from toolward.types import Principal, RunScope

_OFFERS = 256
"""That are kept: one for each agent and person whose runs are worked on."""


class Offers:
    """What agents are offered, made once for as long as the same catalog and policy are in force."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._of: Snapshot | None = None
        self._made: dict[tuple[Principal, str], tuple[AgentDefinition, Offer]] = {}

    def offer(self, principal: Principal, agent: AgentDefinition) -> Offer:
        now = self._dispatch.in_force
        if self._of is not now or len(self._made) >= _OFFERS:
            self._of = now
            self._made.clear()
        known = self._made.get((principal, agent.name))
        if known is not None and known[0] is agent:
            return known[1]
        scope = RunScope("", agent.name, agent.tools, people=agent.people)
        entries = now.visible(principal, scope)
        made = Offer([(entry.alias, entry.name, entry.tool) for entry in entries], agent.tool_search)
        self._made[principal, agent.name] = (agent, made)
        return made
