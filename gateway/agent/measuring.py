"""What a run has taken, and how much of it the model sees: sums that the fold keeps."""

import msgspec

from gateway.agent import events as ev
from gateway.agent.context import Conversation, utf8
from gateway.agent.conversation import RunStateData, Seen
from toolward.types import Run


def charged(run: Run, event: ev.ModelReplied | ev.TurnsSummarised | ev.InputClassified) -> Run:
    """With what a model call took."""
    usage = event.usage
    free = not usage.input_tokens and not usage.output_tokens
    return msgspec.structs.replace(
        run,
        input_tokens=run.input_tokens + usage.input_tokens,
        output_tokens=run.output_tokens + usage.output_tokens,
        cost=run.cost + (event.cost or 0),
        unpriced=run.unpriced or (event.cost is None and not free),
    )


def sized(state: RunStateData, *texts: str) -> RunStateData:
    """With more that the model sees."""
    size = state.seen.size + sum(map(utf8, texts))
    return msgspec.structs.replace(state, seen=msgspec.structs.replace(state.seen, size=size))


def counted(state: RunStateData, event: ev.ModelReplied) -> RunStateData:
    """With a reply, whose endpoint has counted the tokens of all before it."""
    seen = msgspec.structs.replace(state.seen, sent=state.seen.size, counted=event.usage.input_tokens)
    arguments = (use.arguments_json for use in event.tool_uses)
    return sized(msgspec.structs.replace(state, seen=seen), event.native or event.text, *arguments)


def measured(state: RunStateData, seen: Seen) -> RunStateData:
    """Where the model sees what was before in another form, that is measured anew. That an endpoint had found it
    too long is settled then."""
    moved = msgspec.structs.replace(state, seen=seen)
    if moved.reached is not None and moved.reached.limit == "context":
        moved = msgspec.structs.replace(moved, reached=None)
    size = 0
    for message in Conversation().asked(moved).messages:
        size += utf8(message.native.items if message.native else message.text)
        size += sum(utf8(use.arguments_json) for use in message.tool_uses)
    return msgspec.structs.replace(moved, seen=msgspec.structs.replace(seen, size=size))
