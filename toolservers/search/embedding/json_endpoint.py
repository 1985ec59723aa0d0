"""POST of JSON to an endpoint of the operator's, as models' servers offer them: retried and bounded, and what went
wrong in the words of our error tree."""

import asyncio
import math
import random
from typing import NamedTuple
from urllib.parse import urlsplit

from toolservers.search.embedding.port import TextsRefused
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidResult,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)
from toolward.outbound.egress import Origin, shown
from toolward.outbound.pool import Pool
from toolward.outbound.reach import Reach, is_literal, is_localhost
from toolward.outbound.replies import Response
from toolward.outbound.token_server import is_safe

MAX_REPLY = 32 * 1024 * 1024
"""Bytes: some hundreds of vectors of 4,096 numbers."""

_FIRST_WAIT = 0.2  # seconds, doubled after each try
_REFUSED = frozenset((400, 413, 422))
_SAID = 200  # characters of a refusal that are repeated


class Patience(NamedTuple):
    """How long an answer is waited for. Embedding changes nothing, so that it may be asked for again."""

    tries: int
    timeout: float
    """Seconds a try."""
    longest_wait: float
    """Seconds between two tries, even where the server asks for more."""


WITH_SOMEBODY_WAITING = Patience(2, 5.0, 0.5)
BEHIND = Patience(5, 60.0, 30.0)


class JsonEndpoint:
    """One URL. A redirect is not followed; `key` goes along as a bearer token."""

    def __init__(self, url: str, *, key: str = "", networks: str = "", key_variable: str = "") -> None:
        """`networks` with commas, as `Reach` takes them; `key_variable` is named where the key is refused. Raises
        ConfigurationError, also for a key, or texts, that would go over plain http to elsewhere."""
        parts, origin = urlsplit(url), Origin.of(url)
        reach = Reach(tuple(word.strip() for word in networks.split(",") if word.strip()))
        if key and not is_safe(url):
            raise ConfigurationError(f"{shown(url)} would get a secret over plain http.", hint="Use https.")
        if origin.scheme == "http" and not (is_literal(origin.host) or is_localhost(origin.host) or networks):
            raise ConfigurationError(
                f"{shown(url)} would get the documents' texts over plain http.", hint="Use https."
            )
        self.where = shown(url)
        self._key_variable = key_variable
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"accept": "application/json", "content-type": "application/json"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._pool = Pool(url, limit=4, max_body=MAX_REPLY, reach=reach)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def post(self, body: bytes, patience: Patience) -> bytes:
        """The reply's body. Raises TextsRefused, Unauthenticated, Unavailable, DeadlineExceeded, InvalidResult,
        Denied."""
        for attempt in range(1, patience.tries + 1):
            wait = min(_FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.5, 1), patience.longest_wait)  # noqa: S311
            try:
                reply = await self._pool.request(
                    "POST", self._path, self._headers, body, timeout=patience.timeout, idempotent=True
                )
            except (Unavailable, DeadlineExceeded):
                if attempt == patience.tries:
                    raise
            else:
                if reply.status == 200:
                    return reply.body
                if not _may_pass(reply.status) or attempt == patience.tries:
                    raise self._failure(reply)
                wait = min(max(wait, _retry_after(reply)), patience.longest_wait)
            await asyncio.sleep(wait)
        raise Unavailable(f"{self.where} did not answer.")  # not reached: the last try returns or raises

    def _failure(self, reply: Response) -> ToolwardError:
        said = _said(reply.body)
        if reply.status in _REFUSED:
            return TextsRefused(f"{self.where} refuses what it was sent (HTTP {reply.status}){said}.")
        if reply.status in (401, 403):
            return Unauthenticated(
                f"{self.where} refuses our key (HTTP {reply.status}){said}.",
                hint=f"The operator sets {self._key_variable}." if self._key_variable else "",
            )
        if reply.status == 404:
            return Unavailable(
                f"{self.where} is not there, or has no such model (HTTP 404){said}.",
                hint="The operator's settings name the URL and the model.",
            )
        if _may_pass(reply.status):
            return Unavailable(
                f"{self.where} cannot answer now (HTTP {reply.status}){said}.",
                retry_after=_retry_after(reply) or None,
            )
        return InvalidResult(f"{self.where} answered HTTP {reply.status}{said}.")


def _may_pass(status: int) -> bool:
    return status in (408, 425, 429) or status >= 500


def _retry_after(reply: Response) -> float:
    """Seconds; 0 where it does not say, or says a date."""
    try:
        seconds = float(reply.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _said(body: bytes) -> str:
    """The beginning of what the server says, on one line."""
    text = " ".join(body[: 4 * _SAID].decode(errors="replace").split())
    plain = "".join(sign for sign in text if sign.isprintable())[:_SAID]
    return f": {plain}" if plain else ""
