"""By which token of an identity provider somebody proved who they are: the newest one, for as long as it is good.

Where a backend is called in its caller's name (RFC 8693), it is exchanged for one of that backend's. In memory
only, never written, never shown, and sent to nobody but the token server that the configuration names.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from toolward.types import Principal

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

    def keep(self, principal: Principal, token: str, expires: float) -> None:
        """`token` has just proven that `principal` calls, and is good until `expires` (Unix seconds)."""
        if not self._wanted:
            return
        who = principal.tenant, principal.id
        self._kept[who] = (token, expires)
        self._kept.move_to_end(who)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def find(self, principal: Principal) -> str:
        """Empty where there is none."""
        who = principal.tenant, principal.id
        token, expires = self._kept.get(who, ("", 0.0))
        if self._clock() < expires:
            return token
        self._kept.pop(who, None)
        return ""
