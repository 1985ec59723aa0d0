"""The ledger's recorded calls and runs, as `policy replay` and `policy explain` decide by them again."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from gateway.agent.sources import RunSources, so_far
from gateway.agent.state import RunStateData, fold
from gateway.core.ports import ERASED
from gateway.core.provenance import Sources
from gateway.core.replaying import PastCall, past
from gateway.ledger.reading import recorded_calls, recorded_events
from gateway.oversight.policies.files import RunOnRecord
from toolward.errors import Internal


def past_calls(ledger: Path, since: int = 0) -> Iterator[PastCall]:
    """The newest first, from `since` on (Unix ms); a gateway may write meanwhile. Raises ConfigurationError when
    there is no ledger."""
    return map(past, recorded_calls(ledger, since=since))


class PastRuns:
    """The runs of a ledger, as their logs have them; a gateway may write meanwhile."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._state = lru_cache(maxsize=32)(self._folded)

    def state(self, run_id: str) -> RunStateData | None:
        """None where there is no such run, or its words were erased. Raises as `recorded_events`, and what `fold`
        raises."""
        return self._state(run_id)

    def sources(self, call: PastCall) -> Sources | None:
        """What the model had seen when it wrote the call; None where that is not on record, or damaged."""
        try:
            state = self._state(call.run_id) if call.run_id else None
        except Internal:
            return None
        if state is None:
            return None
        turn = next((made.turn for made in state.calls() if made.id == call.id), None)
        return None if turn is None else RunSources().before(state, turn)

    def run(self, run_id: str) -> RunOnRecord | None:
        """With what the model has seen when it writes next. None and raises as `state`."""
        state = self._state(run_id)
        return None if state is None else RunOnRecord(state.tenant, state.run.agent, so_far(state))

    def _folded(self, run_id: str) -> RunStateData | None:
        events = recorded_events(self._ledger, run_id)
        state = fold(events) if events else None
        return None if state is None or state.run.input == ERASED else state
