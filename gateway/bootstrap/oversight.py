"""What people see and change of a running gateway, put together from its ledger, policies and backends."""

from gateway.bootstrap.house import Gateway
from gateway.oversight import Oversight
from gateway.oversight.catalog import Health


def oversight_of(gateway: Gateway) -> Oversight:
    return Oversight(health=Health(gateway.dispatch, gateway.backends))
