"""What the ledger keeps of calls, input requests and runs."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from toolward.errors import Conflict
from toolward.types import (
    InputRequest,
    Principal,
    Run,
    RunScope,
)


class CallRecord(msgspec.Struct, frozen=True):
    """One call as the ledger keeps it: who, what, what was decided and by which rule. With its arguments it can be
    decided again."""

    id: str
    at: int  # Unix ms
    principal: str
    tenant: str
    tool: str  # qualified
    effect: Literal["allow", "ask", "deny"]
    rule: str
    version: str  # of policy and catalog
    changes: bool  # whether the tool may change something
    roles: tuple[str, ...] = ()  # of the principal
    tool_digest: str = ""  # of all that the tool's server said of it
    run_id: str = ""
    agent: str = ""  # of the run
    idempotency_key: str = ""
    trace_id: str = ""  # 32 hexadecimal digits, where the caller traces


class CallOutcome(msgspec.Struct, frozen=True):
    """How a call ended. `code` is `ok`, `tool_error`, or the stable code of an error."""

    call_id: str
    at: int
    code: str
    duration_us: int
    message: str = ""


class Spend(msgspec.Struct, frozen=True):
    """What one call takes of one budget (`gateway.core.limits`). Calls with the same rule, measure, scope and day
    draw on the same."""

    rule: str
    measure: str  # `calls` or `sum:ARGUMENT`
    scope: str  # who shares it
    day: int  # since 1970, UTC
    amount: int
    at_most: int
    per: Literal["principal", "tenant", "rule"] = "principal"


Binding = tuple[str, str, str, str, str]
"""Which call an input request is about: tenant, principal, tool, digest of the arguments as asked for, run.
The tool's digest is bound too, and compared by itself, so that a change of it can be told."""


class RequestSpec(msgspec.Struct, frozen=True):
    """An input request, and the one call that it is bound to. `roles` and `run` are the caller's, for a later
    decision with the same rights; `version` (of policy and catalog) is only recorded. `sent_digest` is of the
    arguments that a person put in place of those asked for; empty where nobody did."""

    request: InputRequest
    principal: str
    tenant: str
    tool: str
    arguments_digest: str
    tool_digest: str = ""
    roles: tuple[str, ...] = ()
    run: RunScope | None = None
    version: str = ""
    sent_digest: str = ""

    @property
    def binding(self) -> Binding:
        return self.tenant, self.principal, self.tool, self.arguments_digest, self.request.run_id

    @property
    def caller(self) -> Principal:
        """Who asked, with the rights of that moment."""
        return Principal(self.principal, self.roles, self.tenant)


class Taken(NamedTuple):
    """Of models on one day. `cost` is in billionths of a US dollar."""

    tokens: int = 0
    cost: int = 0


class ModelUse(msgspec.Struct, frozen=True):
    """What a model's replies took, to be counted in each of these scopes (`gateway.core.budgets`)."""

    scopes: tuple[str, ...]
    tokens: int
    cost: int  # billionths of a US dollar


class RunAppend(msgspec.Struct, frozen=True):
    """Events to store behind sequence number `after` of a run, and what its row is then. `epoch` is that of the
    lease under which the run is worked on; 0 for what does not come from that work: an answer, a message, a
    cancel. `use` is what the events took of models, on the day of `run.updated_at`. `before` is what is to be
    stored before it, with it or not at all."""

    run_id: str
    after: int
    events: tuple["StoredEvent", ...]
    run: Run
    epoch: int = 0
    use: ModelUse | None = None
    before: tuple["RunAppend", ...] = ()


class Superseded(Conflict):
    """The lease under which something was to be stored is not in force any more: another works on the run. Nothing
    was stored."""


class ApprovalGone(Conflict):
    """The approval that a call was to use up is not there any more; nothing was stored."""


class StoredEvent(msgspec.Struct, frozen=True):
    """A run event on its way to the log: its type, the version of its fields, and the fields as the text of a JSON
    object.

    What people, models and tools said does not stand in `data_json`: `words` has the digest of each such text by
    its path in the fields (`text`, `tool_uses.0.arguments_json`), `shared` that of a JSON value from the
    configuration by the name of its field. `texts` are the contents by digest, of both and of whatever else the
    fields name by digest; the log keeps each once a run, what is shared once at all.
    """

    type: str
    version: int
    data_json: bytes
    words: Mapping[str, str] = {}
    shared: Mapping[str, str] = {}
    texts: Mapping[str, bytes] = {}


class RunRecord(msgspec.Struct, frozen=True):
    """The row that lists find; always what folding the events gives. `key` is the caller's idempotency key.

    A run with a `run.parent` begins with that one's events up to `parent_seq`, which its own log does not repeat:
    its first own event has the number after that.
    """

    run: Run
    tenant: str
    roles: tuple[str, ...]  # the owner's, as they were when it started
    key: str = ""
    parent_seq: int = 0


class Lease(NamedTuple):
    """The right to work on a run: whoever has the newest `epoch`. `attempts` counts how often work began where the
    log ends now, this time included; `length` is how long the log was when it was given."""

    run_id: str
    epoch: int
    attempts: int
    length: int


ERASED = "[erased]"
"""What stands where a person's words were."""
