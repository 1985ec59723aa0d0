"""Words are kept for as long as the configuration says."""

import asyncio
import logging
from collections.abc import Callable

from gateway.ledger.ledger import Ledger
from toolward.errors import ToolwardError

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
DAY_MS = 24 * 3600 * 1000


async def keep_erasing(
    ledger: Ledger, now: Callable[[], int], days: Callable[[], int], every: float = LOOK_SECONDS
) -> None:
    """Erase, again and again, the words of what ended more than so many days ago; with 0 days, none. `now` gives
    Unix ms, `every` is in seconds. A failure is told in the log, and it is tried again the next time."""
    while True:
        if (kept := days()) > 0:
            await _erase(ledger, now() - kept * DAY_MS, kept)
        await asyncio.sleep(every)


async def _erase(ledger: Ledger, before: int, days: int) -> None:
    try:
        erased = await ledger.retain(before, f"kept for {days} days")
    except ToolwardError as error:
        log.error("words that were kept for %d days cannot be erased: %s", days, error.text)
        return
    if erased.any:
        log.info(
            "what was kept for %d days is erased: %d payloads, the words of %d runs and of %d input requests",
            days,
            erased.payloads,
            erased.runs,
            erased.requests,
        )
