"""Of what the operator wrote: configuration, policy, agents, API keys; and the addresses that are named there."""

import time
from collections.abc import Iterator
from pathlib import Path

from gateway.bootstrap.identity import local_person
from gateway.cli.checks.finding import Finding, failed
from gateway.cli.listening import ports
from gateway.cli.output import counted
from gateway.cli.session import Common
from gateway.config.agents import load_agents
from gateway.config.find import find_config, load_settings
from gateway.config.keys import read_keys
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.config.source import shown
from toolward.errors import ConfigurationError


def of_configuration(common: Common, home: Path, found: list[Finding]) -> Settings | None:
    """None where nothing more can be looked at; what was found goes to `found`."""
    try:
        where = find_config(common.config)
        settings = load_settings(where, home, free_ports=False)
    except ConfigurationError as error:
        found.append(
            failed(
                "configuration", error, "Correct it in toolward.yaml; docs/configuration.md has every key."
            )
        )
        return None
    found.append(Finding("configuration", "ok", where.why))
    found += [Finding("configuration", "warn", note, "See: toolward config show") for note in settings.notes]
    person = local_person(settings)
    roles = f" ({', '.join(person.roles)})" if person.roles else ""
    found.append(Finding("you", "ok", f"{person.id}{roles}, of the tenant {person.tenant}"))
    return settings


def of_policy(settings: Settings) -> Finding:
    try:
        policy = load_policy(settings.policies)
    except ConfigurationError as error:
        return failed("policy", error, "toolward policy check --offline")
    if not policy.rules:
        return Finding(
            "policy", "warn", "there are no rules, so nothing is allowed", "Name policies: in toolward.yaml."
        )
    return Finding("policy", "ok", f"{len(policy.rules)} rules of {', '.join(map(shown, settings.policies))}")


def of_agents(settings: Settings) -> Finding:
    try:
        agents = load_agents(settings.agents, settings.endpoints)
    except ConfigurationError as error:
        return failed("agents", error, "toolward agent check")
    return Finding("agents", "ok", ", ".join(one.name for one in agents) or "none")


def of_keys(home: Path) -> Iterator[Finding]:
    try:
        keys = read_keys(home)
    except ConfigurationError as error:
        yield failed("keys", error)
        return
    good = [one for one in keys if one.revoked is None]
    over = [one for one in good if one.expires is not None and one.expires.timestamp() < time.time()]
    yield Finding("keys", "ok", f"good now: {counted(len(good) - len(over), 'API key')}")
    for one in over:
        yield Finding(
            "keys",
            "warn",
            f"the API key {one.prefix} of {one.owner} has expired",
            f"toolward key revoke {one.prefix}",
        )


def of_ports(settings: Settings) -> Iterator[Finding]:
    """Where no gateway runs: whether one could listen there."""
    for where, error in ports(settings):
        yield Finding("ports", "ok", f"{where} is free") if error is None else failed("ports", error)
