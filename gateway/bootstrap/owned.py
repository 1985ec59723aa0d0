"""With workers: which backends the supervisor owns, since one process alone may start them, and how a worker
reaches those instead. No I/O.

A server on a socket is reached as ever, by the token that the supervisor chose for it. A server on stdio has one
client, so the supervisor offers it anew, over MCP on loopback (`relay`): that carries all that such a server has.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from gateway.config.difference import AT_START
from gateway.config.settings import Settings
from gateway.core.spec import HttpSpec, Quiet, Spec, StdioSpec
from toolward.errors import ConfigurationError

Reached = Callable[[Iterable[Spec]], tuple[Spec, ...]]
"""How configured backends are reached from here. Raises ConfigurationError."""


class Handed(Quiet, frozen=True, kw_only=True):
    """What a worker is told of one owned backend: the digest of its configuration, the token and the principal key
    to use; of one on stdio the `port` on loopback of the relay in front of it."""

    digest: str
    token: str
    key: str = ""
    port: int = 0


def as_configured(specs: Iterable[Spec]) -> tuple[Spec, ...]:
    """For a gateway that starts its backends itself."""
    return tuple(specs)


def is_owned(spec: Spec) -> bool:
    """Whether this gateway starts it."""
    return isinstance(spec, StdioSpec) or spec.start is not None


def with_secrets(spec: Spec, secret: Callable[[], str]) -> Spec:
    """An owned backend with what several processes must know of it; `secret` makes a new one. Else a server that is
    started would get another token and another key at each start."""
    if isinstance(spec, StdioSpec):
        return spec
    return msgspec.structs.replace(
        spec,
        token=spec.token or ("" if spec.oauth else secret()),
        principal_key=spec.principal_key or (secret() if spec.on_behalf_of else ""),
    )


def hand(configured: Spec, started: Spec) -> Handed:
    """Of a server on a socket; `started` is `with_secrets` of it."""
    if isinstance(started, StdioSpec):
        raise TypeError("a server on stdio is handed on by its relay")
    return Handed(digest=spec_digest(configured), token=started.token, key=started.principal_key)


def hand_relay(configured: StdioSpec, token: str, key: str, port: int) -> Handed:
    return Handed(digest=spec_digest(configured), token=token, key=key, port=port)


def reached_by(handed: Mapping[str, Handed]) -> Reached:
    """For a worker that was told this, by name of backend. What is new or differs among the owned ones is refused,
    since their processes are those of the supervisor's configuration; one that is gone is simply not used."""
    return lambda specs: tuple(map(partial(_reached, handed), specs))


def spec_digest(spec: Spec) -> str:
    """Of all that is configured of it, secrets too: it is told to nobody but workers."""
    return _digest([type(spec).__name__, spec])


def start_digest(settings: Settings) -> str:
    """Of all that only a restart puts in force: it must be the same for every worker, be it started later."""
    return _digest([getattr(settings, key) for key in AT_START])


def check_start(settings: Settings, digest: str) -> None:
    """Raises ConfigurationError where these are not of that `start_digest`."""
    if start_digest(settings) != digest:
        raise ConfigurationError(
            f"Of {', '.join(AT_START)} something has changed, which must be the same for all workers.",
            hint="Restart `toolward up` to put the configuration in force.",
        )


def _digest(value: Any) -> str:
    text = msgspec.json.encode(value, order="sorted", enc_hook=str)
    return hashlib.sha256(text).hexdigest()


def _reached(handed: Mapping[str, Handed], spec: Spec) -> Spec:
    if not is_owned(spec):
        return spec
    told = handed.get(spec.name)
    if told is None or told.digest != spec_digest(spec):
        what = "is new" if told is None else "has changed"
        raise ConfigurationError(
            f"The backend {spec.name} {what}, and workers start no servers: their supervisor does, once.",
            hint="Restart `toolward up` to put the configuration in force.",
        )
    if isinstance(spec, StdioSpec):
        return HttpSpec(
            name=spec.name,
            address=spec.address,
            url=f"http://127.0.0.1:{told.port}/mcp",
            token=told.token,
            timeout=spec.timeout,
            concurrency=spec.concurrency,
            queue=spec.queue,
            on_behalf_of=spec.on_behalf_of,
            principal_key=told.key,
            relays=True,
        )
    return msgspec.structs.replace(spec, start=None, token=told.token, principal_key=told.key)
