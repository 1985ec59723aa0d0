"""What the loop's own tools answer: a search over the tools of an agent, more of a result."""

from gateway.agent.conversation import Call, RunStateData
from gateway.agent.loop_tools import FIND_TOOLS, Reading, query_of, reading_of
from gateway.agent.observations import Observation
from gateway.agent.offering import Offer
from gateway.core.ports import RunLogPort, ToolUse


async def answer_own(use: ToolUse, state: RunStateData, offer: Offer, log: RunLogPort) -> Observation:
    """For `find_tools` and `read_result`. Raises what the ledger raises."""
    if use.name == FIND_TOOLS:
        query = query_of(use)
        return query if isinstance(query, Observation) else offer.find(query.query, query.limit)
    reading = reading_of(use)
    return reading if isinstance(reading, Observation) else await _read(reading, state, log)


async def _read(reading: Reading, state: RunStateData, log: RunLogPort) -> Observation:
    call = next((one for one in state.calls() if one.id == reading.call_id), None)
    if call is None or call.outcome is None:
        return Observation(
            "not_found",
            is_error=True,
            text=f"There is no result of a call {reading.call_id!r} in this conversation.",
            trust="trusted",
        )
    text = await _whole(call, state.run.id, log)
    part = text[reading.offset : reading.offset + reading.length]
    if not part:
        said = f"The result has {len(text):,} characters; there are none from {reading.offset:,} on."
        return Observation("not_found", is_error=True, text=said, trust="trusted")
    end = reading.offset + len(part)
    rest = "" if end >= len(text) else f"; the next begin at offset {end}"
    head = f"[Characters {reading.offset:,} to {end:,} of {len(text):,}{rest}]"
    return Observation("ok", is_error=False, text=f"{head}\n{part}", trust=call.outcome.trust)


async def _whole(call: Call, run_id: str, log: RunLogPort) -> str:
    assert call.outcome is not None  # noqa: S101 -- by the caller
    if not call.outcome.whole:
        return call.outcome.text
    body = (await log.texts(run_id, (call.outcome.whole,))).get(call.outcome.whole)
    return body.decode() if body is not None else call.outcome.text
