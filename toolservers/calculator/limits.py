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
