"""Runs as a gateway has them: what an agent is offered, what is known of tools, and what a run's owner may now."""

from gateway.bootstrap.models import Models
from gateway.bootstrap.reload import Reload
from gateway.config.settings import Settings
from gateway.core.catalog import UNKNOWN, ToolFacts
from gateway.core.dispatch import Dispatch
from gateway.core.ports import Clock, Ids, RunRecord
from gateway.ledger.ledger import Ledger
from gateway.runs.offers import Offers
from gateway.runs.presence import Presence
from gateway.runs.runner import Runs
from toolward.types import Principal


def make_runs(
    dispatch: Dispatch,
    ledger: Ledger,
    models: Models,
    reload: Reload,
    presence: Presence,
    clock: Clock,
    ids: Ids,
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
        rights=lambda record: _rights(reload.now.settings, record),
        holder=presence.name,
        gone=presence.gone,
        clock=clock,
        ids=ids,
    )


def _facts(dispatch: Dispatch, name: str) -> ToolFacts:
    entry = dispatch.catalog.find(name)
    return UNKNOWN if entry is None else entry.facts


def _rights(settings: Settings, record: RunRecord) -> Principal | None:
    """Of a run's owner, as the configuration has them now; None where it does not have them any more."""
    for one in settings.principals:
        if (one.id, one.tenant) == (record.run.owner, record.tenant):
            return Principal(one.id, one.roles, one.tenant)
    return None
