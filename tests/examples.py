"""How many examples a property is tried with: few in the suite, many in a campaign (`make properties`)."""

import os

TIMES = int(os.environ.get("TOOLWARD_EXAMPLES", "1"))


def examples(count: int) -> int:
    """`count` in the suite, a multiple of it (TOOLWARD_EXAMPLES) in a campaign. Where each example is costly."""
    return count * TIMES
