"""What a scripted endpoint says, in no wire's words, and how it puts that on its socket."""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Stop = Literal["", "final", "tool_use", "length", "refusal", "content_filter", "context", "paused"]


@dataclass(frozen=True)
class Call:
    """A call that the model wishes. `arguments` as text goes out as it is, broken or not, where the wire sends
    text at all."""

    name: str
    arguments: Any = field(default_factory=dict[str, Any])
    id: str = ""  # "" = the endpoint makes one

    @property
    def json(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Tokens:
    """As `gateway.core.ports.Usage` counts: `input` holds the cached and the written, `output` the reasoning."""

    input: int = 11
    output: int = 7
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Failure:
    """An error as a service answers it. In the middle of a stream (`Sending.error`) `status` is only a hint."""

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    code: str | None = None


@dataclass(frozen=True)
class Sending:
    """How a reply is put on the socket."""

    size: int = 0  # bytes of one write, whatever they split; 0 = an event each
    piece: int = 7  # characters of text or arguments in one streamed fragment
    apart: bool = False  # one call after the other; else their fragments take turns, where a wire lets them
    noise: bool = False  # pings, comments, events and fields that nobody knows
    crlf: bool = False  # lines end as HTTP's do
    whole: bool = False  # in one piece, though a stream was asked for
    until: float = (
        1.0  # the part of the stream (of a whole reply: of its bytes) that is sent before what follows
    )
    then: Literal["", "cut", "close", "stall", "error", "invalid_utf8", "no_json"] = ""
    error: Failure = Failure(500, "out of memory")  # what `error` says


@dataclass(frozen=True)
class Reply:
    """What the model says. `reasoning` is shown; `sealed` is reasoning that only the endpoint can read."""

    text: str = ""
    reasoning: str = ""
    sealed: bool = False
    calls: tuple[Call, ...] = ()
    stop: Stop = ""  # "" = tool_use where there are calls, else final
    tokens: Tokens = Tokens()
    sending: Sending = Sending()
    vendor: Literal["reasoning_content", "reasoning"] = "reasoning_content"  # the field of a chat endpoint
    finish: str = ""  # the wire's own word for why it stopped, where a test wants another

    @property
    def why(self) -> Stop:
        return self.stop or ("tool_use" if self.calls else "final")

    def sent(self, **how: Any) -> "Reply":
        return replace(self, sending=replace(self.sending, **how))


@dataclass(frozen=True)
class Raw:
    """Bytes as they are to be sent. `cut` closes the connection where more was announced."""

    pieces: tuple[bytes, ...]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    cut: bool = False


@dataclass(frozen=True)
class Silence:
    """No answer for as long as the client stays."""


Step = Reply | Failure | Raw | Silence


def says(text: str, **more: Any) -> Reply:
    return Reply(text, **more)


def calls(*wanted: tuple[str, Any], text: str = "", **more: Any) -> Reply:
    """A reply that calls: (name, arguments) each."""
    return Reply(text, calls=tuple(Call(name, arguments) for name, arguments in wanted), **more)


def refuses(status: int, message: str = "no", headers: dict[str, str] | None = None) -> Failure:
    return Failure(status, message, headers or {})


def cut_up(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
