"""What the three renderings have in common: an event of a stream, and the ids that a reply is given."""

import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tests.endpoints.script import Failure, Reply

WireName = Literal["openai_chat", "openai_responses", "anthropic_messages"]
WIRES: tuple[WireName, ...] = ("openai_chat", "openai_responses", "anthropic_messages")

MODEL = "scripted"
CREATED = 1_780_000_000


@dataclass(frozen=True)
class Event:
    """A server-sent event; `data` as text goes out as it is."""

    data: Any
    name: str = ""

    def encode(self, end: str = "\n") -> bytes:
        text = self.data if isinstance(self.data, str) else json.dumps(self.data, ensure_ascii=False)
        name = f"event: {self.name}{end}" if self.name else ""
        return f"{name}data: {text}{end}{end}".encode()


@dataclass(frozen=True)
class Given:
    """A reply that was given: what of it a later request must hold, and where."""

    call_ids: tuple[str, ...]
    items: tuple[Any, ...]  # reasoning as it was sent, in order


class Speech(Protocol):
    """One wire, from the endpoint's side. `number` is the reply's, from 1: all ids come from it."""

    def whole(self, reply: Reply, number: int) -> Any:
        """The body of a reply that comes in one piece."""
        ...

    def streamed(self, reply: Reply, number: int) -> list[Event]: ...

    def failure(self, failure: Failure) -> Any:
        """The body of an error."""
        ...

    def broken_off(self, failure: Failure, number: int) -> Event:
        """The event of an error in the middle of a stream."""
        ...

    def noise(self) -> list[bytes]:
        """What may stand between any two events and means nothing."""
        ...

    def given(self, reply: Reply, number: int) -> Given: ...

    def faults(self, body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
        """What the service would refuse in a request, and why."""
        ...


def sealed(number: int, what: str) -> str:
    """What only the endpoint can read; as long, and of the same alphabet, as the services' own."""
    return f"gAAAAAB{what}{number}+/" + "abcdEFGH0123+/" * 20 + "=="
