"""Agents, runs and what their watchers get, as messages of `toolward/v1/agents.proto`."""

from collections.abc import Mapping

from toolward.types import Agent, Run, RunEvent, RunState, TextDelta, TextKind
from toolward.v1 import agents_pb2 as pb
from toolward.wire.grpc_rpc import Malformed, json_text, read_object

_STATE_TO_NUMBER = {state: pb.RunState.Value(f"RUN_STATE_{state.name}") for state in RunState}
_NUMBER_TO_STATE = {number: state for state, number in _STATE_TO_NUMBER.items()}
_KIND_TO_NUMBER: dict[TextKind, pb.TextKind.ValueType] = {
    "text": pb.TEXT_KIND_TEXT,
    "reasoning": pb.TEXT_KIND_REASONING,
    "call": pb.TEXT_KIND_CALL,
}
_NUMBER_TO_KIND: Mapping[pb.TextKind.ValueType, TextKind] = {
    pb.TEXT_KIND_UNSPECIFIED: "text",
    pb.TEXT_KIND_TEXT: "text",
    pb.TEXT_KIND_REASONING: "reasoning",
    pb.TEXT_KIND_CALL: "call",
}


def to_agent(agent: Agent) -> pb.Agent:
    return pb.Agent(name=agent.name, title=agent.title, description=agent.description, model=agent.model)


def from_agent(found: pb.Agent) -> Agent:
    return Agent(found.name, found.title, found.description, found.model)


def to_run(run: Run) -> pb.Run:
    return pb.Run(
        id=run.id,
        agent=run.agent,
        owner=run.owner,
        state=to_state(run.state),
        input=run.input,
        answer=run.answer,
        error_code=run.error_code,
        error_message=run.error_message,
        turns=run.turns,
        calls=run.calls,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        created_at_ms=run.created_at,
        updated_at_ms=run.updated_at,
        last_seq=run.last_seq,
        parent=run.parent,
        cost_nanousd=run.cost,
        unpriced=run.unpriced,
    )


def from_run(found: pb.Run) -> Run:
    """Raises Malformed."""
    return Run(
        id=found.id,
        agent=found.agent,
        owner=found.owner,
        state=from_state(found.state, f"the run {found.id!r}"),
        input=found.input,
        answer=found.answer,
        error_code=found.error_code,
        error_message=found.error_message,
        turns=found.turns,
        calls=found.calls,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        created_at=found.created_at_ms,
        updated_at=found.updated_at_ms,
        last_seq=found.last_seq,
        parent=found.parent,
        cost=found.cost_nanousd,
        unpriced=found.unpriced,
    )


def to_state(state: RunState) -> pb.RunState.ValueType:
    return _STATE_TO_NUMBER[state]


def from_state(number: int, whose: str) -> RunState:
    """Raises Malformed."""
    state = _NUMBER_TO_STATE.get(pb.RunState.ValueType(number))
    if state is None:
        raise Malformed(f"{whose} has {number} for its state, which is not known here")
    return state


def to_news(news: RunEvent | TextDelta | None) -> pb.WatchRunResponse:
    if news is None:
        return pb.WatchRunResponse()
    if isinstance(news, TextDelta):
        kind = _KIND_TO_NUMBER[news.kind]
        piece = pb.TextDelta(turn=news.turn, offset=news.offset, text=news.text, kind=kind)
        return pb.WatchRunResponse(text_delta=piece)
    row = pb.RunEvent(
        run_id=news.run_id, seq=news.seq, type=news.type, at_ms=news.at, data_json=json_text(news.data)
    )
    return pb.WatchRunResponse(event=row)


def from_news(found: pb.WatchRunResponse) -> RunEvent | TextDelta | None:
    """None for a piece of a kind that is not known here, which may be left out. Raises Malformed."""
    if found.HasField("text_delta"):
        piece = found.text_delta
        kind = _NUMBER_TO_KIND.get(piece.kind)
        return None if kind is None else TextDelta(piece.turn, piece.offset, piece.text, kind)
    if not found.HasField("event"):
        raise Malformed("it has no event")
    row = found.event
    data = read_object(row.data_json, f"the data of event {row.seq} of the run {row.run_id!r}")
    return RunEvent(row.run_id, row.seq, row.type, row.at_ms, data)
