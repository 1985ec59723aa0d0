"""What `toolward.yaml` says, as values. All paths are absolute; every reference to a secret is filled in.

Nothing here shows its values in a repr: tokens and keys are among them.
"""

from collections.abc import Mapping
from pathlib import Path

from gateway.config.limits import DoorLimits
from gateway.core.budgets import Budget
from gateway.core.catalog import ToolFacts
from gateway.core.lock import LockMode
from gateway.core.model_spec import ModelSpec
from gateway.core.spec import CALL_TIMEOUT, McpSpec, Quiet, ReminderSpec, Spec
from toolward.auth.jwt_settings import JwtSettings
from toolward.doors.address import Address
from toolward.doors.tls import Tls

HTTP = Address("127.0.0.1", 8700)
GRPC = Address("127.0.0.1", 8701)

__all__ = ["CALL_TIMEOUT", "GRPC", "HTTP", "GatewaySettings", "PrincipalSettings", "Settings"]


class PrincipalSettings(Quiet, frozen=True, kw_only=True):
    """Somebody who may call, and what proves it: a bearer token, a name in a client's certificate. Without either,
    only the local person's secret does."""

    id: str
    roles: tuple[str, ...] = ()
    tenant: str = "default"
    token: str = ""
    certificate: str = ""


class GatewaySettings(Quiet, frozen=True, kw_only=True):
    """Another gateway, a principal by its `id`, that may say for whom it calls: signed with `key`, of people in
    these tenants and with these roles (`*`: any)."""

    id: str
    key: str
    tenants: tuple[str, ...] = ("default",)
    roles: tuple[str, ...] = ()


class Settings(Quiet, frozen=True, kw_only=True):
    """Everything that a gateway is made from. `facts` are by qualified name; `trusted_annotations` are names of
    backends. `source` says where it comes from: a file, or `the built-in default`. `lock_file` is where
    `tools.lock` belongs, beside that file.

    `notes` say what was left out, and why. `watched` are the files and folders that it was read from, agents and
    policies beside them. `digest` is of everything that can start a process: see `trust`."""

    source: str
    backends: tuple[Spec, ...] = ()
    facts: Mapping[str, ToolFacts] = {}
    trusted_annotations: frozenset[str] = frozenset()
    models: tuple[ModelSpec, ...] = ()
    agents: tuple[Path, ...]
    policies: tuple[Path, ...]
    principals: tuple[PrincipalSettings, ...]
    gateways: tuple[GatewaySettings, ...] = ()
    http: Address = HTTP
    grpc: Address = GRPC
    lock: LockMode = "first-use"
    lock_file: Path | None = None
    notes: tuple[str, ...] = ()
    watched: tuple[Path, ...] = ()
    digest: str = ""
    reminders: tuple[ReminderSpec, ...] = ()
    checkpoints: Path | None = None  # the ledger's, outside its database; None = in the home directory
    budgets: tuple[Budget, ...] = ()
    tls: Tls | None = None  # of both doors
    identity: tuple[JwtSettings, ...] = ()  # providers, whose tokens are taken
    resource: str = ""  # the URL of the MCP door, as clients know it
    mcp: McpSpec = McpSpec()
    limits: DoorLimits = DoorLimits()
    keep_words_days: int = 0  # for which the ledger keeps words of what has ended; 0 = for ever

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names by which agents may call model endpoints. `default` is always one, and so is the stand-in."""
        return tuple(dict.fromkeys(("default", "offline", *(one.name for one in self.models))))
