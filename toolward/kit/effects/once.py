"""A call with a key takes effect once: a repeat gets the first result."""

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic
from weakref import WeakValueDictionary

import msgspec

from toolward.errors import Conflict, InvalidRequest, ToolError, ToolwardError
from toolward.kit.effects.elsewhere import Effect, Evidence, NotDone, read_evidence
from toolward.kit.effects.port import MAX_KEY, CallKey, ConnectionT, EffectStore, Kept
from toolward.kit.effects.writing import Transaction, Writer
from toolward.types import JsonObject, Principal, ToolCall, ToolResult

log = logging.getLogger(__name__)

DAY = 24 * 3600.0

STEP = 200
"""Expired keys that are removed at once at most: the time for which a call may have to wait."""

PAUSE = 1.0
REST = 60.0
"""Seconds between two steps while there is more to remove, and when there is not."""


class KeyedCall(msgspec.Struct, frozen=True):
    """A call as a repeat is recognised. `key` is None for a call without one, which is never a repeat."""

    tool: str
    key: CallKey | None
    digest: str = ""


def keyed(principal: Principal, call: ToolCall, arguments: JsonObject) -> KeyedCall:
    """Raises InvalidRequest for a key that is too long."""
    if not call.idempotency_key:
        return KeyedCall(call.name, None)
    if len(call.idempotency_key) > MAX_KEY:
        raise InvalidRequest(
            f"The idempotency key is longer than {MAX_KEY} characters.", hint="Use a shorter one."
        )
    key = CallKey(principal.tenant, principal.id, call.name, call.idempotency_key)
    text = msgspec.json.encode(arguments, order="deterministic")
    return KeyedCall(call.name, key, hashlib.sha256(text).hexdigest())


