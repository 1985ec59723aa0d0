"""Subscriptions: up, down, another rhythm, paused, resumed, ended."""

from toolservers.crm.kinds import SubscriptionChange
from toolservers.crm.records import Changed
from toolservers.crm.work import Work


def change_subscription(
    work: Work,
    subscription_id: str,
    change: SubscriptionChange,
    plan: str,
    months: int,
    expected_version: int,
    dry_run: bool,
) -> Changed:
    raise NotImplementedError
