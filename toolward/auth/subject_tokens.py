"""By which token of an identity provider somebody proved who they are: the newest one, for as long as it is good.

Where a backend is called in its caller's name (RFC 8693), it is exchanged for one of that backend's. In memory
only, never written, never shown, and sent to nobody but the token server that the configuration names.
"""

import base64
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from toolward.types import Principal

_NONE = ("", 0.0)

MOST = 10_000
"""Callers whose tokens are kept; who was there longest ago goes first."""


class SubjectTokens:
    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._most, self._clock = most, clock
        self._kept: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        self._wanted = False

    def want(self, wanted: bool) -> None:
        """Whether anybody is going to ask; until then, and from then on, nothing is kept."""
        self._wanted = wanted
        if not wanted:
            self._kept.clear()

    def keep(self, principal: Principal, token: str) -> None:
        """`token`, a JWT, has just proven that `principal` calls. To be told of every proof: the newest counts."""
        if not self._wanted:
            return
        who = principal.tenant, principal.id
        if self._kept.get(who, _NONE)[0] != token:
            self._kept[who] = (token, _expiry(token))
        self._kept.move_to_end(who)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def find(self, principal: Principal) -> str:
        """Empty where there is none."""
        who = principal.tenant, principal.id
        token, expires = self._kept.get(who, _NONE)
        if self._clock() < expires:
            return token
        self._kept.pop(who, None)
        return ""


class _Claims(msgspec.Struct):
    exp: float = 0.0


def _expiry(token: str) -> float:
    """In Unix seconds, of a JWT that was verified; 0, long ago, where it cannot be read."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=_Claims).exp
    except (ValueError, msgspec.DecodeError):
        return 0.0
