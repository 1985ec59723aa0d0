"""Room in what the model sees: results of old turns are folded, then old turns give way to a summary. Pure.

Both happen in one go when the budget is passed, and then not for long: what a model was sent before stays the same
from turn to turn, which its prompt cache lives on. The last turns stay as they are."""

from gateway.agent.context import is_foldable
from gateway.agent.conversation import RunStateData

KEEP = 3
"""Turns that stay as they are, if they can."""

_ENOUGH = 0.7  # of the budget: what folding must come down to, or a summary is made at once


def fold_to(state: RunStateData, keep: int = KEEP) -> int:
    """Up to which turn results can be folded; 0 where there is nothing to fold."""
    turn = len(state.turns) - keep
    folded = state.seen.folded
    return (
        turn
        if any(is_foldable(call) for one in state.turns[folded : max(turn, 0)] for call in one.begun)
        else 0
    )


def summarise_to(state: RunStateData, keep: int = KEEP) -> int:
    """Up to which turn a summary can stand for them; 0 where none can. A call without an outcome is not left
    out."""
    turn = len(state.turns) - keep
    if state.unsettled:
        turn = min(turn, min(state.unsettled) - 1)
    return turn if turn > state.seen.summarised else 0


def room(state: RunStateData, budget: int) -> tuple[int, int]:
    """What makes room: (turn to fold to, 0), (0, turn to summarise), or nothing. `budget` is in tokens."""
    if state.reached is not None and state.reached.limit == "context":
        return _harder(state)
    tokens = state.seen.tokens
    if tokens > budget and (turn := fold_to(state)):
        return turn, 0
    just_folded = state.seen.folded == len(state.turns) - KEEP
    if tokens > budget or (just_folded and tokens > _ENOUGH * budget):
        turn = summarise_to(state)
        return 0, turn if turn - state.seen.summarised >= KEEP else 0  # not one each turn
    return 0, 0


def _harder(state: RunStateData) -> tuple[int, int]:
    """An endpoint has said that it is too long: whatever can go, all but the last turn if need be."""
    for keep in (KEEP, 1):
        if turn := fold_to(state, keep):
            return turn, 0
        if turn := summarise_to(state, keep):
            return 0, turn
    return 0, 0
