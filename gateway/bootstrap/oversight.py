"""What people see and change of a running gateway, put together from its ledger, policies and backends."""

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.system import SystemClock
from gateway.oversight import Oversight
from gateway.oversight.calls import Calls
from gateway.oversight.catalog import Health
from gateway.oversight.usage import UsageView


def oversight_of(gateway: Gateway) -> Oversight:
    authorize = gateway.dispatch.authorize
    return Oversight(
        health=Health(gateway.dispatch, gateway.backends),
        calls=Calls(gateway.ledger, authorize),
        usage=UsageView(gateway.ledger, authorize, SystemClock().now_ms),
    )
