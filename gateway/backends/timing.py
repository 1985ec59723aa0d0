"""How long the backends' room waits."""

import msgspec


class Timing(msgspec.Struct, frozen=True):
    """Seconds. An attempt to connect has `connect`; after a failure the next one waits between half of and the
    whole of `first_wait`, doubled with each failure in a row up to `longest_wait`. A connection that held for
    `steady` is not a failure when it breaks: it is rebuilt at once. A process has `grace` to end after SIGTERM.
    Whoever cannot wait for all backends waits `gather` after the last news of one. A backend whose calls fail is
    left alone for `first_refusal`, doubled up to `longest_refusal`. Calls under way on a backend that is removed or
    replaced have `finish`. What a backend has beside tools has `offers` at
    least to be listed, and is tried again later."""

    connect: float = 10.0
    gather: float = 3.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    steady: float = 10.0
    grace: float = 5.0
    first_refusal: float = 1.0
    longest_refusal: float = 30.0
    finish: float = 5.0
    offers: float = 2.0
