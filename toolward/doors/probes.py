"""What a process answers over HTTP beside its work: `/healthz` (it lives), `/readyz` (send it work), `/metrics`,
and where tokens come from. The first two answer anybody: a probe has no token, and calls by any name it likes."""

from collections.abc import Callable
from typing import Any

import msgspec

from toolward.auth import Authenticate, proven
from toolward.doors.admittance import PEER, address_of
from toolward.doors.origin import Origins
from toolward.doors.replies import refuse, reply
from toolward.doors.terms import Terms
from toolward.errors import Denied, ToolwardError
from toolward.telemetry.metrics import CONTENT_TYPE
from toolward.types import Principal

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class Probes:
    """An ASGI application for `paths`. Metrics are for every proven caller, or for those with `role` who `may`."""

    def __init__(
        self,
        terms: Terms,
        authenticate: Authenticate,
        origins: Origins,
        *,
        role: str = "",
        may: Callable[[Principal], bool] = lambda _: True,
    ) -> None:
        self._terms, self._authenticate, self._origins = terms, authenticate, origins
        self._role, self._may = role, may
        self._metadata = frozenset[str]() if terms.protected is None else terms.protected.paths
        self.paths = PATHS | self._metadata

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/healthz":
            await reply(send, 200, b'{"status":"ok"}')
        elif path == "/readyz":
            state = self._terms.readiness.state
            await reply(send, 200 if state == "ready" else 503, msgspec.json.encode({"status": state}))
        elif path in self._metadata and self._terms.protected is not None:
            await self._tell(scope, send, self._terms.protected.document)
        else:
            await self._metrics(scope, send)

    async def _tell(self, scope: Any, send: Any, document: bytes) -> None:
        """To everyone who calls us by our names."""
        try:
            self._origins.check(_headers(scope))
        except ToolwardError as error:
            await refuse(send, error)
            return
        await reply(send, 200, document)

    async def _metrics(self, scope: Any, send: Any) -> None:
        """They name tools, so they are for those who may call them."""
        headers = _headers(scope)
        headers[PEER] = address_of(scope)
        try:
            self._origins.check(headers)
            principal = await proven(self._authenticate, headers)
            if self._role and self._role not in principal.roles:
                raise Denied(f"Metrics are for callers with the role {self._role}.")
            if not self._may(principal):
                raise Denied("Metrics are not among what the caller's scopes are for.")
        except ToolwardError as error:
            await refuse(send, error, self._terms.challenge(headers))
            return
        await reply(send, 200, self._terms.entrance.metrics(), CONTENT_TYPE)


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
