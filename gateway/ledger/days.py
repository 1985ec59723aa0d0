"""What was on each day: calls by what is alike in them, what models took. A day that is over is kept when it was
looked at once, since hardly anything of it changes any more, and what does is noticed."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec
from sqlalchemy import Connection, and_, func, select

from gateway.core.latencies import Latencies
from gateway.core.ports import UNDER_WAY, DayUsed, Replies, Usage
from gateway.ledger.tables import call_outcomes, call_records, chain_segments, is_of_model, run_events, runs

DAY = 24 * 3_600_000
SETTLED = 10 * 60_000
"""Milliseconds after its end from which a day is kept: until then a record of it may come yet."""
_AT_ONCE = 500
MOST = 1_000
"""Days of tenants that are kept; those that were looked at last."""

_calls, _ends, _events = call_records.c, call_outcomes.c, run_events.c


class Days:
    """For one database. Its methods may be called by several threads."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], DayUsed] = OrderedDict()
        self._outcomes = 0  # the newest that was seen
        self._segments: frozenset[str] = frozenset()

    def between(self, connection: Connection, tenant: str, since: int, until: int) -> list[DayUsed]:
        """`since <= at < until` in Unix ms, 0 for no bound; the days in their order, also those with nothing."""
        now = self._now()
        until = min(until or now + DAY, now + DAY)
        since = max(since, _oldest(connection, tenant, until))
        if since >= until:
            return []
        with self._lock:
            self._forget_changed(connection)
            whole = range(-(-since // DAY), min(until, now - SETTLED) // DAY)
            if not whole:
                return read_days(connection, tenant, since, until)
            before = read_days(connection, tenant, since, whole.start * DAY)
            kept = self._whole(connection, tenant, whole)
            return [*before, *kept, *read_days(connection, tenant, whole.stop * DAY, until)]

    def _whole(self, connection: Connection, tenant: str, days: range) -> list[DayUsed]:
        for missing in _stretches(day for day in days if (tenant, day) not in self._kept):
            read = read_days(connection, tenant, missing.start * DAY, missing.stop * DAY)
            self._kept.update({(tenant, one.day): one for one in read})
        found = [self._kept[tenant, day] for day in days]
        for day in days:
            self._kept.move_to_end((tenant, day))
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return found

    def _forget_changed(self, connection: Connection) -> None:
        """Days of which calls have ended since, late; all where records were removed."""
        segments = frozenset(connection.execute(select(chain_segments.c.id)).scalars())
        newest = connection.execute(select(func.max(_ends.id))).scalar_one() or 0
        if not self._segments <= segments:
            self._kept.clear()
        if self._kept and newest > self._outcomes:
            ended = select(_ends.call_id).where(_ends.id > self._outcomes)
            for some in connection.execute(ended).scalars().partitions(_AT_ONCE):
                of = select(_calls.tenant, _calls.at).where(_calls.id.in_(some))
                for tenant, at in connection.execute(of):
                    self._kept.pop((tenant, at // DAY), None)
        self._segments, self._outcomes = segments, newest


def read_days(connection: Connection, tenant: str, since: int, until: int) -> list[DayUsed]:
    """Each day that the time touches, as far as it does."""
    if since >= until:
        return []
    days = {
        day: DayUsed(day, defaultdict(int), defaultdict(Latencies), {}, defaultdict(Latencies))
        for day in range(since // DAY, (until - 1) // DAY + 1)
    }
    _read_calls(connection, tenant, since, until, days)
    _read_replies(connection, tenant, since, until, days)
    return list(days.values())


def _read_calls(
    connection: Connection, tenant: str, since: int, until: int, days: dict[int, DayUsed]
) -> None:
    newest = call_outcomes.alias()
    last = select(func.max(newest.c.id)).where(newest.c.call_id == _calls.id).scalar_subquery()
    query = (
        select(
            _calls.at,
            _calls.tool,
            _calls.principal,
            _calls.effect,
            _calls.rule,
            _ends.code,
            _ends.duration_us,
        )
        .select_from(call_records)
        .outerjoin(call_outcomes, and_(_ends.call_id == _calls.id, _ends.id == last))
        .where(_calls.tenant == tenant, _calls.at >= since, _calls.at < until)
    )
    for at, tool, principal, effect, rule, code, took in connection.execute(query):
        day = days[at // DAY]
        day.calls[tool, principal, effect, rule, code or UNDER_WAY] += 1
        if took:
            day.took[tool].add(took)


class _Reply(msgspec.Struct):
    """What the data of such an event say of what it took."""

    usage: Usage = Usage()
    endpoint: str = ""
    model: str = ""
    cost: int | None = None
    duration_ms: int = 0


_read_reply = msgspec.json.Decoder(_Reply).decode


def _read_replies(
    connection: Connection, tenant: str, since: int, until: int, days: dict[int, DayUsed]
) -> None:
    of_tenant = func.coalesce(runs.c.tenant, "") == tenant  # bare, it would send SQLite through all runs
    query = (
        select(_events.at, _events.data, runs.c.agent)
        .join(runs, runs.c.id == _events.run_id)
        .where(is_of_model, _events.at >= since, _events.at < until, of_tenant)
    )
    for at, data, agent in connection.execute(query):
        reply = _read_reply(data)
        usage = reply.usage
        if not (reply.endpoint or reply.model or usage.output_tokens):
            continue  # turns that were left away without asking a model
        day, kind = days[at // DAY], (agent, reply.endpoint, reply.model)
        one = Replies(1, usage.input_tokens, usage.output_tokens, reply.cost or 0, int(reply.cost is None))
        day.replies[kind] = day.replies.get(kind, Replies()).plus(one)
        if reply.duration_ms:
            day.waited[kind].add(reply.duration_ms * 1_000)


def _oldest(connection: Connection, tenant: str, until: int) -> int:
    """Of what is counted here; `until` where there is nothing."""
    first = (
        select(func.min(_calls.at)).where(_calls.tenant == tenant),
        select(func.min(runs.c.created_at)).where(runs.c.tenant == tenant),
    )
    found = [connection.execute(query).scalar_one() for query in first]
    return min((at for at in found if at is not None), default=until)


def _stretches(days: Iterable[int]) -> Iterator[range]:
    """Days that follow each other, in as few ranges as can be."""
    first = last = None
    for day in days:
        if last is not None and day != last + 1:
            yield range(first or 0, last + 1)
            first = day
        first, last = day if first is None else first, day
    if first is not None and last is not None:
        yield range(first, last + 1)
