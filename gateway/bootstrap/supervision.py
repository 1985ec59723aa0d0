"""What the supervisor of workers has: the gateway's addresses, and the backends that the gateway starts."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from gateway.backends.pool import Backends
from gateway.bootstrap.house import ledger_file
from gateway.bootstrap.identity import secret_file
from gateway.bootstrap.owned import Handed, hand, is_owned, start_digest, with_secrets
from gateway.bootstrap.relay import relayed
from gateway.bootstrap.reload import read
from gateway.config.find import make_home
from gateway.config.settings import Settings
from gateway.core.spec import StdioSpec
from gateway.ledger.ledger import Ledger, keys_beside
from toolward.auth import local_secret, new_secret
from toolward.doors.address import Address, reserved


class Supervised(NamedTuple):
    """Where workers listen, what is the same for all of them until a restart, and by name what they are told of the
    backends that are started here."""

    http: Address
    grpc: Address
    at_start: str
    handed: dict[str, Handed]


@asynccontextmanager
async def open_supervised(settings: Settings, home: Path) -> AsyncGenerator[Supervised]:
    """Reserve the addresses, make what the home needs, start the servers that are the gateway's. Raises
    ConfigurationError for whatever would keep every worker from starting."""
    read(settings)
    make_home(home)
    async with AsyncExitStack() as stack:
        http = stack.enter_context(reserved(settings.http))
        grpc = stack.enter_context(reserved(settings.grpc))
        # Once, before several processes want to make the same.
        local_secret(secret_file(home))
        async with Ledger.open(ledger_file(home), checkpoints=settings.checkpoints):
            pass
        keys = keys_beside(str(ledger_file(home)))
        if not keys.current():
            keys.rotate()
        configured = [spec for spec in settings.backends if is_owned(spec)]
        started = [with_secrets(spec, new_secret) for spec in configured]
        backends = await stack.enter_async_context(Backends(started, logs=home / "logs", patient=False))
        handed: dict[str, Handed] = {}
        for spec, ours in zip(configured, started, strict=True):
            if isinstance(spec, StdioSpec):
                handed[spec.name] = await stack.enter_async_context(relayed(backends, spec))
            else:
                handed[spec.name] = hand(spec, ours)
        yield Supervised(http, grpc, start_digest(settings), handed)
