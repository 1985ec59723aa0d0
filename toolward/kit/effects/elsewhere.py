"""Effects outside the server's database: noted before they begin, and looked for when nobody knows the outcome."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, final

import msgspec

from toolward.errors import OutcomeUnknown

StateT = TypeVar("StateT")


def outcome_unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "An earlier call with this idempotency key was begun, and it is not known whether it took effect.",
        hint="Look for its effect; only when there is none, call again with a new key.",
    )


@final
class NotDone:
    """What `Evidence.recover` gives when the effect surely has not happened, and will not: it may be begun anew."""


class Evidence(Generic[StateT]):
    """What a tool notes just before its effect, so that a later process can find out whether it took place.

    A frozen dataclass over it, which JSON can hold: what stood there, what will stand there, and what the tool
    would answer.
    """

    async def recover(self, state: StateT) -> Any:
        """The result that the first call would have had, or `NotDone()`. `state` is what the lifespan yielded.

        Raises OutcomeUnknown, as it does where a tool has no evidence to go by. The first call may still be at
        work in another process: what is *not done* must be made unable to happen (its file removed, its order
        cancelled) before this says so.
        """
        raise outcome_unknown()


EvidenceT = TypeVar("EvidenceT", bound=Evidence[Any])
Note = Callable[[bytes], Awaitable[None]]


async def _without_key(_evidence: bytes) -> None:
    """Nobody can repeat such a call."""


class Effect(Generic[EvidenceT]):
    """A parameter annotated `Effect[MyEvidence]` gets this; it does not show in the tool's schema.

    Raise ToolError only for what was not done: its key is free again. Any other end of a call that has begun
    leaves its outcome to the evidence.
    """

    def __init__(self, note: Note = _without_key) -> None:
        self._note = note

    async def begin(self, evidence: EvidenceT) -> None:
        """Call it when all is checked and the effect comes next; the evidence is on the disk when it returns.
        It may be called again when more is known.

        Raises Conflict when the same call is under way in another process: then do nothing.
        """
        await self._note(msgspec.json.encode(evidence))


def read_evidence(kind: type[EvidenceT], evidence: bytes) -> EvidenceT:
    try:
        return msgspec.json.decode(evidence, type=kind)
    except msgspec.ValidationError:  # noted by another version of the server
        raise outcome_unknown() from None
