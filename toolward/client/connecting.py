"""One way in: the form of a target says how it is spoken to."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolward.client.client import Client
from toolward.client.retries import Retries
from toolward.errors import ConfigurationError
from toolward.outbound.reach import Reach
from toolward.types import ToolProvider

Opening = Callable[[], AbstractAsyncContextManager[ToolProvider]]

TIMEOUT = 30.0  # seconds


def connect(
    target: str | Sequence[str],
    *,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    networks: Sequence[str] = (),
    timeout: float = TIMEOUT,
    retries: Retries | None = None,
    idempotent: Collection[str] = (),
) -> Client:
    """A client of a tool server or a gateway; use it as `async with connect(…) as client`.

    | target | spoken |
    |---|---|
    | `grpc://HOST:PORT` | `toolward.v1`; agents and runs too |
    | `http://…/mcp`, `https://…/mcp` | MCP over Streamable HTTP |
    | `["toolserver", "calculator"]` | MCP over stdio with a process that is started for it |

    `token` proves who calls (over stdio nobody asks); `headers` go with every HTTP request; `networks` (as
    `10.0.0.0/8`, or `private`) are those that a name in the target may lead to beside public addresses; `env`
    (added to this process's own few that are safe to hand on) and `cwd` are a started process's. `timeout` is in
    seconds, for connecting and for every request that brings no other. `idempotent` names the tools whose calls
    may be repeated without harm: they, calls with a key, and what only reads are sent again, as `retries` says,
    where the far end was not reached.

    Raises ConfigurationError for a target of no such form.
    """
    opening = _opening(
        target, token=token, headers=headers, env=env, cwd=cwd, networks=networks, timeout=timeout
    )
    return Client(opening, timeout=timeout, retries=retries or Retries(), idempotent=idempotent)


def _opening(
    target: str | Sequence[str],
    *,
    token: str,
    headers: Mapping[str, str] | None,
    env: Mapping[str, str] | None,
    cwd: str | Path | None,
    networks: Sequence[str],
    timeout: float,
) -> Opening:
    if not isinstance(target, str):
        return _stdio(tuple(target), env, cwd, timeout)
    url, reach = urlsplit(target), Reach(networks)
    if url.scheme == "grpc" and url.netloc and url.path in ("", "/"):
        return lambda: _grpc(url.netloc, token, timeout, reach)
    if url.scheme in ("http", "https") and url.netloc:
        return lambda: _mcp(
            target, token=token, headers=headers, reach=reach, connect=timeout, timeout=timeout
        )
    raise ConfigurationError(
        f"{target!r} is no target for a client.",
        hint="Write grpc://HOST:PORT, http://HOST:PORT/mcp, or a command as a list of words.",
    )


def _stdio(
    command: tuple[str, ...], env: Mapping[str, str] | None, cwd: str | Path | None, timeout: float
) -> Opening:
    if not command:
        raise ConfigurationError("An empty command is no target for a client.")

    def open_process() -> AbstractAsyncContextManager[ToolProvider]:
        from mcp import StdioServerParameters
        from mcp.client.stdio import get_default_environment

        process = StdioServerParameters(
            command=command[0],
            args=list(command[1:]),
            env=get_default_environment() | _kept() | dict(env or {}),
            cwd=cwd,
        )
        return _mcp(process, name=command[0], connect=timeout, timeout=timeout)

    return open_process


def _kept() -> dict[str, str]:
    """What a tool server of ours reads of its surroundings, but for secrets."""
    secret = ("TOKEN", "SECRET", "KEY", "PASSWORD")
    ours = {name: value for name, value in os.environ.items() if name.startswith("TOOLWARD_")}
    kept = {name: value for name, value in ours.items() if not any(word in name for word in secret)}
    path = os.environ.get("PYTHONPATH")
    return kept | ({"PYTHONPATH": path} if path else {})


def _grpc(
    address: str, token: str, timeout: float, reach: Reach
) -> AbstractAsyncContextManager[ToolProvider]:
    from toolward.client.grpc import GrpcClient

    return GrpcClient(address, token, timeout=timeout, reach=reach)


def _mcp(target: Any, **given: Any) -> AbstractAsyncContextManager[ToolProvider]:
    from toolward.client.mcp import McpClient  # brings the SDK: for those who need it

    return McpClient(target, **given)
