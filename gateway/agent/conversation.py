"""A run's state and what it is made of: turns, their calls, and what came beside them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.model_requests import MessageRef
from gateway.core.ports import ToolUse
from toolward.types import RequestKind, Run, Said


class Call(msgspec.Struct, frozen=True):
    """One call of a turn, as far as it has come. `asked` are the input requests without an answer, and `kind` is
    what was asked last; `crashes` counts how often a gateway stopped while it was under way; its outcome comes
    `beside` the turns where its own was set aside."""

    id: str
    turn: int
    index: int
    use_id: str
    tool: str
    alias: str
    arguments_json: str
    key: str
    at: int = 0  # Unix ms, when it was made first
    attempts: int = 1
    crashes: int = 0
    kind: RequestKind | None = None
    asked: tuple[str, ...] = ()
    answers: tuple[ev.InputAnswered, ...] = ()
    outcome: ev.ToolReturned | None = None
    beside: bool = False

    @property
    def waits(self) -> bool:
        return bool(self.asked)

    @property
    def ready(self) -> bool:
        """People have answered, and nothing was made of it yet."""
        return self.outcome is None and bool(self.answers) and not self.asked

    @property
    def in_flight(self) -> bool:
        return self.outcome is None and not self.asked and not self.answers


class Turn(msgspec.Struct, frozen=True):
    """One reply of the model and its calls, one for each tool use; None where it is uncalled."""

    reply: ev.ModelReplied
    calls: tuple[Call | None, ...]
    set_aside: bool = False

    @property
    def number(self) -> int:
        return self.reply.turn

    @property
    def heard(self) -> int:
        return self.reply.heard

    @property
    def begun(self) -> tuple[Call, ...]:
        return tuple(call for call in self.calls if call is not None)

    @property
    def uncalled(self) -> tuple[tuple[int, ToolUse], ...]:
        uses = enumerate(self.reply.tool_uses)
        return tuple((index, use) for index, use in uses if self.calls[index] is None)

    @property
    def asked(self) -> bool:
        """Whether one of its calls waits for people."""
        return any(call.waits for call in self.begun)

    @property
    def settled(self) -> bool:
        return all(call is not None and call.outcome is not None for call in self.calls)

    @property
    def over(self) -> bool:
        """Whether the next turn may begin."""
        return self.settled or self.set_aside or self.reply.last

    @property
    def can_go_on(self) -> bool:
        """Whether a call of it can be made, or is under way. What was not called yet may count on what is being
        asked, so it waits with it."""
        under_way = any(call.in_flight or call.ready for call in self.begun)
        return under_way or (bool(self.uncalled) and not self.asked)

    def renewed(self) -> "Turn":
        """As a retried run begins with it: calls without an outcome are uncalled."""
        calls = tuple(call if call is not None and call.outcome is not None else None for call in self.calls)
        return msgspec.structs.replace(self, calls=calls)


class Item(msgspec.Struct, frozen=True):
    """What came beside the turns: a message, or the outcome of a call whose turn was set aside."""

    message: ev.MessageReceived | None = None
    call_id: str = ""


class Spent(msgspec.Struct, frozen=True):
    """What a run took: `cost` in billionths of a US dollar, `ms` while it was worked on (not while it waited for
    people)."""

    turns: int = 0
    calls: int = 0
    tokens: int = 0
    cost: int = 0
    ms: int = 0

    def without(self, other: "Spent") -> "Spent":
        return Spent(
            self.turns - other.turns,
            self.calls - other.calls,
            self.tokens - other.tokens,
            self.cost - other.cost,
            self.ms - other.ms,
        )


BYTES_A_TOKEN = 3
"""A cautious guess where no endpoint has counted: in UTF-8, so that it fits other scripts, too."""


class Seen(msgspec.Struct, frozen=True):
    """How much of its log the model sees: results of the turns up to `folded` only as a line, `summary` in place of
    the turns up to its own. `size` is all of that in bytes of UTF-8; `sent` is what it was when an endpoint counted
    `counted` tokens in it (0: none has)."""

    folded: int = 0
    summary: ev.TurnsSummarised | None = None
    size: int = 0
    sent: int = 0
    counted: int = 0

    @property
    def tokens(self) -> int:
        """Of the next request, as far as can be told."""
        if not self.counted:
            return self.size // BYTES_A_TOKEN
        return max(self.counted + (self.size - self.sent) // BYTES_A_TOKEN, 0)

    @property
    def summarised(self) -> int:
        return self.summary.turn if self.summary is not None else 0


class RunStateData(msgspec.Struct, frozen=True):
    """Everything that a run's events say. `run` is the row that lists show.

    `before` was said before the run's input, as its caller told it.
    `items` came beside the turns, in the order of the log: messages, and outcomes of turns that were set aside;
    each turn says how many it heard. `refs` and `tools` are what the model was asked last. `since` is what had
    been used when the last message came: limits count from there. `reached` is a limit outside the run's own,
    since then; `made` are the effects of a retried run's parent behind their common events. `scopes` and `api_key`
    are of whoever started it (`RunStarted`)."""

    run: Run
    tenant: str
    definition: AgentDefinition
    seq: int
    before: tuple[Said, ...] = ()
    turns: tuple[Turn, ...] = ()
    unsettled: tuple[int, ...] = ()  # numbers of turns
    items: tuple[Item, ...] = ()
    refs: tuple[MessageRef, ...] = ()
    tools: str = ""
    ms: int = 0  # at work
    since: Spent = Spent()
    seen: Seen = Seen()
    classified: ev.InputClassified | None = None
    reached: ev.LimitReached | None = None
    cut: bool = False  # whether the model was given a result in part
    made: tuple[ev.EffectMade, ...] = ()
    parked: str = ""  # the request that the run itself waits for
    verdict: ev.InputAnswered | None = None  # what was answered to it, if not that it is to go on
    scopes: tuple[str, ...] | None = None
    api_key: str = ""
    hops: int = 0  # gateways before it

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        """Those with calls that have no outcome, oldest first."""
        return tuple(self.turns[number - 1] for number in self.unsettled)

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of the input requests that wait for an answer."""
        ids = (request for turn in self.open_turns for call in turn.begun for request in call.asked)
        return tuple(dict.fromkeys((*ids, *((self.parked,) if self.parked else ()))))

    @property
    def spent(self) -> Spent:
        """Since the last message."""
        return self.used.without(self.since)

    @property
    def used(self) -> Spent:
        run = self.run
        return Spent(len(self.turns), run.calls, run.input_tokens + run.output_tokens, run.cost, self.ms)

    @property
    def unheard(self) -> bool:
        """Whether something came beside the turns that the model does not know yet."""
        return len(self.items) > (self.turns[-1].heard if self.turns else 0)

    def calls(self) -> Iterator[Call]:
        for turn in self.turns:
            yield from turn.begun


def set_aside(state: RunStateData) -> RunStateData:
    """With every turn that has calls without an outcome set aside."""
    turns = tuple(
        turn if turn.settled or turn.set_aside else msgspec.structs.replace(turn, set_aside=True)
        for turn in state.turns
    )
    return msgspec.structs.replace(state, turns=turns)


def with_call(state: RunStateData, call: Call) -> RunStateData:
    """With the call in its place in its turn."""
    turn = state.turns[call.turn - 1]
    calls = (*turn.calls[: call.index], call, *turn.calls[call.index + 1 :])
    changed = msgspec.structs.replace(turn, calls=calls)
    turns = (*state.turns[: call.turn - 1], changed, *state.turns[call.turn :])
    unsettled = tuple(number for number in state.unsettled if number != call.turn or not changed.settled)
    return msgspec.structs.replace(state, turns=turns, unsettled=unsettled)


def with_run(data: RunStateData, **changes: Any) -> RunStateData:
    return msgspec.structs.replace(data, run=msgspec.structs.replace(data.run, **changes))
