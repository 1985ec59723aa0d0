"""What an address or a form of this room is about: a call on record, that of an input request, or a tool with
arguments, of somebody."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from gateway.oversight.policies import About, Policies
from gateway.servers.console.visits import Visit


class Asked(NamedTuple):
    """As it stands in fields; all of them empty where a page is about no call."""

    call: str = ""
    request: str = ""
    tool: str = ""
    arguments: str = ""
    principal: str = ""
    agent: str = ""

    @property
    def query(self) -> str:
        """`tool=crm.refund_payment&principal=ada`"""
        return urlencode({name: value for name, value in self._asdict().items() if value})

    def about(self, policies: Policies, visit: Visit) -> About | None:
        """None where nothing is asked. Raises InvalidRequest."""
        if self.call:
            return About(self.call)
        if self.request:
            return About(request_id=self.request)
        if not self.tool.strip():
            return None
        question = policies.asked(visit.principal, self.tool, self.arguments, self.principal, self.agent)
        return About(question=question)


class SavedNow(msgspec.Struct, frozen=True, array_like=True):
    """What the list of rules is told of a file that was saved just now, in this session (`nonce`)."""

    nonce: str
    name: str
    in_force: bool


def asked(get: Callable[[str, str], str]) -> Asked:
    """`get` gives a field by its name, and otherwise what it is given."""
    return Asked(*(get(name, "") for name in Asked._fields))
