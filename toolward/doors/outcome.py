"""Outcomes as results, for the doors; clients say them in the same words."""

from toolward.wire.outcome import approval_required, as_result

__all__ = ["approval_required", "as_result"]
