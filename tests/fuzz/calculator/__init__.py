"""The calculator against an independent evaluator, against Debian's programs, and against hostile input."""
