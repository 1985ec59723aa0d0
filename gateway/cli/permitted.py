"""What commands do that is not a tool call: policy is asked first, for the person at this computer.

A command that needs no gateway starts none for it: rules over operations need no tools, only the policy's files.
This binds who comes by way of our commands. Whoever can read the home directory can read its files without them.
"""

from collections.abc import Iterable, Mapping

from gateway.bootstrap import local_person
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.core.digests import SHORT
from gateway.core.operation_policy import OperationPolicy, refusal

_ONE: tuple[Mapping[str, str]] = ({},)  # of an operation without attributes


def operation_policy(settings: Settings) -> OperationPolicy:
    """What the configured policy says of operations. Raises ConfigurationError."""
    policy = load_policy(settings.policies)
    return OperationPolicy(policy.rules, policy.digest[:SHORT])


def permit(settings: Settings, operation: str, resources: Iterable[Mapping[str, str]] = _ONE) -> None:
    """Raises Denied, with the rule, where policy does not let the local person do it to each of these resources;
    ConfigurationError where there is no policy to ask."""
    person, policy = local_person(settings), operation_policy(settings)
    for resource in resources:
        if denied := refusal(policy.decide(person, operation, resource), person, operation):
            raise denied
