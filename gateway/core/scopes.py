"""Scopes: what a proof of who calls is good for, as globs over qualified tool names and operations.

They subtract, and never add: policy decides as ever, and what no scope matches is denied before. Scopes are
`Principal.scopes`: None = not narrowed, () = good for nothing.
"""

from gateway.core.globs import Globs, flaw_in_glob, flaw_in_tool_glob, globs
from gateway.core.operations import flaw_in_operation_glob
from toolward.errors import Denied
from toolward.types import Principal

RULE = "caller:scopes"
"""What stands for a rule where a scope denies; no rule of a file can have such an id."""

Scopes = tuple[str, ...] | None


def within(principal: Principal, name: str) -> bool:
    """Whether what proved the caller is good for this tool (by qualified name) or operation."""
    return principal.scopes is None or globs(principal.scopes).matches(name)


def outside(name: str) -> str:
    """Why policy denies what no scope matches."""
    return f"what the caller proves itself with is not good for {name}: none of its scopes matches it"


def flaw_in_scope(pattern: str) -> str:
    """What is wrong with a pattern over tools and operations, or nothing."""
    if flaw := flaw_in_glob(pattern):
        return flaw
    flaw = flaw_in_tool_glob(pattern)
    if not flaw or not flaw_in_operation_glob(pattern):
        return ""
    return flaw if "__" in pattern else f"names neither tools nor an operation: write {pattern}.* or *"


def covers(mine: Scopes, theirs: Scopes) -> bool:
    """Whether everything that `theirs` match is matched by `mine`. Says no where that is not plain to see: where
    only several of `mine` together cover one of `theirs`."""
    if mine is None or theirs is None:
        return mine is None
    # A pattern that matches another as if that were a name covers it: what stands for its stars is its own stars.
    return all(map(Globs(mine).matches, theirs))


def narrower(one: Scopes, other: Scopes) -> Scopes:
    """The one of two that the other covers. Raises Denied where neither does."""
    if covers(one, other):
        return other
    if covers(other, one):
        return one
    raise not_covered()


def not_covered() -> Denied:
    return Denied(
        "What the caller proves itself with is not good for all that this run may do: its scopes or roles differ.",
        hint="Start a run of your own, or use a key whose scopes cover those of the run.",
        rule=RULE,
    )
