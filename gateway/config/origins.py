"""How each backend is started or reached, as the operator wrote it: what `tools.lock` pins beside the tools.

References stand for themselves, so no secret is in it; queries of URLs are left out, since keys hide there.
"""

import os
from pathlib import Path

from gateway.config import builtin
from gateway.config.secrets import as_written
from gateway.config.settings import Settings
from gateway.core.lock import Origins
from gateway.core.spec import GrpcSpec, HttpSpec, Launch, Spec, StdioSpec
from toolward.types import JsonObject


def origins(settings: Settings) -> Origins:
    """By name of backend."""
    return {spec.name: _origin(spec, settings) for spec in settings.backends}


def _origin(spec: Spec, settings: Settings) -> JsonObject:
    if settings.source == builtin.SOURCE:  # its interpreter and its ports are those of this start
        return {"built_in": spec.name}
    folder = settings.lock_file.parent if settings.lock_file else None
    match spec:
        case StdioSpec(launch=launch):
            return {"command": _command(launch)} | _place(launch, folder)
        case HttpSpec(url=url, start=start):
            found: JsonObject = {"url": as_written(url).partition("?")[0]}
        case GrpcSpec(target=target, start=start):
            found = {"grpc": as_written(target)}
    return found if start is None else found | {"start": _command(start)} | _place(start, folder)


def _command(launch: Launch) -> list[str]:
    return [as_written(word) for word in launch.command]


def _place(launch: Launch, folder: Path | None) -> JsonObject:
    """Another folder is another program where the command is relative. Below the configuration it is written
    relative to that, so that a checkout elsewhere is the same."""
    if launch.cwd is None:
        return {}
    if folder is not None and launch.cwd.is_relative_to(folder):
        return {"cwd": os.fspath(launch.cwd.relative_to(folder))}
    return {"cwd": os.fspath(launch.cwd)}
