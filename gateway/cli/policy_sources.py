"""What `toolward policy explain` takes for the run of a call: one on record, or what it is told on its line."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from gateway.core.provenance import Source
from gateway.core.rules_reader import LABELS
from toolward.errors import InvalidRequest
from toolward.names import closest
from toolward.types import Label


class Asked(NamedTuple):
    """The options: a run on record, or an agent, and for that what has entered its run."""

    run: str = ""
    agent: str = ""
    sources: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises InvalidRequest."""
        if self.run and (self.agent or self.sources):
            raise InvalidRequest(
                "--run says which agent it is, and what has entered its run.",
                hint="Leave out --agent and --source.",
            )
        if self.sources and not self.agent:
            raise InvalidRequest(
                "--source is of a run, and no agent is named.", hint="Name one: --agent support"
            )
        read_sources(self.sources)


def read_sources(written: Sequence[str]) -> list[Source]:
    """`user=Refund PAY-5007`, in the order in which they entered. Raises InvalidRequest."""
    found: list[Source] = []
    for text in written:
        label, equals, said = text.partition("=")
        if not equals or label not in LABELS:
            near = closest(label, LABELS)
            raise InvalidRequest(
                f"--source {text[:60]!r} does not begin with a label and =.",
                hint=f"Did you mean {near}=…?"
                if near
                else f"Write one of {', '.join(LABELS)}: user='refund PAY-5007'",
            )
        found.append(Source(cast(Label, label), said, f"--source {label}"))
    return found
