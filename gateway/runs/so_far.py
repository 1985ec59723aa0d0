"""A run's log up to now, from anything that runs agents."""

from contextlib import aclosing
from typing import Any, cast

from toolward.types import AgentProvider, Principal, Run, RunEvent


async def log_so_far(agents: AgentProvider, principal: Principal, run: Run) -> list[RunEvent]:
    """The run's events up to `run.last_seq`. Raises as `watch_run`."""
    log: list[RunEvent] = []
    async with aclosing(cast(Any, agents.watch_run(principal, run.id))) as watched:
        async for event in watched:
            if isinstance(event, RunEvent):
                log.append(event)
            if log and log[-1].seq >= run.last_seq:  # one in work goes on
                break
    return log
