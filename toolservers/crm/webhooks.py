"""What has happened, told to an address of the operator's: signed, in order, at least once.

The form is that of Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp` and
`webhook-signature: v1,…`, which is HMAC-SHA256 over id, timestamp and body. Events are taken from the outbox after
their commit, one at a time. Any answer but 2xx counts as a try; after TRIES the event is set aside (in the log, and
in `list_events`), and the next one has its turn. How far it came stands in the database, so that another process
goes on from there; one that is killed between an answer and its mark tells the event again, under the same
`webhook-id`. Two processes over one database would tell everything twice: let one of them have the webhook.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
from anyio.to_thread import run_sync
from sqlalchemy import Connection, Engine, RowMapping, func, select

from toolservers.crm.world.clock import aware
from toolservers.crm.world.tables import events, telling, untold
from toolward.errors import ConfigurationError, ToolwardError
from toolward.outbound.egress import Origin
from toolward.outbound.pool import Pool
from toolward.outbound.reach import Reach, is_literal, is_localhost
from toolward.store import WRITES

log = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 10
FIRST = 1.0
LONGEST = 300.0
"""Seconds after the first failed try, doubled after each, at most so many: a quarter of an hour in all."""

ANSWER = 10.0
"""Seconds that the receiver has."""

POLL = 5.0
"""Seconds after which events of other processes are looked for."""

SET_ASIDE = 1_000
"""Events that are remembered as set aside; older ones are forgotten."""

_ANSWER_BYTES = 64 * 1024
_KEY_BYTES = range(24, 65)


@dataclass(frozen=True)
class Target:
    """Where events go. `key` is what the secret stands for."""

    url: str
    key: bytes
    reach: Reach

    @classmethod
    def of(cls, url: str, secret: str, networks: str = "") -> "Target":
        """Raises ConfigurationError for a URL that cannot be told anything, and without a good secret."""
        origin = Origin.of(url)
        reach = Reach(tuple(word.strip() for word in networks.split(",") if word.strip()))
        inside = is_literal(origin.host) or is_localhost(origin.host) or networks
        if origin.scheme == "http" and not inside:
            raise ConfigurationError(
                "The webhook's URL is plain http, and events hold customers' data.", hint="Use https."
            )
        return cls(url, signing_key(secret), reach)

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def signing_key(secret: str) -> bytes:
    """What `whsec_` and base64 stand for. Raises ConfigurationError, which does not repeat it."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or len(key) not in _KEY_BYTES:
        raise ConfigurationError(
            "The webhook's secret (TOOLWARD_CRM_WEBHOOK_SECRET, or a file named by ..._FILE) must be whsec_ and"
            " the base64 of 24 to 64 bytes.",
            hint='One is made by: echo "whsec_$(openssl rand -base64 32)"',
        )
    return key


