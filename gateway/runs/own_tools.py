"""What the loop's own tools answer: a search over the tools of an agent, more of a result."""

from gateway.agent.conversation import Call, RunStateData
from gateway.agent.loop_tools import FIND, asked_to_find, asked_to_read, part
from gateway.agent.observations import Observation, refused
from gateway.agent.offering import Offer
from gateway.core.ports import RunLogPort, ToolUse
from toolward.errors import InvalidArguments, NotFound


async def answer_own(use: ToolUse, state: RunStateData, offer: Offer, log: RunLogPort) -> Observation:
    """For `find_tools` and `read_result`. Raises what the ledger raises."""
    try:
        if use.name == FIND:
            query = asked_to_find(use)
            return offer.find(query.query, query.limit)
        asked = asked_to_read(use)
        call = next((one for one in state.calls() if one.id == asked.call_id), None)
        if call is None or call.outcome is None:
            raise NotFound(f"There is no result of a call {asked.call_id[:128]!r} in this conversation.")
        text = part(await _whole(call, state.run.id, log), asked)
    except (InvalidArguments, NotFound) as error:
        return refused(error)
    return Observation("ok", is_error=False, text=text, trust=call.outcome.trust)


async def _whole(call: Call, run_id: str, log: RunLogPort) -> str:
    assert call.outcome is not None  # noqa: S101 -- by the caller
    if not call.outcome.whole:
        return call.outcome.text
    body = (await log.texts(run_id, (call.outcome.whole,))).get(call.outcome.whole)
    return body.decode() if body is not None else call.outcome.text
