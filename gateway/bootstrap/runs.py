"""Runs as a gateway has them: what an agent is offered, what is known of tools, and what a run's owner may now."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from gateway.bootstrap.keys import Keys
from gateway.bootstrap.models import Models
from gateway.bootstrap.reload import Reload
from gateway.config.settings import Settings
from gateway.core.catalog import UNKNOWN, ToolFacts
from gateway.core.dispatch import Dispatch
from gateway.core.ports import Clock, Ids, RunRecord
from gateway.ledger.ledger import Ledger
from gateway.runs.offers import Offers
from gateway.runs.ports import Observer
from gateway.runs.presence import Presence
from gateway.runs.runner import Runs
from gateway.runs.telemetry import RunTelemetry
from toolward.telemetry.metering import open_metering
from toolward.telemetry.tracing import captures_content, open_tracing
from toolward.types import Principal


def make_runs(
    dispatch: Dispatch,
    ledger: Ledger,
    models: Models,
    reload: Reload,
    keys: Keys,
    presence: Presence,
    clock: Clock,
    ids: Ids,
    observer: Observer,
) -> Runs:
    return Runs(
        agents=reload.agents,
        ledger=ledger,
        dispatch=dispatch,
        authorize=dispatch.authorize,
        endpoint=models.endpoint,
        tools_for=Offers(dispatch).offer,
        facts=lambda name: _facts(dispatch, name),
        budgets=lambda: reload.now.settings.budgets,
        rights=lambda record, api_key: _rights(reload.now.settings, keys, record, api_key),
        holds=keys.holds,
        holder=presence.name,
        gone=presence.gone,
        clock=clock,
        ids=ids,
        observer=observer,
    )


@contextmanager
def open_telemetry(service: str, environment: Mapping[str, str]) -> Generator[RunTelemetry, None, None]:
    """As the environment asks for it; metrics for Prometheus are kept in any case. Raises ConfigurationError."""
    with open_tracing(service, environment) as tracing, open_metering(service, environment) as metering:
        yield RunTelemetry(tracing, metering=metering, content=captures_content(environment))


def _facts(dispatch: Dispatch, name: str) -> ToolFacts:
    entry = dispatch.catalog.find(name)
    return UNKNOWN if entry is None else entry.facts


def _rights(settings: Settings, keys: Keys, record: RunRecord, api_key: str) -> Principal | None:
    """Of a run's owner: those of the key that started it, else as the configuration has them now; None where there
    are none any more."""
    if api_key:
        found = keys.holder(api_key)
        same = found is not None and (found.id, found.tenant) == (record.run.owner, record.tenant)
        return found if same else None
    for one in settings.principals:
        if (one.id, one.tenant) == (record.run.owner, record.tenant):
            return Principal(one.id, one.roles, one.tenant)
    return None
