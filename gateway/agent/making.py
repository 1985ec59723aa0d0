"""The events that a step makes, from what came of it. Pure: replaying a run makes the same ones again."""

import msgspec

from gateway.agent import events as ev
from gateway.agent.context import Asked
from gateway.agent.conversation import Call
from gateway.agent.loop import CallModel, Summarise
from gateway.agent.model_requests import change
from gateway.agent.observations import RESULT_LENGTH, WHOLE_LENGTH, Observation, cut_for
from gateway.agent.resolving import arguments_of, meant
from gateway.agent.state import RunStateData
from gateway.core.digests import text_digest
from gateway.core.ports import ModelReply, ToolUse
from toolward.types import InputRequest


def model_replied(
    state: RunStateData,
    step: CallModel,
    reply: ModelReply,
    asked: Asked,
    tools: str,
    duration_ms: int,
) -> ev.ModelReplied:
    """`asked` is what the model got in this state; `tools` is the digest of its list of tools."""
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
        request=change(len(state.turns), state.refs, asked.refs, tools, asked.digest(tools)),
        endpoint=reply.endpoint,
        passed_over=reply.passed_over,
        reasoning=storable(reply.reasoning),
        native=storable(reply.native.items) if reply.native else "",
        native_source=reply.native.source if reply.native else "",
        response_id=storable(reply.response_id),
        cost=reply.cost,
    )


def summarised(step: Summarise, text: str, reply: ModelReply | None, duration_ms: int) -> ev.TurnsSummarised:
    """`reply` is None where no model wrote the text."""
    made = reply or ModelReply("")
    return ev.TurnsSummarised(
        turn=step.turn,
        text=storable(text),
        usage=made.usage,
        endpoint=made.endpoint,
        model=made.model,
        cost=made.cost,
        duration_ms=duration_ms,
    )


def first_called(run_id: str, turn: int, index: int, use: ToolUse, tool: str, call_id: str) -> ev.ToolCalled:
    """A call that is made for the first time. `tool` is empty where the model named none that it has; where it
    said by `call_tool` which it wants, that is what is called."""
    inner = meant(use)
    return ev.ToolCalled(
        turn=turn,
        index=index,
        call_id=call_id,
        use_id=use.id,
        tool=tool,
        alias=inner.name,
        arguments_json=arguments_of(inner),
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
    """A text that is too long is cut; `whole_of` gives all of it, which goes into the log beside the event."""
    text, whole = storable(observation.text), whole_of(observation)
    return ev.ToolReturned(
        call_id=call_id,
        code=observation.code,
        is_error=observation.is_error,
        text=cut_for(call_id, text) if whole else text,
        structured=observation.structured and not whole,
        trust=observation.trust,
        effect=observation.effect,
        rule=observation.rule,
        duration_ms=duration_ms,
        whole=text_digest(whole.encode()) if whole else "",
        length=len(text) if whole else 0,
    )


def whole_of(observation: Observation) -> str:
    """What can be read later of a text that is cut; empty where it is not."""
    if len(observation.text) <= RESULT_LENGTH:
        return ""
    return storable(observation.text[:WHOLE_LENGTH])


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


def storable(text: str) -> str:
    """JSON can smuggle in halves of surrogate pairs, which no UTF-8 has."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _storable_use(use: ToolUse) -> ToolUse:
    return msgspec.structs.replace(
        use, id=storable(use.id), name=storable(use.name), arguments_json=storable(use.arguments_json)
    )
