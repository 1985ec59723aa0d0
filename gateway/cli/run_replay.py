"""`toolward run replay`."""

import asyncio

import msgspec

from gateway.agent.replay import Difference
from gateway.cli.output import EXIT_FAILED, EXIT_OK, print_json, shorten
from gateway.cli.session import Common, open_session
from gateway.runs.trajectories import replayed, trajectory

_LONG = 500


def replay(run_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Let the recorded replies, outcomes and answers drive the agent's loop again."""
    return asyncio.run(_replay(run_id, common))


async def _replay(run_id: str, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        found = await trajectory(session.agents, session.principal, run_id)
    difference = replayed(found)
    if common.json:
        print_json({"run": run_id, "events": len(found.events), "difference": difference})
    elif difference is None:
        print(f"identical: {len(found.events)} events")
    else:
        tell(difference)
    return EXIT_OK if difference is None else EXIT_FAILED


def tell(found: Difference) -> None:
    """For people."""
    print(f"differs at event {found.seq} ({found.type})" + (f" in {found.field}" if found.field else ""))
    print(f"  recorded: {_value(found.recorded)}")
    print(f"  made:     {_value(found.made)}")


def _value(value: object) -> str:
    return shorten(value if isinstance(value, str) else msgspec.json.encode(value).decode(), _LONG)
