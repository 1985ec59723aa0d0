"""What people see and change of a running gateway, put together from its ledger, policies and backends."""

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.policies import policies_of
from gateway.oversight import Oversight
from gateway.oversight.calls import Calls


def oversight_of(gateway: Gateway) -> Oversight:
    calls = Calls(gateway.ledger, gateway.dispatch.authorize)
    return Oversight(
        calls=calls,
        policies=policies_of(gateway, calls),
    )
