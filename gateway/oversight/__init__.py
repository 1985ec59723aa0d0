"""What people who look after a gateway may see and change: calls on record, usage, policies, backends. Each thing
asks policy first, for who asks; REST and the console stand on it.

Nothing here does I/O of its own: the ledger, files and processes are reached by ports, and put together in
`gateway.bootstrap.oversight`.
"""

from typing import NamedTuple

from gateway.oversight.calls import Calls
from gateway.oversight.catalog import Health
from gateway.oversight.connecting import Connecting
from gateway.oversight.policies import Policies
from gateway.oversight.usage import UsageView


class Oversight(NamedTuple):
    """One for a gateway, handed to its doors."""

    health: Health
    calls: Calls
    usage: UsageView
    policies: Policies
    connecting: Connecting
