"""Webhooks: small JSON bodies to addresses that the configuration names, over the one road out.

Signed as Standard Webhooks (standardwebhooks.com) says, so that libraries for it check them: HMAC-SHA256 over
`ID.TIMESTAMP.BODY` in `webhook-signature`, the timestamp in Unix seconds.
"""

import base64
import binascii
import hashlib
import hmac
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Literal, NamedTuple, Self
from urllib.parse import urlsplit

from gateway.core.spec import ReminderSpec
from toolward.errors import DeadlineExceeded, InvalidResult, ToolwardError
from toolward.outbound.connection import Interrupted
from toolward.outbound.pool import Pool
from toolward.outbound.reach import Reach

TIMEOUT = 10.0
"""Seconds for one webhook, connecting included."""

_MAX_REPLY = 64 * 1024


class Delivery(NamedTuple):
    """`failed`: it did not arrive, or was refused. `unknown`: the answer is missing, so it may have arrived."""

    outcome: Literal["sent", "failed", "unknown"]
    problem: str = ""


class Webhooks:
    """Use it as an async context manager: leaving it closes the connections."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, tuple[str, ...]], Pool] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def post(self, spec: ReminderSpec, delivery_id: str, at: int, body: bytes) -> Delivery:
        """Raises nothing. `at` is the time that is signed, in Unix seconds. Redirects are not followed."""
        url = urlsplit(spec.url)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            pool = await self._pool(spec)
            reply = await pool.request(
                "POST",
                path,
                signed(spec.secret, delivery_id, at, body),
                body,
                timeout=TIMEOUT,
                idempotent=False,
            )
        except (Interrupted, DeadlineExceeded, InvalidResult) as error:
            return Delivery("unknown", error.message)
        except ToolwardError as error:
            return Delivery("failed", error.message)
        if 200 <= reply.status < 300:
            return Delivery("sent")
        return Delivery("failed", f"It answers with HTTP {reply.status}.")

    async def _pool(self, spec: ReminderSpec) -> Pool:
        key = spec.url, spec.networks
        if (pool := self._pools.get(key)) is None:
            made = Pool(spec.url, limit=1, max_body=_MAX_REPLY, reach=Reach(spec.networks))
            pool = self._pools[key] = await self._stack.enter_async_context(made)
        return pool


def signed(secret: str, delivery_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of one webhook."""
    content = b".".join((delivery_id.encode(), str(at).encode(), body))
    mac = base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "user-agent": "toolward",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{mac}",
    }


def _key(secret: str) -> bytes:
    """What stands behind `whsec_` is base64; any other secret is taken as it is."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
