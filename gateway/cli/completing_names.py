"""Names for completion: of what the configuration says, and of what the running gateway has."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gateway.cli.output import shorten
from gateway.cli.running import running
from gateway.cli.session import Common, settings_of
from gateway.config.agents import load_agents
from gateway.config.settings import Settings
from toolward.errors import ToolwardError

SECONDS = 1.0
"""Nobody waits longer for names."""

_SHOWN = 60

Names = list[tuple[str, str]]


def names(kind: str) -> Names:
    """What there is of this kind, with what to say of each; nothing where that cannot be found out."""
    try:
        settings, home = settings_of(Common())
        if kind in _CONFIGURED:
            return _CONFIGURED[kind](settings)
        path, of = _ASKED[kind]
        return asyncio.run(_asked(settings, home, path, of))
    except (ToolwardError, TimeoutError):
        return []


async def _asked(
    settings: Settings, home: Path, path: str, of: Callable[[Any], Iterable[tuple[str, str]]]
) -> Names:
    async with asyncio.timeout(SECONDS), running(settings, home) as gateway:
        return [(name, shorten(said, _SHOWN)) for name, said in of(await gateway.get(path))]


_CONFIGURED: dict[str, Callable[[Settings], Names]] = {
    "backend": lambda settings: [(one.name, one.address) for one in settings.backends],
    "agent": lambda settings: [
        (one.name, one.description) for one in load_agents(settings.agents, settings.endpoints)
    ],
    "model": lambda settings: [(name, "") for name in settings.endpoints],
}
_ASKED: dict[str, tuple[str, Callable[[Any], Iterable[tuple[str, str]]]]] = {
    "tool": ("/v1/tools", lambda said: ((one["name"], one.get("description", "")) for one in said["tools"])),
    "run": (
        "/v1/runs",
        lambda said: ((one["id"], f"{one['state']}: {one['input']}") for one in said["runs"]),
    ),
    "request": (
        "/v1/input-requests",
        lambda said: ((one["id"], one["prompt"]) for one in said["input_requests"]),
    ),
}
