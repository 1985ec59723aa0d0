"""The ledger's recorded calls, as `policy replay` decides them again."""

from collections.abc import Iterator
from pathlib import Path

from gateway.core.replaying import PastCall
from gateway.ledger.reading import recorded_calls
from toolward.types import Principal


def past_calls(ledger: Path, since: int = 0) -> Iterator[PastCall]:
    """The newest first, from `since` on (Unix ms); a gateway may write meanwhile. Raises ConfigurationError when
    there is no ledger."""
    for call in recorded_calls(ledger, since=since):
        record = call.record
        yield PastCall(
            id=record.id,
            at=record.at,
            principal=Principal(record.principal, record.roles, record.tenant),
            tool=record.tool,
            effect=record.effect,
            rule=record.rule,
            arguments_json=call.arguments_json,
            run_id=record.run_id,
            agent=record.agent,
        )
