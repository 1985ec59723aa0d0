"""A `toolward.yaml` to begin with: what holds where there is none, written out."""

import json
from pathlib import Path

from gateway.config.builtin import FACTS, builtin_settings
from gateway.core.spec import GrpcSpec, Launch, Spec, StdioSpec
from toolward.types import Json


def starting_file(home: Path) -> str:
    """The tool servers that come along, as this installation starts them; models, agents and policies are left to
    the built-in ones."""
    rows = ["# Made by toolward. What may stand here: docs/configuration.md", "version: 1", "backends:"]
    for spec in builtin_settings(home).backends:
        rows.append(f"  {spec.name}:")
        rows += [f"    {key}: {json.dumps(value)}" for key, value in _entry(spec).items()]
        rows.append("    facts:")
        rows += [
            f"      {json.dumps(tool)}: {json.dumps(facts)}" for tool, facts in _facts(spec.name).items()
        ]
    rows += ["principals:", "  - {id: local, roles: [operator]}", ""]
    return "\n".join(rows)


def _entry(spec: Spec) -> dict[str, Json]:
    if isinstance(spec, StdioSpec):
        reached: dict[str, Json] = {"command": list(spec.launch.command)}
        launch: Launch | None = spec.launch
    else:
        launch = spec.start
        reached = {"grpc": spec.target} if isinstance(spec, GrpcSpec) else {"url": spec.url}
        reached["start"] = [] if launch is None else list(launch.command)
    if launch is not None and launch.env:
        reached["env"] = dict(launch.env)
    return {**reached, "on_behalf_of": spec.on_behalf_of}


def _facts(backend: str) -> dict[str, Json]:
    return {
        name.partition(".")[2]: {
            "changes": one.changes,
            "idempotent": one.idempotent,
            "keeps_keys": one.keeps_keys,
        }
        for name, one in FACTS.items()
        if name.partition(".")[0] == backend
    }
