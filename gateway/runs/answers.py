"""From answered input requests to the runs that wait for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.agent.events import InputAnswered
from gateway.agent.state import RunStateData
from gateway.core.digests import canonical
from gateway.core.ports import Clock, LedgerPort
from gateway.core.requests import editors_of, expired, voided
from gateway.runs.journal import Journal
from toolward.errors import Conflict, NotFound
from toolward.types import InputRequest, Principal, RequestState


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


async def withdraw(
    request_ids: Iterable[str], ledger: LedgerPort, principal: Principal, clock: Clock
) -> None:
    """Take the requests of a cancelled run out of the inbox; one that is over just now stays as it is."""
    for request_id in request_ids:
        try:
            request = (await ledger.get_request(request_id)).request
            void = voided(
                request, f"{principal.id} cancelled the run", clock.now_ms(), by=principal.id, again=False
            )
            await ledger.close_request(request_id, void, principal.id)
        except (Conflict, NotFound):
            continue


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
