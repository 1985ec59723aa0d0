"""What the supervisor and its workers say to each other: one line of JSON each, over the pipes of the worker's
standard streams. Secrets are among it, which belong neither on a command line nor in an environment.

    to the worker    Handover, and `Go` when every worker is ready; the end of the pipe is the supervisor's end
    from the worker  Report
"""

from collections.abc import Mapping

import msgspec

from gateway.bootstrap.owned import Handed
from gateway.core.spec import Quiet

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one line."""


class Handover(Quiet, frozen=True, kw_only=True):
    """`number` counts from 1; `supervisor` is its process; `config` is the file that was named, if one was; `http`
    and `grpc` are where all workers listen, `at_start` is the `owned.start_digest` of the settings."""

    number: int
    workers: int
    supervisor: int
    http: tuple[str, int]
    grpc: tuple[str, int]
    owned: Mapping[str, Handed]
    at_start: str = ""
    config: str = ""
    json: bool = False
    resume: bool = True


class Go(msgspec.Struct, frozen=True):
    """`says` is whether this worker is to tell people what runs, `tells` whether what readings of the configuration
    come to from then on: one does."""

    says: bool = False
    tells: bool = False


class Report(msgspec.Struct, frozen=True):
    """That a worker is ready, with the number of unfinished runs that it found; or else its `error`, and what to do
    about it."""

    unfinished: int = 0
    scheme: str = "http"
    error: str = ""
    hint: str = ""


def line(said: msgspec.Struct) -> bytes:
    return msgspec.json.encode(said) + b"\n"
