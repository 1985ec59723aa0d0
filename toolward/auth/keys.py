"""The public keys of an identity provider (a JWK set, RFC 7517), from a file or a URL, kept in memory.

A key is looked up without waiting. The set is read again in the background when it is old; and at once, while the
caller waits, when a token names a key that is not in it: that is how providers rotate their keys.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from toolward.auth.discovery import Discovered
from toolward.auth.published import check_address, get
from toolward.errors import ConfigurationError, ToolwardError, Unavailable
from toolward.outbound.egress import shown
from toolward.outbound.reach import PUBLIC, Reach

log = logging.getLogger(__name__)

FRESH = 300.0
"""Seconds after which a set is read again, in the background."""

KEPT = 24 * 3600.0
"""Seconds for which a set is used while it cannot be read again."""

COOLDOWN = 10.0
"""Seconds between two readings: made-up names of keys must not make us flood the provider."""

PublicKey = RSAKey | ECKey | OKPKey
Fetch = Callable[[], Awaitable[bytes]]


class Keys:
    """Keys by their `kid`; where a set has one key only, that is also the key of tokens that name none."""

    def __init__(self, where: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        """`where` names the set in errors."""
        self._where, self._fetch, self._clock = where, fetch, clock
        self._keys: dict[str | None, PublicKey] = {}
        self._read_at = self._tried_at = float("-inf")
        self._problem = ""
        self._reading: asyncio.Task[None] | None = None

    def find(self, kid: str | None) -> PublicKey | None:
        """What is known now."""
        age = self._clock() - self._read_at
        key = self._keys.get(kid) if age <= KEPT else None
        if key is not None and age > FRESH and self._may_read():
            self._start()
        return key

    async def look(self, kid: str | None) -> PublicKey | None:
        """`find`, after reading the set again. Raises Unavailable where there is no set to look into."""
        if self._reading is not None or self._may_read():
            await asyncio.shield(self._start())
        if self._clock() - self._read_at > KEPT:
            raise Unavailable(
                f"The keys that tokens are checked with cannot be had from {self._where}: {self._problem}.",
                hint="Try again soon.",
                retry_after=COOLDOWN,
            )
        return self._keys.get(kid)

    def _may_read(self) -> bool:
        return self._clock() - self._tried_at >= COOLDOWN

    def _start(self) -> asyncio.Task[None]:
        """The reading that is under way, or a new one: callers who wait share it."""
        if self._reading is None:
            self._tried_at = self._clock()
            self._reading = asyncio.get_running_loop().create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            self._keys = read_keys(await self._fetch())
            self._read_at, self._problem = self._clock(), ""
        except ToolwardError as error:
            self._problem = error.message.rstrip(".")
            log.warning("the keys at %s cannot be read: %s", self._where, self._problem)
        finally:
            self._reading = None


def read_keys(raw: bytes) -> dict[str | None, PublicKey]:
    """The signature keys of a JWK set. Raises Unavailable for what is none: it may be mended at any time."""
    try:
        value: Any = msgspec.json.decode(raw, type=dict[str, Any])
        found = KeySet.import_key_set(value).keys
    except (msgspec.DecodeError, JoseError, KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"it is no JWK set: {type(error).__name__}") from None
    usable = [
        key  # a shared secret or a key for encryption signs nothing that we take
        for key in found
        if isinstance(key, PublicKey) and key.get("use") in (None, "sig")
    ]
    if not usable:
        raise Unavailable("it has no key that signatures can be checked with")
    keys: dict[str | None, PublicKey] = {key.kid: key for key in usable if key.kid}
    if len(usable) == 1:
        keys[None] = usable[0]
    return keys


def keys_at(where: str, reach: Reach = PUBLIC) -> Keys:
    """`where` is a path or a URL: https, or http on loopback; `reach` says where its name may
    lead. Raises ConfigurationError."""
    if urlsplit(where).scheme not in ("http", "https"):
        return Keys(where, _reading(Path(where)))
    check_address(where, "The keys at")
    return Keys(shown(where), partial(get, where, reach))


def keys_of(issuer: str, reach: Reach = PUBLIC) -> Keys:
    """Those that the issuer's metadata names. Raises ConfigurationError where it cannot have any."""
    return Keys(shown(issuer), Discovered(issuer, reach))


def _reading(path: Path) -> Fetch:
    """Raises ConfigurationError, now, where there is no such file."""
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path} with the keys of tokens.", hint="Check the path.")

    async def fetch() -> bytes:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise Unavailable(f"it cannot be read: {error.strerror}") from None

    return fetch
