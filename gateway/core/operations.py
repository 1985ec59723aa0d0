"""Operations: everything that policy decides and that is not a tool call. The list is closed, so a rule over an
operation that is not in it is a mistake.

An operation is about one resource; the attributes below, all texts, are what a rule's `when` may ask of it as
`resource.NAME`. Nobody is asked in the middle of one: its effects are allow and deny. What belongs to another
tenant is not found, whatever a policy says; whoever carries out an operation looks at that first.
"""

from collections.abc import Collection, Iterable

from gateway.core.globs import Globs, flaw_in_glob
from toolward.names import closest

OPERATIONS: dict[str, tuple[str, ...]] = {
    "run.start": ("agent",),
    "run.read": ("agent", "owner"),  # get, watch; lists show what may be read
    "run.cancel": ("agent", "owner"),
    "run.pause": ("agent", "owner"),
    "run.resume": ("agent", "owner"),
    "run.retry": ("agent", "owner"),  # from an event, as a new run of the caller's own; and `run.start`, too
    "run.message": ("agent", "owner"),  # go on with the conversation
    "run.rate": ("agent", "owner"),
    "run.export": ("agent", "owner"),  # as training data
    "request.read": ("kind", "owner", "tool"),  # input requests; `owner` is who made the call
    "request.answer": ("kind", "owner", "tool"),  # and the request's own approvers must name the caller, too
    "resource.read": ("backend", "uri"),  # of a backend, at its own URI; of a template, `uri` is its text
    "prompt.get": ("backend", "prompt"),  # of a backend, by its own name
    "ledger.read": (),
    "ledger.verify": (),
    "ledger.export": (),
    "ledger.erase": (),
    "ledger.prune": (),
    "ledger.rotate-key": (),
    "backend.read": ("backend",),  # `*` is all of them at once, as in the gateway's status
    "backend.add": ("backend",),
    "backend.remove": ("backend",),
    "backend.restart": ("backend",),
    "tool.review": (
        "backend",
        "tool",
    ),  # accepting a changed tool; of how a backend is started, `tool` is empty
    "policy.read": (),
    "policy.write": (),  # changing the text of a policy file: whoever may can allow themselves everything
    "policy.reload": (),
    "key.read": ("owner",),
    "key.create": ("owner",),
    "key.revoke": ("owner",),
    "home.backup": (),  # all that there is, keys and secrets included
    "home.restore": (),
}


def flaw_in_operation_glob(pattern: str) -> str:
    """What is wrong with a pattern over operations, or nothing."""
    if flaw := flaw_in_glob(pattern):
        return flaw
    if any(map(Globs((pattern,)).matches, OPERATIONS)):
        return ""
    return no_operation(pattern)


def no_operation(name: str) -> str:
    """What is to be said of a name that is none: it goes on from the name."""
    near = closest(name, OPERATIONS)
    return "is no operation; " + (f"did you mean {near}?" if near else f"there are {', '.join(OPERATIONS)}")


def flaw_in_resource(operation: str, names: Collection[str]) -> str:
    """What is wrong with the attributes that a resource of an operation has, or nothing: it has all of them and no
    other. It goes on from the word resource."""
    known = OPERATIONS[operation]
    for name in names:
        if name not in known:
            near = closest(name, known)
            rest = f"did you mean {near}?" if near else f"{operation} has {', '.join(known) or 'none'}"
            return f"has no attribute {name!r}; {rest}"
    lacking = [name for name in known if name not in names]
    return f"lacks the attribute {lacking[0]!r}" if lacking else ""


def shared_attributes(patterns: Iterable[str]) -> tuple[str, ...]:
    """The attributes that every one of the operations has: those that a condition over them may use."""
    named = Globs(patterns)
    found = [attributes for operation, attributes in OPERATIONS.items() if named.matches(operation)]
    return tuple(name for name in found[0] if all(name in others for others in found)) if found else ()
