"""The events that a step makes, from what came of it. Pure: replaying a run makes the same ones again."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.agent import events as ev
from gateway.agent.conversation import Call
from gateway.agent.loop import CallModel, arguments_of
from gateway.agent.model_requests import change, refs
from gateway.agent.observations import Observation
from gateway.agent.state import RunStateData
from gateway.core.ports import Message, ModelReply, ToolUse
from toolward.types import InputRequest


def model_replied(
    state: RunStateData,
    step: CallModel,
    reply: ModelReply,
    asked: Sequence[Message],
    tools: str,
    duration_ms: int,
) -> ev.ModelReplied:
    """`asked` are the messages that the model got in this state; `tools` is the digest of its list of tools."""
    return ev.ModelReplied(
        turn=step.turn,
        text=storable(reply.text),
        tool_uses=tuple(map(_storable_use, reply.tool_uses)),
        stop=reply.stop,
        usage=reply.usage,
        model=reply.model,
        duration_ms=duration_ms,
        last=step.last,
        heard=len(state.items),
        request=change(len(state.turns), state.refs, refs(asked), tools),
    )


def first_called(run_id: str, turn: int, index: int, use: ToolUse, tool: str, call_id: str) -> ev.ToolCalled:
    """A call that is made for the first time. `tool` is empty where the model named none that it has."""
    return ev.ToolCalled(
        turn=turn,
        index=index,
        call_id=call_id,
        use_id=use.id,
        tool=tool,
        alias=use.name,
        arguments_json=arguments_of(use),
        key=f"{run_id}/{turn}/{index}",
    )


def called_again(call: Call, *, ended: bool = False) -> ev.ToolCalled:
    return ev.ToolCalled(
        turn=call.turn,
        index=call.index,
        call_id=call.id,
        use_id=call.use_id,
        tool=call.tool,
        alias=call.alias,
        arguments_json=call.arguments_json,
        key=call.key,
        ended=ended,
    )


def returned(call_id: str, observation: Observation, duration_ms: int = 0) -> ev.ToolReturned:
    return ev.ToolReturned(
        call_id=call_id,
        code=observation.code,
        is_error=observation.is_error,
        text=storable(observation.text),
        structured=observation.structured,
        trust=observation.trust,
        effect=observation.effect,
        rule=observation.rule,
        duration_ms=duration_ms,
    )


def requested(call_id: str, request: InputRequest) -> ev.InputRequested:
    """`call_id` is empty where the run itself waits."""
    return ev.InputRequested(
        call_id=call_id,
        request_id=request.id,
        kind=request.kind,
        prompt=storable(request.prompt),
        approvers=request.approvers,
        expires_at=request.expires_at,
        choices=request.choices,
    )


def offered_names(offered: Sequence[tuple[str, str, object]]) -> Mapping[str, str]:
    """Qualified names by alias."""
    return {alias: name for alias, name, _ in offered}


def storable(text: str) -> str:
    """JSON can smuggle in halves of surrogate pairs, which no UTF-8 has."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _storable_use(use: ToolUse) -> ToolUse:
    return msgspec.structs.replace(
        use, id=storable(use.id), name=storable(use.name), arguments_json=storable(use.arguments_json)
    )
