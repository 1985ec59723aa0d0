"""API keys: `tw_PREFIX_SECRET`. The prefix is public, and finds the key; of the rest only a SHA-256 is kept.

A key is one text of letters and digits behind `tw_`, so that a double click takes all of it and scanners for lost
secrets know it. Here is no file, and no way to change one: see `gateway.config.keys`.
"""

import hashlib
import hmac
import math
import re
import secrets
import string
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from toolward.errors import Unauthenticated
from toolward.types import Principal

PREFIX_LENGTH = 12  # characters: about 71 bits, so that two never meet
SECRET_BYTES = 32
LONGEST_NAME = 128
MOST_ROLES = 64
MOST_SCOPES = 64
LONGEST_SCOPE = 256

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = math.ceil(SECRET_BYTES * 8 / math.log2(len(_ALPHABET)))
_FORM = re.compile(rf"tw_([0-9A-Za-z]{{{PREFIX_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}")

_Word = Annotated[
    str, msgspec.Meta(pattern=rf"\A[A-Za-z0-9][A-Za-z0-9_.@-]{{0,{LONGEST_NAME - 1}}}\Z")
]  # as in `principals:`
_Scope = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SCOPE)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept of a key: the digest of its whole text, whom it proves, and what it is good for (`scopes` as in
    `Principal`; None = not narrowed). Not before it was made, not from `expires` on, and not once it is revoked."""

    prefix: Annotated[str, msgspec.Meta(pattern=rf"\A[0-9A-Za-z]{{{PREFIX_LENGTH}}}\Z")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    owner: _Word
    roles: Annotated[tuple[_Word, ...], msgspec.Meta(max_length=MOST_ROLES)] = ()
    tenant: _Word = "default"
    scopes: Annotated[tuple[_Scope, ...], msgspec.Meta(max_length=MOST_SCOPES)] | None = None
    name: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] = ""
    created: _Time
    expires: _Time | None = None  # None = never
    revoked: _Time | None = None

    @property
    def principal(self) -> Principal:
        return Principal(self.owner, self.roles, self.tenant, self.scopes, self.prefix)

    def over(self, now: float) -> str:
        """Why the key is good for nothing at this time (Unix seconds); empty while it is good."""
        if self.revoked is not None:
            return "was revoked"
        if self.expires is not None and now >= self.expires.timestamp():
            return f"expired at {self.expires.isoformat(timespec='seconds')}"
        return ""


class Minted(NamedTuple):
    """A new key's text, which nobody can be shown again, and the parts that are kept."""

    text: str
    prefix: str
    sha256: str


def mint(random: Callable[[int], bytes] = secrets.token_bytes) -> Minted:
    """A new key of so many `random` bytes."""
    prefix = _written(random(SECRET_BYTES), _SECRET_LENGTH)[-PREFIX_LENGTH:]
    text = f"tw_{prefix}_{_written(random(SECRET_BYTES), _SECRET_LENGTH)}"
    return Minted(text, prefix, hashlib.sha256(text.encode()).hexdigest())


def looks_like_key(token: str) -> bool:
    """Whether it can be nothing but an API key, known or not."""
    return _FORM.fullmatch(token) is not None


class ApiKeys:
    """Known keys. One is looked up by its prefix and compared once, in constant time; where there is none, with
    a digest that nothing has. So it costs the same with however many keys, and a miss what a hit does."""

    def __init__(self, keys: Iterable[ApiKey] = (), clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._by_prefix = {key.prefix: (key, bytes.fromhex(key.sha256), key.principal) for key in keys}
        ends = (key.expires.timestamp() for key, _, _ in self._by_prefix.values() if key.expires is not None)
        self._ends = sorted(ends)

    def __len__(self) -> int:
        return len(self._by_prefix)

    def principal(self, token: str) -> Principal:
        """Whom the key proves. Raises Unauthenticated; that it is over is told only to who has the whole key."""
        form = _FORM.fullmatch(token)
        found = self._by_prefix.get(form[1]) if form is not None else None
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        same = hmac.compare_digest(digest, _NO_DIGEST if found is None else found[1])
        if found is None or not same:
            raise Unauthenticated("The API key is not known here.", hint="Check that all of it was sent.")
        key, _, principal = found
        if over := key.over(self._clock()):
            raise Unauthenticated(
                f"The API key {key.prefix} {over}.",
                hint="Have the operator make another: toolward key create.",
            )
        return principal

    def holder(self, prefix: str) -> Principal | None:
        """Whom the key of this prefix proves; None where there is none that is good now."""
        found = self._by_prefix.get(prefix)
        return None if found is None or found[0].over(self._clock()) else found[2]

    def next_end(self, after: float) -> float:
        """When the next key behind this time (Unix seconds) expires; infinity where none does."""
        index = bisect_right(self._ends, after)
        return self._ends[index] if index < len(self._ends) else math.inf


_NO_DIGEST = bytes(hashlib.sha256().digest_size)


def _written(raw: bytes, length: int) -> str:
    """As a number to the base of 62, with leading zeros."""
    number, digits = int.from_bytes(raw), ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