def signature(key: bytes, identity: str, timestamp: int, body: bytes) -> str:
    signed = b"%b.%d.%b" % (identity.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Pace(NamedTuple):
    """How long it is tried; tests are in a hurry."""

    tries: int = TRIES
    first: float = FIRST
    longest: float = LONGEST
    poll: float = POLL

    def after(self, tries: int) -> float:
        return min(self.first * 2 ** (tries - 1), self.longest)


class Next(NamedTuple):
    """The event whose turn it is."""

    life: str
    told: int
    tries: int
    again_at: float  # Unix seconds
    event: RowMapping


class Webhook:
    """Tells the events of one database. `tenant` stands in each, where each has a world of their own."""

    def __init__(
        self,
        engine: Engine,
        target: Target,
        tenant: str = "",
        pace: Pace = Pace(),  # noqa: B008 -- immutable
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{WRITES: False})
        self._target = target
        self._tenant = tenant
        self._pace = pace
        self._clock = clock
        self._news = asyncio.Event()
        self.rested = asyncio.Event()
        """Set while everything that was seen to have happened is told, or set aside."""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._transact(_begin, writes=True)
        self._task = asyncio.create_task(self._run(), name="telling events")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def look(self) -> None:
        """Something may have happened."""
        self.rested.clear()
        self._news.set()

    # --- telling

    async def _run(self) -> None:
        async with Pool(self._target.url, limit=1, reach=self._target.reach) as pool:
            while True:
                try:
                    self._news.clear()
                    await self._wait(await self._step(pool))
                except Exception as error:  # a busy database must not end it
                    log.warning("events could not be told: %s", error)
                    await self._wait(self._pace.poll)

    async def _step(self, pool: Pool) -> float:
        """Tells what can be told; for how many seconds nothing can."""
        while (due := await self._transact(_next_event)) is not None:
            if (left := due.again_at - self._clock()) > 0:
                return min(left, self._pace.longest)
            because = await self._deliver(pool, due)
            await self._transact(partial(self._mark, due, because), writes=True)
        if not self._news.is_set():
            self.rested.set()
        return self._pace.poll

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _deliver(self, pool: Pool, due: Next) -> str:
        """Why it did not arrive; empty where it did."""
        body = msgspec.json.encode(payload(due.event, self._tenant))
        identity, now = f"evt_{due.life}_{due.event['seq']}", int(self._clock())
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._target.key, identity, now, body),
        }
        try:
            answer = await pool.request(
                "POST", self._target.path, headers, body, timeout=ANSWER, max_body=_ANSWER_BYTES
            )
        except ToolwardError as error:
            return error.message
        return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"

    def _mark(self, due: Next, because: str, connection: Connection) -> None:
        """Nothing where the world has been reset meanwhile, or another process has told it."""
        seq, tries = due.event["seq"], due.tries + 1
        this = (telling.c.life == due.life) & (telling.c.told == due.told)
        if because and tries < self._pace.tries:
            again = round((self._clock() + self._pace.after(tries)) * 1000)
            connection.execute(telling.update().where(this).values(tries=tries, again_at=again))
            return
        told = telling.update().where(this).values(told=seq, tries=0, again_at=0)
        if connection.execute(told).rowcount and because:
            log.error("event %d was set aside after %d tries: %s", seq, tries, because)
            connection.execute(untold.insert(), {"seq": seq, "tries": tries, "because": because[:200]})
            newest = select(untold.c.seq).order_by(untold.c.seq.desc()).limit(SET_ASIDE)
            connection.execute(untold.delete().where(untold.c.seq.not_in(newest)))

    async def _transact(self, work: Callable[[Connection], T], *, writes: bool = False) -> T:
        engine = self._engine if writes else self._reader

        def done() -> T:
            with engine.begin() as connection:
                return work(connection)

        return await run_sync(done)


def _begin(connection: Connection) -> None:
    """What happened before there was a webhook is in list_events."""
    if connection.execute(select(telling)).first() is None:
        last = connection.scalar(select(func.max(events.c.seq))) or 0
        connection.execute(telling.insert(), {"id": 1, "life": secrets.token_hex(8), "told": last})


def _next_event(connection: Connection) -> Next | None:
    row = connection.execute(select(telling)).one()
    upcoming = select(events).where(events.c.seq > row.told).order_by(events.c.seq).limit(1)
    event = connection.execute(upcoming).mappings().first()
    return None if event is None else Next(row.life, row.told, row.tries, row.again_at / 1000, event)


def payload(event: RowMapping, tenant: str) -> dict[str, Any]:
    """`timestamp` is the world's time, like everything in it."""
    data = {name: event[name] for name in ("seq", "record_type", "record_id", "version", "actor")}
    whose = {"tenant": tenant} if tenant else {}
    changes = msgspec.json.decode(event["changes"])
    return {
        "type": event["type"],
        "timestamp": aware(event["at"]),
        "data": data | whose | {"changes": changes},
    }
