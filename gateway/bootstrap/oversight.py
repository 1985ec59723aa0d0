"""What people see and change of a running gateway, put together from its ledger, policies and backends."""

from gateway.bootstrap.house import Gateway
from gateway.oversight import Oversight
from gateway.oversight.calls import Calls


def oversight_of(gateway: Gateway) -> Oversight:
    return Oversight(Calls(gateway.ledger, gateway.dispatch.authorize))
