"""From answered input requests to the runs that wait for them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway.agent.events import InputAnswered
from gateway.agent.state import RunStateData
from gateway.core.digests import canonical
from gateway.core.ports import Clock, LedgerPort
from gateway.core.requests import editors_of, expired, voided
from gateway.runs.journal import Journal
from toolward.errors import Conflict, NotFound
from toolward.types import InputRequest, RequestState


async def settle_answers(journal: Journal, ledger: LedgerPort, clock: Clock) -> None:
    """Tell the run of every answer to its requests that it has not heard of.

    The ledger says what was answered, so an answer is not lost when the gateway stops before the run hears of
    it, nor when it comes before the run has recorded that it asks.
    """
    answers: dict[str, InputAnswered] = {}
    for request_id in journal.state.asked:
        if (answer := await _answer(request_id, ledger, clock)) is not None:
            answers[request_id] = answer

    def fresh(state: RunStateData) -> list[InputAnswered]:
        if state.run.state.ended:
            return []
        return [answer for request_id, answer in answers.items() if request_id in state.asked]

    await journal.amend(fresh)


async def _answer(request_id: str, ledger: LedgerPort, clock: Clock) -> InputAnswered | None:
    try:
        request = (await ledger.get_request(request_id)).request
    except NotFound:  # erased: nobody can approve it any more
        return InputAnswered(request_id=request_id, expired=True)
    if request.state is RequestState.TAKEN:  # somebody is at it, and the run waits until they hand it back
        return None
    if request.state is RequestState.OPEN and not expired(request, clock.now_ms()):
        return None
    return as_event(request)


async def withdraw_left_open(ledger: LedgerPort, clock: Clock, run_id: str = "", *, by: str = "") -> None:
    """Take what cancelled runs, or this one, had asked out of the inbox; what is over just now stays as it is. The
    ledger says what there is: also what a call had asked that was just going to tell its run."""
    for spec in await ledger.left_open(run_id):
        reason = f"{by} cancelled the run" if by else "the run was cancelled"
        with suppress(Conflict, NotFound):
            void = voided(spec.request, reason, clock.now_ms(), by=by, again=False)
            await ledger.close_request(spec.request.id, void, by)


def as_event(request: InputRequest) -> InputAnswered:
    """What a closed request says to its run. Only an approved one approves; a text or a choice is neither yes nor
    no. Who answered what is in `detail["answer"]` (`gateway.core.requests.answered`)."""
    said: Mapping[str, Any] = request.detail.get("answer") or {}
    void: Mapping[str, Any] = request.detail.get("void") or {}
    editors = editors_of(request)
    approved = request.state in (RequestState.APPROVED, RequestState.CONSUMED)
    told = request.state is RequestState.ANSWERED
    return InputAnswered(
        request_id=request.id,
        approve=None if told else approved,
        text=said.get("text"),
        reason=said.get("reason") or "",
        by=said.get("by") or void.get("by") or "",
        expired=request.state in (RequestState.OPEN, RequestState.EXPIRED, RequestState.VOID),
        arguments_json=canonical(request.detail["arguments"]).decode() if editors and approved else "",
        edited_by=editors if approved else (),
        void=str(void.get("reason", "")),
        again=bool(void.get("again")),
        choice=said.get("choice") or "",
        handed_back=told and bool(request.detail.get("taken")),
    )
