"""What the model was asked in a turn, rebuilt bit by bit from a run's log and checked against the digest there."""

from collections.abc import Sequence

import msgspec

from gateway.agent import events as ev
from gateway.agent.model_requests import (
    MessageRef,
    RequestChange,
    apply,
    read_tool_list,
    rebuilt,
    request_digest,
)
from gateway.agent.stored import decode
from gateway.core.ports import RunLogPort
from toolward.errors import Internal, NotFound
from toolward.types import RunEvent, TurnMessage, TurnRequest, TurnTool


async def asked_in_turn(log: RunLogPort, run_id: str, turn: int) -> TurnRequest:
    """Raises NotFound where there is no such turn, or its words were erased; Internal where what is there does not
    fit the digest."""
    refs, changed = _request(await log.events(run_id), run_id, turn)
    words = {digest for ref in refs for digest in ref.words}
    texts = await log.texts(run_id, sorted({*words, changed.tools}))
    if changed.tools not in texts:
        raise NotFound("The list of tools of this request is not there any more: it was erased.")
    if request_digest(refs, changed.tools) != changed.digest:
        raise Internal(
            f"What the model was asked in turn {turn} of the run {run_id} does not fit the digest in its log.",
            hint="`toolward ledger verify` says what else is damaged; restore the ledger from a copy.",
        )
    tools = (
        TurnTool(tool.alias, tool.name, tool.description, msgspec.json.decode(tool.input_schema))
        for tool in read_tool_list(texts[changed.tools])
    )
    messages = msgspec.convert(msgspec.to_builtins(rebuilt(refs, texts)), tuple[TurnMessage, ...])
    return TurnRequest(run_id, turn, changed.digest, changed.tools, messages, tuple(tools))


def _request(log: Sequence[RunEvent], run_id: str, turn: int) -> tuple[tuple[MessageRef, ...], RequestChange]:
    refs: tuple[MessageRef, ...] = ()
    for event in (decode(stored) for stored in log if stored.type == ev.NAMES[ev.ModelReplied]):
        assert isinstance(event, ev.ModelReplied)  # noqa: S101 -- by its type
        refs = apply(refs, event.request) if event.request is not None else ()
        if event.turn == turn and event.request is not None:
            return refs, event.request
        if event.turn == turn:
            raise NotFound(
                f"What the model was asked in turn {turn} of the run {run_id} was not recorded.",
                hint="The run is from before that was done.",
            )
    raise NotFound(f"The run {run_id} has no turn {turn}.", hint="`toolward run show` lists its turns.")
