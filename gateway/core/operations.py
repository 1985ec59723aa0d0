"""Operations: everything that policy decides and that is not a tool call. The list is closed, so a rule over an
operation that is not in it is a mistake.

An operation is about one resource; the attributes below, all texts, are what a rule's `when` may ask of it as
`resource.NAME`. Nobody is asked in the middle of one: its effects are allow and deny. What belongs to another
tenant is not found, whatever a policy says; whoever carries out an operation looks at that first.
"""

from collections.abc import Iterable

from gateway.core.globs import Globs, flaw_in_glob
from toolward.names import closest

OPERATIONS: dict[str, tuple[str, ...]] = {
    "run.start": ("agent",),
    "run.read": ("agent", "owner"),  # get, watch; lists show what may be read
    "run.cancel": ("agent", "owner"),
    "request.read": ("kind", "owner", "tool"),  # input requests; `owner` is who made the call
    "request.answer": ("kind", "owner", "tool"),  # and the request's own approvers must name the caller, too
    "ledger.read": (),
    "ledger.verify": (),
    "ledger.export": (),
    "backend.read": ("backend",),
    "backend.restart": ("backend",),
    "tool.review": ("backend", "tool"),  # accepting a changed tool
    "policy.read": (),
    "policy.reload": (),
    "key.read": ("owner",),
    "key.create": ("owner",),
    "key.revoke": ("owner",),
}


def flaw_in_operation_glob(pattern: str) -> str:
    """What is wrong with a pattern over operations, or nothing."""
    if flaw := flaw_in_glob(pattern):
        return flaw
    if any(map(Globs((pattern,)).matches, OPERATIONS)):
        return ""
    near = closest(pattern, OPERATIONS)
    return "is no operation; " + (f"did you mean {near}?" if near else f"there are {', '.join(OPERATIONS)}")


def shared_attributes(patterns: Iterable[str]) -> tuple[str, ...]:
    """The attributes that every one of the operations has: those that a condition over them may use."""
    named = Globs(patterns)
    found = [attributes for operation, attributes in OPERATIONS.items() if named.matches(operation)]
    return tuple(name for name in found[0] if all(name in others for others in found)) if found else ()
