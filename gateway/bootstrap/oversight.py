"""What people see and change of a running gateway, put together from its ledger, policies and backends."""

import os

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.identity import local_person
from gateway.bootstrap.policies import policies_of
from gateway.bootstrap.system import SystemClock
from gateway.config.starting import gateway_server
from gateway.oversight import Oversight
from gateway.oversight.calls import Calls
from gateway.oversight.catalog import Health
from gateway.oversight.connecting import Connecting
from gateway.oversight.usage import UsageView


def oversight_of(gateway: Gateway) -> Oversight:
    authorize = gateway.dispatch.authorize
    calls = Calls(gateway.ledger, authorize)
    return Oversight(
        health=Health(gateway.dispatch, gateway.backends),
        calls=calls,
        usage=UsageView(gateway.ledger, authorize, SystemClock().now_ms),
        policies=policies_of(gateway, calls),
        connecting=Connecting(
            lambda: local_person(gateway.settings),
            lambda: gateway_server(gateway.settings, gateway.home, os.environ),
            lambda: gateway.settings.resource,
        ),
    )
