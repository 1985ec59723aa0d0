"""What is taken out of the ledger on purpose as a whole: segments that are older than what is to be kept. Each
leaves a signed act, so that `verify` knows it from tampering."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, delete, func, select

from gateway.ledger import tables
from gateway.ledger.acts import Act, RemovedSegment, store_act
from gateway.ledger.batch import Batch
from gateway.ledger.chain import SEGMENT_MS
from gateway.ledger.keys import Keys
from gateway.ledger.run_events import chunks
from gateway.ledger.unfinished import ENDED, undecided


class Upkeep(NamedTuple):
    """For one transaction. `now` is in Unix ms; `act_id` begins the ids of its acts."""

    connection: Connection
    batch: Batch
    keys: Keys
    now: int
    act_id: str

    def new_key(self, reason: str) -> None:
        """Announce, signed by the key in force, that it is followed by another."""
        store_act(self.batch, self.keys, Act(self.act_id, "new_key", self.now, reason=reason))

    def remove_before(self, before: int, reason: str) -> list[RemovedSegment]:
        """Segments that were closed before a time (Unix ms), but for those with a run or an input request that goes
        on elsewhere, or is not decided yet."""
        segments = tables.chain_segments.c
        # A segment takes nothing more when it is so old, whoever wrote it.
        old = select(segments.id).where(segments.opened_at + SEGMENT_MS <= before)
        entered = {name: self._entered(name) for name in self.connection.execute(old).scalars()}
        while kept := [name for name, keys in entered.items() if self._goes_on(keys, entered.values())]:
            for name in kept:
                del entered[name]
        removed = [self._remove(name, keys) for name, keys in entered.items()]
        for number, gone in enumerate(removed):
            act = Act(f"{self.act_id}_{number}", "remove_segment", self.now, removed=gone, reason=reason)
            store_act(self.batch, self.keys, act)
        return removed

    def _entered(self, name: str) -> dict[str, list[str]]:
        """The keys of what a segment covers, by kind."""
        found: dict[str, list[str]] = {}
        chain = tables.chain.c
        for kind, key in self.connection.execute(
            select(chain.kind, chain.key).where(chain.segment == name).order_by(chain.seq)
        ):
            found.setdefault(kind, []).append(key)
        return found

    def _goes_on(self, keys: dict[str, list[str]], others: Iterable[dict[str, list[str]]]) -> bool:
        """Whether something of this segment is not over, or not all of it is in these segments."""
        events = [key for other in others for key in other.get("event", ())]
        transitions = {key for other in others for key in other.get("transition", ())}
        runs = {*keys.get("run", ()), *(key.rpartition("/")[0] for key in keys.get("event", ()))}
        requests = {key.rpartition("/")[0] for key in keys.get("transition", ())}
        leaving = {key for other in others for key in other.get("run", ())}
        here: dict[str, int] = {}
        for key in events:
            run = key.rpartition("/")[0]
            here[run] = here.get(run, 0) + 1
        row, asked = tables.runs.c, tables.input_requests.c
        for ids in chunks(sorted(runs)):
            for run, state, last in self.connection.execute(
                select(row.id, row.state, row.last_seq - row.parent_seq).where(row.id.in_(ids))
            ):
                if state not in ENDED or here.get(run, 0) < last:
                    return True
            children = set(self.connection.execute(select(row.id).where(row.parent.in_(ids))).scalars())
            if not children <= leaving:  # their logs begin with these events
                return True
        for ids in chunks(sorted(requests)):
            for request, waits in self.connection.execute(
                select(asked.id, undecided(self.now)).where(asked.id.in_(ids))
            ):
                if waits or f"{request}/{self._transitions(request)}" not in transitions:
                    return True
        return False

    def _transitions(self, request: str) -> int:
        of = tables.request_transitions.c
        return self.connection.execute(
            select(func.max(of.number)).where(of.request_id == request)
        ).scalar_one()

    def _remove(self, name: str, keys: dict[str, list[str]]) -> RemovedSegment:
        chain, payloads = tables.chain.c, tables.call_payloads.c
        last = select(chain.seq, chain.link).where(chain.segment == name).order_by(chain.seq.desc()).limit(1)
        seq, link = self.connection.execute(last).one()
        runs = {*keys.get("run", ()), *(key.rpartition("/")[0] for key in keys.get("event", ()))}
        requests = {key.rpartition("/")[0] for key in keys.get("transition", ())}
        calls, outcomes = keys.get("call", []), [int(key) for key in keys.get("outcome", ())]
        self._delete(payloads.call_id, calls, payloads.outcome == 0)
        self._delete(payloads.outcome, outcomes)
        self._delete(tables.call_records.c.id, calls)
        self._delete(tables.call_outcomes.c.id, outcomes)
        self._delete(tables.run_events.c.run_id, sorted(runs))
        self._delete(tables.run_texts.c.run_id, sorted(runs))
        self._delete(tables.run_leases.c.run_id, sorted(runs))
        self._delete(tables.runs.c.id, sorted(runs))
        self._delete(tables.request_transitions.c.request_id, sorted(requests))
        self._delete(tables.input_requests.c.id, sorted(requests))
        self._delete(tables.chain_segments.c.id, [name])
        self._delete(chain.segment, [name])
        return RemovedSegment(name, seq, link.hex())

    def _delete(self, column: Column[Any], values: Sequence[Any], *also: Any) -> None:
        for some in chunks(values):
            self.connection.execute(delete(column.table).where(column.in_(some), *also))
