"""The ledger for those who look at it or keep it up: they open its file, also while a gateway runs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.bootstrap.house import ledger_file
from gateway.config.settings import Settings
from gateway.core.ports import RecordedCall
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.reading import recorded_calls
from gateway.ledger.verify import Progress, Verified, verify

__all__ = ["Ledger", "Progress", "RecordedCall", "Verified", "open_ledger", "recorded_calls", "verify_ledger"]


def verify_ledger(settings: Settings, home: Path, progress: Progress) -> Verified:
    """Raises ConfigurationError when there is no ledger."""
    file = ledger_file(home)
    return verify(file, keys_beside(str(file)), settings.checkpoints or outside(str(file)), progress)


@asynccontextmanager
async def open_ledger(settings: Settings, home: Path) -> AsyncGenerator[Ledger]:
    """To write to it. Raises ConfigurationError."""
    async with Ledger.open(ledger_file(home), checkpoints=settings.checkpoints) as ledger:
        yield ledger
