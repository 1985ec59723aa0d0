"""What people see and change of a running gateway, put together from its ledger, policies and backends."""

from gateway.bootstrap.house import Gateway
from gateway.oversight import Oversight


def oversight_of(gateway: Gateway) -> Oversight:
    return Oversight()
