"""Ours, as `toolward up` makes it, without its doors: `python ours.py ENDPOINT-URL TOOLS-URL`.

A configuration file of its own, the ledger in a file of its own (on disk before it counts), policy, validation,
the agent's runs. The folder goes with the process.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop

from benchmarks.loop.measuring import obey
from gateway.bootstrap import Gateway, local_person, open_gateway
from gateway.config.parse import read_settings
from toolward.types import RunState

TURNS = (10, 50, 200)
BEYOND = 1_000_000  # every event

_SETTINGS = """
version: 1
backends:
  desk: {{url: {tools}, facts: {{"*": {{changes: false, idempotent: true}}}}}}
models:
{models}
agents: [agents]
policies: [policy.yaml]
"""
_MODEL = """  turns-{turns}:
    {{wire: openai_chat, stream: false, base_url: {endpoint}, model: "scripted/{turns}/desk__look_0"}}"""
_POLICY = """
version: 1
rules:
  - {id: reading, principals: ["role:operator"], tools: ["desk.*"], effect: allow}
  - {id: at-home, principals: ["role:operator"], operations: ["*"], effect: allow}
"""
_AGENT = """
name: turns-{turns}
instructions: You look orders up, one after the other, and say what became of them.
tools: ["desk.*"]
tool_search: 0
model: turns-{turns}
limits: {{turns: {most}, calls: {most}}}
"""


def configure(folder: Path, endpoint: str, tools: str) -> Path:
    """The configuration file."""
    (folder / "agents").mkdir()
    for turns in TURNS:
        (folder / "agents" / f"turns-{turns}.yaml").write_text(_AGENT.format(turns=turns, most=turns + 5))
    (folder / "policy.yaml").write_text(_POLICY)
    models = "\n".join(_MODEL.format(turns=turns, endpoint=endpoint) for turns in TURNS)
    file = folder / "toolward.yaml"
    file.write_text(_SETTINGS.format(tools=tools, models=models))
    return file


async def run(gateway: Gateway, turns: int) -> str:
    """Started, and waited for by a client that wants the answer and no events."""
    who = local_person(gateway.settings)
    started = await gateway.runs.start_run(who, f"turns-{turns}", "What became of my orders?")
    async for _ in gateway.runs.watch_run(who, started.id, after=BEYOND):
        pass
    ended = await gateway.runs.get_run(who, started.id)
    return ended.answer if ended.state is RunState.COMPLETED else f"{ended.error_code}: {ended.error_message}"


async def main(endpoint: str, tools: str) -> None:
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        settings = read_settings(configure(Path(folder), endpoint, tools))
        async with open_gateway(settings, Path(folder) / "home", environment={}) as gateway:
            await gateway.take_up_runs()
            await obey(lambda turns: run(gateway, turns))


if __name__ == "__main__":
    (asyncio if "--asyncio" in sys.argv else uvloop).run(main(*sys.argv[1:3]))
