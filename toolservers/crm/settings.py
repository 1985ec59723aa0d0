"""What the CRM's server can be told, by flags or by the environment."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast, get_args

from toolservers.crm import kinds
from toolward.errors import ConfigurationError
from toolward.places import data_folder


def _default_database() -> Path:
    return data_folder() / "crm.db"


@dataclass(frozen=True)
class Settings:
    database: Annotated[
        Path | str,
        "SQLite file, made at the first start, or postgresql://USER@HOST/NAME; default: crm.db in the data folder",
    ] = field(default_factory=_default_database, repr=False)  # a URL may hold a password
    pack: Annotated[str, "what a new world is filled with: tiny, scenarios, support or large"] = "tiny"
    seed: Annotated[int, "of a generated pack: the same seed gives the same world"] = 0
    rules: Annotated[str, "the shop's rules: enforce, advise (tell, and do it) or off"] = "enforce"
    admin: Annotated[bool, "true: offer the tools by which an operator controls the world"] = False
    worlds: Annotated[str, "one: everybody's; tenant: each tenant has a database of their own"] = "one"
    worlds_from: Annotated[str, "snapshot that a tenant's world begins with; default: its pack"] = ""
    webhook_url: Annotated[
        str, "where events are told, signed with the secret in TOOLWARD_CRM_WEBHOOK_SECRET (or ..._FILE)"
    ] = ""
    webhook_networks: Annotated[str, "networks, with commas, that its name may lead to; or: private"] = ""

    def __post_init__(self) -> None:
        """Raises ConfigurationError."""
        if self.rules not in get_args(kinds.RuleMode):
            raise ConfigurationError(f"--rules is {self.rules!r}; it can be enforce, advise or off.")
        if self.worlds not in ("one", "tenant"):
            raise ConfigurationError(f"--worlds is {self.worlds!r}; it can be one or tenant.")

    @property
    def mode(self) -> kinds.RuleMode:
        return cast(kinds.RuleMode, self.rules)
