"""The packs by their names."""

from collections.abc import Iterator

from toolservers.crm.packs import scenarios, tiny
from toolservers.crm.packs.pack import rows
from toolservers.crm.world.filling import Batch, Progress
from toolward.errors import ConfigurationError

PACKS = ("tiny", "scenarios", "support", "large")

_WRITTEN = {pack.name: pack for pack in (tiny.PACK, scenarios.PACK)}


GENERATED = ("support", "large")


def pack(name: str) -> str:
    """Raises ConfigurationError where there is none of this name."""
    if name not in PACKS:
        raise ConfigurationError(f"There is no pack {name!r}.", hint=f"There are {', '.join(PACKS)}.")
    return name


def batches(name: str, seed: int, progress: Progress | None = None) -> Iterator[Batch]:
    """What it is made of, parents before children."""
    if name in _WRITTEN:
        return iter(rows(_WRITTEN[name], seed))
    from toolservers.crm.packs import generated  # it brings mimesis

    return generated.batches(name, seed, progress)
