"""What entered a run, with labels (`gateway.core.provenance`): the sources of its calls' values.

The sources of a call are what the model had seen when it wrote it: the agent's instructions, the run's input, the
messages it had heard of, and of the turns before, the calls that it wrote and what came of them. All of that stands
in the run's log, so the labels of a call are the same after a restart, and whatever its neighbours do.

Our own words are no source: an error that repeats an argument vouches for nothing. An error that may be in a
backend's words is `untrusted`, whatever that backend's results are.
"""

from collections.abc import Iterator

from gateway.agent import events as ev
from gateway.agent.conversation import Call
from gateway.agent.loop_tools import READ
from gateway.agent.state import RunStateData
from gateway.core.provenance import Source, Sources

_ANSWERS = ("ok", "tool_error")
_OF_PEOPLE = ("ok", "happened")  # without a decision of policy: a person's answer itself was the outcome
_OURS = ("denied", "limit_reached", "not_answered", "outcome_unknown", "unknown_tool")


class RunSources:
    """The sources of one run's calls; keep it while the run is worked on, and what was prepared is used again."""

    def __init__(self) -> None:
        self._sources: Sources | None = None
        self._turns = 0
        self._heard = 0

    def before(self, state: RunStateData, turn: int) -> Sources:
        """What the model had seen when it wrote the turn of this number (1, 2, 3 …)."""
        if turn < self._turns:  # one that was set aside, and goes on now
            return RunSources().before(state, turn)
        if self._sources is None:
            self._sources = Sources(_beginning(state))
        if turn > self._turns:
            self._sources = self._sources.and_then(self._since(state, turn))
        return self._sources

    def _since(self, state: RunStateData, turn: int) -> Iterator[Source]:
        while self._turns < turn:
            if self._turns:
                last = state.turns[self._turns - 1]
                yield from (_written(call) for call in last.begun)
                yield from (source for call in last.begun if not call.beside for source in _came(call))
            begun = self._turns < len(state.turns)
            heard = state.turns[self._turns].heard if begun else len(state.items)
            for item in state.items[self._heard : heard]:
                if item.message is not None:
                    yield _said(item.message)
                else:
                    called = (call for call in state.calls() if call.id == item.call_id)
                    yield from (source for call in called for source in _came(call))
            self._heard = max(self._heard, heard)
            self._turns += 1


def so_far(state: RunStateData) -> Sources:
    """What the model has seen when it writes next."""
    return RunSources().before(state, len(state.turns) + 1)


def _beginning(state: RunStateData) -> Iterator[Source]:
    yield Source("trusted", state.definition.instructions, "the agent's instructions")
    for said in state.before:  # what an agent is told to have said may come from anywhere
        if said.role == "user":
            yield Source("user", said.text, "what the user said before the run")
        else:
            yield Source("untrusted", said.text, "what was said before the run, as the caller tells it")
    yield Source("user", state.run.input, "the run's input")


def _said(message: ev.MessageReceived) -> Source:
    return Source("user", message.text, "a message of the user")


def _written(call: Call) -> Source:
    return Source("model", call.arguments_json, f"the model's call of {call.tool or call.alias} ({call.id})")


def _came(call: Call) -> Iterator[Source]:
    """What came of a call; nothing where that is in our own words."""
    outcome = call.outcome
    if outcome is None:
        return
    if not call.tool:
        if call.alias == READ and outcome.code == "ok":  # more of a result, with its label
            label = "trusted" if outcome.trust == "trusted" else "untrusted"
            yield Source(label, outcome.text, f"more of a result ({call.id})")
        return
    if not outcome.effect and outcome.code in _OF_PEOPLE and outcome.trust == "trusted":
        yield Source("trusted", outcome.text, f"a person's answer ({call.id})", by_person=True)
    elif outcome.code in _ANSWERS:
        label = "trusted" if outcome.trust == "trusted" else "untrusted"
        yield Source(label, outcome.text, f"the result of {call.tool} ({call.id})")
    elif outcome.effect != "deny" and outcome.code not in _OURS:
        yield Source("untrusted", outcome.text, f"an error of {call.tool} ({call.id})")
