"""What becomes of a call that was begun and has no outcome, because the gateway stopped in between."""

from gateway.agent.context import Observation
from gateway.core.catalog import ToolFacts


def may_repeat(facts: ToolFacts) -> bool:
    """Whether making the call again, with its key, cannot do a thing twice."""
    return not facts.changes or facts.idempotent or facts.keeps_keys


def outcome_unknown(tool: str) -> Observation:
    """What the model is told of a call that may not be repeated."""
    return Observation(
        "outcome_unknown",
        is_error=True,
        text=(
            f"It is not known whether this call of {tool} took effect: the gateway stopped while it was under way,"
            " and repeating it might do the thing twice. Look first whether it happened; if you cannot find out,"
            " tell the user. Do not simply call again."
        ),
        trust="trusted",
    )
