"""Policy files: what stands in one, and what is left of it after reading (`gateway.core.rules_reader`).

version: 1
patterns:                                   # what `redact` may look for, beside the built-in ones
  order-number: 'ORD-[0-9]{4,8}'            # RE2, and no repetition without an end: linear time, always
rules:
  - id: small-refunds                       # a-z 0-9 - ; unique over all files
    description: ...                        # shown to callers and approvers
    principals: [role:support]              # user: role: tenant: agent: ; left out = everyone
    tools: [crm.refund_payment]             # globs over qualified names
    args: {required: [...], properties: {...}}
    when: args.amount_minor <= 5000         # CEL, see gateway.core.conditions
    origin: {payment_id: [user, trusted]}
    effect: ask                             # allow | ask | deny
    approvers: [role:support-lead]          # of an ask; `self` lets the requester approve
    limits:                                 # of allow and ask: on the calls that this rule lets through
      rate: 10/minute                       # in any minute (second, hour); counted in each gateway process
      concurrency: 2                        # at the same time; counted in each gateway process
      per_day:                              # days of UTC; exact over all processes and restarts
        calls: 200
        sums: {amount_minor: 50000}         # of a required whole-number argument; below zero counts as above
      per: principal                        # who shares them: principal (if left out), tenant, rule (everybody)
    output:                                 # of allow and ask: what callers see of the result
      redact: [email, card, order-number]   # gateway.core.patterns has the built-in ones
      trust: trusted                        # untrusted if left out, whatever the backend says
    cache: 5m                               # of allow, over reading tools: how long a result answers the same call
  - id: own-runs                            # `operations` instead of `tools`: what is not a tool call
    principals: [role:support]
    operations: [run.read, run.cancel]      # globs over the list in gateway.core.operations
    resource: {agent: ["support*"]}         # globs over the operation's attributes; each named one must match
    when: resource.owner == principal.id    # CEL over principal.* and the operation's resource.*
    effect: allow                           # allow | deny; of resources and prompts with `output.redact`, too

Of several rules that let a call through the first one decides (ask before allow, then the order of the files),
and its limits and output rules hold.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from gateway.core.conditions import Condition
from gateway.core.constraints import Path
from gateway.core.digests import digest
from gateway.core.globs import Globs
from gateway.core.limits import NO_LIMITS, Limits
from gateway.core.outputs import AS_IT_IS, Output
from toolward.schema import Schema
from toolward.types import JsonObject

Effect = Literal["allow", "ask", "deny"]

SELF = "self"
"""Among approvers: the one who asks may approve too."""

VERSION = 1

NOTHING = Globs(())
"""Matches no name."""


class PolicySource(NamedTuple):
    """One parsed file. `data` is the plain YAML value; `line_of(("rules", 0, "args"))` is the line of that key
    or item, counted from 1, or None where it is not known."""

    file: str
    data: Any
    line_of: Callable[[tuple[str | int, ...]], int | None] = lambda _path: None


class Rule(msgspec.Struct, frozen=True):
    """One rule as written: over tools or over operations, and the other one is empty. `principals` None =
    everyone. `args_schema` is `args`, compiled; `condition` is the `when` of a rule over operations, compiled, and
    `resource` its patterns by attribute."""

    id: str
    effect: Effect
    tools: Globs = NOTHING
    operations: Globs = NOTHING
    principals: Globs | None = None
    args: JsonObject | None = None
    args_schema: Schema | None = None
    when: str = ""
    condition: Condition | None = None
    resource: Mapping[str, Globs] = {}
    origin: Mapping[str, tuple[str, ...]] = {}
    approvers: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    output: Output = AS_IT_IS
    cache: int = 0  # seconds for which a result answers the same call again; 0 = it does not
    description: str = ""
    file: str = ""
    lines: Mapping[Path, int] = {}  # of the keys below the rule; its own at ()

    def where(self, path: Path = ()) -> str:
        """`policies/default.yaml:12`, as near to `path` as lines are known."""
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path)
        return self.file if line is None else f"{self.file}:{line}"


class Policy(msgspec.Struct, frozen=True):
    """All rules of all files, in their order."""

    rules: tuple[Rule, ...] = ()
    digest: str = digest([])
