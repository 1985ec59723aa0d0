"""Seeing what other gateways write to runs that somebody watches here."""

import asyncio
import logging

from gateway.core.ports import RunLogPort
from gateway.runs.feed import Feed
from toolward.errors import NotFound, ToolwardError

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 0.5
"""Between two looks at how long the watched logs are: one small query each."""


async def follow(feed: Feed, runs: RunLogPort, every: float = FOLLOW_SECONDS) -> None:
    """Until cancelled. A ledger that fails is told once, and looked at again."""
    failing = False
    while True:
        await asyncio.sleep(every)
        try:
            await look(feed, runs)
            failing = False
        except ToolwardError as error:
            if not failing:
                log.error("what others write to watched runs cannot be seen: %s", error.text)
            failing = True


async def look(feed: Feed, runs: RunLogPort) -> None:
    """Raises Unavailable."""
    watched = feed.watched()
    if not watched:
        return
    for run_id, seq in (await runs.lengths(tuple(watched))).items():
        if seq > watched[run_id]:
            try:
                run = (await runs.get(run_id)).run
            except NotFound:  # pruned in this moment
                continue
            feed.published(run_id, run.last_seq, ended=run.state.ended)