class Effects(Generic[ConnectionT]):
    """What a server's tools change, over one EffectStore. `keep_for` is for how many seconds a key is kept."""

    def __init__(
        self,
        store: EffectStore[ConnectionT],
        *,
        keep_for: float = DAY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._keep_for = keep_for
        self._clock = clock
        self._writer = Writer(store)
        self._removing: asyncio.Task[None] | None = None
        self._locks: WeakValueDictionary[CallKey, asyncio.Lock] = WeakValueDictionary()

    async def close(self) -> None:
        """Call it when no call is under way any more."""
        if self._removing is not None:
            self._removing.cancel()
            await asyncio.wait([self._removing])
        await self._writer.close()

    # --- effects in the database

    async def change(
        self, call: KeyedCall, function: Callable[[Transaction[ConnectionT]], Awaitable[ToolResult]]
    ) -> ToolResult:
        """The result of `function`, whose effect, key and result are committed together.

        Raises Conflict where the key was used with other arguments, Unavailable where the database fails, and
        what `function` raises; then nothing was changed.
        """
        self._start()
        async with self._writer.opened() as opened:
            connection, kept = await opened.begin(lambda connection: self._find(connection, call))
            if kept is not None:
                return _first_result(call, kept)
            transaction = Transaction(connection, self._writer)
            try:
                result = await function(transaction)
            finally:
                transaction.end()
            await opened.commit(lambda connection: self._settle(connection, call, result))
            return result

    # --- effects elsewhere

    async def perform(
        self,
        call: KeyedCall,
        kind: type[Evidence[Any]],
        function: Callable[[Effect[Any]], Awaitable[ToolResult]],
        recover: Callable[[Evidence[Any]], Awaitable[ToolResult | NotDone]],
    ) -> ToolResult:
        """The result of `function`, or of `recover` where the first call's outcome is not known.

        Raises what `change` raises; then, unless it is a ToolError, there may be an effect.
        """
        if call.key is None:
            return await function(Effect())
        self._start()
        async with self._locks.setdefault(call.key, asyncio.Lock()):
            kept = await self._writer.transact(lambda connection: self._find(connection, call))
            if kept is not None:
                if kept.result is not None:
                    return _first_result(call, kept)
                recovered = await recover(_evidence_of(call, kept, kind))
                if isinstance(recovered, ToolResult):
                    await self._keep(call, recovered)
                    return recovered
                await self._writer.transact(lambda connection: self._forget(connection, call, kept))
            return await self._first(call, function)

    async def _first(
        self, call: KeyedCall, function: Callable[[Effect[Any]], Awaitable[ToolResult]]
    ) -> ToolResult:
        noted: Kept | None = None

        async def note(evidence: bytes) -> None:
            nonlocal noted
            before = noted
            noted = await self._writer.transact(
                lambda connection: self._note(connection, call, before, evidence)
            )

        try:
            result = await function(Effect(note))
        except ToolError:
            if (row := noted) is not None:
                await self._writer.transact(lambda connection: self._forget(connection, call, row))
            raise
        await self._keep(call, result)
        return result

    async def _keep(self, call: KeyedCall, result: ToolResult) -> None:
        """The effect is there: a caller must hear of it, even if a repeat will have to go by the evidence."""
        try:
            await self._writer.transact(lambda connection: self._settle(connection, call, result))
        except ToolwardError as error:
            log.error("the result of a call of %s was not kept: %s", call.tool, error.text)

    # --- in the writing thread

    def _find(self, connection: ConnectionT, call: KeyedCall) -> Kept | None:
        kept = None if call.key is None else self._store.find(connection, call.key)
        return kept if kept is not None and kept.expires_at > self._now_ms() else None

    def _note(
        self, connection: ConnectionT, call: KeyedCall, before: Kept | None, evidence: bytes
    ) -> Kept | None:
        """`before` is what this attempt has noted until now; the row must be just that."""
        if call.key is None:
            return None
        if self._find(connection, call) != before:
            raise Conflict(
                f"The same call of {call.tool} is under way in another process.",
                hint="Repeat it later for its result.",
            )
        noted = Kept(call.digest, self._expiry(), evidence=evidence, attempt=os.urandom(8).hex())
        self._store.keep(connection, call.key, noted)
        return noted

    def _settle(self, connection: ConnectionT, call: KeyedCall, result: ToolResult) -> None:
        if call.key is not None:
            encoded = msgspec.msgpack.encode(result)
            self._store.keep(connection, call.key, Kept(call.digest, self._expiry(), encoded))

    def _forget(self, connection: ConnectionT, call: KeyedCall, row: Kept) -> None:
        if call.key is not None and self._find(connection, call) == row:
            self._store.forget(connection, call.key)

    # --- time

    def _start(self) -> None:
        if self._removing is None:
            self._removing = asyncio.create_task(self._remove_expired(), name="removing expired keys")

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)

    def _expiry(self) -> int:
        return self._now_ms() + round(self._keep_for * 1000)

    async def remove_some_expired(self) -> int:
        """One bounded step; how many keys were removed."""
        return await self._writer.transact(
            lambda connection: self._store.expire(connection, self._now_ms(), STEP)
        )

    async def _remove_expired(self) -> None:
        while True:
            try:
                more = await self.remove_some_expired() == STEP
            except Exception as error:  # a busy database must not end the housekeeping
                log.warning("expired keys could not be removed: %s", error)
                more = False
            await asyncio.sleep(PAUSE if more else REST)


def _evidence_of(call: KeyedCall, kept: Kept, kind: type[Evidence[Any]]) -> Evidence[Any]:
    _check_digest(call, kept)
    return read_evidence(kind, kept.evidence or b"{}")


def _first_result(call: KeyedCall, kept: Kept) -> ToolResult:
    _check_digest(call, kept)
    return msgspec.msgpack.decode(kept.result or b"", type=ToolResult)


def _check_digest(call: KeyedCall, kept: Kept) -> None:
    if kept.digest != call.digest:
        raise Conflict(
            f"The idempotency key was used for a call of {call.tool} with other arguments; nothing was done.",
            hint="Repeat that call with the same arguments, or take a new key for a new call.",
        )
