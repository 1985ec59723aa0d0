"""How much one calculation may cost. Every limit is checked before the work, and is the same on every machine."""

MAX_LENGTH = 1000
"""Characters in an expression."""

MAX_DEPTH = 60
"""How deep signs, powers, calls and groups may stand in one another; it bounds recursion."""

MAX_DIGITS = 4000
"""Digits before or after the decimal point, and digits in a numerator or denominator. (Python itself refuses
to write integers of more than 4,300 digits.)"""

MAX_WORK = 20_000
"""Estimated microseconds on a slow machine."""

MAX_VARIABLES = 50
MAX_NAME_LENGTH = 40

DIGITS_SHOWN = 50
"""Significant digits in a rounded result, unless others are asked for."""

MAX_DIGITS_SHOWN = 1000

# --- the processes that compute, for what no estimate foresaw

CALL_SECONDS = 1.0
"""Until the process that computes is killed. What is taken on is estimated far below."""

MAX_MEMORY = 384 * 1024 * 1024
"""Bytes of addresses of a process that computes; it takes about 70 MB before the first call."""

MAX_MESSAGE = 1024 * 1024
"""Bytes of a call's arguments as JSON, and of its result."""

MAX_ERROR = 10_000
"""Characters of what is said about a failure."""

AT_ONCE = 2
"""Calls that compute at the same time."""

WORKERS = AT_ONCE + 1
"""Processes: one is spare, so that the next caller does not wait for the place of one that was killed."""

MAX_WAITING = 64
"""Calls that wait for their turn."""

START_SECONDS = 30.0
"""Until a process that computes must be ready."""
