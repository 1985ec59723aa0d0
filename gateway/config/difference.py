"""What changes when one configuration takes the place of another. No I/O."""

from typing import NamedTuple

from gateway.config.settings import Settings


class Difference(NamedTuple):
    """Names of backends; other settings that take effect at once; settings that only a restart puts in force."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """`added crm; removed files; principals`, or nothing."""
        named = ("added", self.added), ("removed", self.removed), ("changed", self.changed)
        parts = [f"{how} {', '.join(names)}" for how, names in named if names]
        return "; ".join((*parts, *self.others))


_AT_ONCE = (
    "facts",
    "trusted_annotations",
    "models",
    "principals",
    "gateways",
    "reminders",
    "budgets",
    "identity",
    "mcp",
)
AT_START = ("http", "grpc", "tls", "resource", "limits")
"""Settings that only a restart puts in force."""


def difference(before: Settings, after: Settings) -> Difference:
    """Two backends are the same when all that is known of them is the same, secrets too."""
    old = {spec.name: spec for spec in before.backends}
    new = {spec.name: spec for spec in after.backends}
    return Difference(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in new if name in old and old[name] != new[name]),
        others=tuple(key for key in _AT_ONCE if getattr(before, key) != getattr(after, key)),
        restart=tuple(key for key in AT_START if getattr(before, key) != getattr(after, key)),
    )
