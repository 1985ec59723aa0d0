"""A call by which an agent turns to people: instead of going to a backend it opens an input request, and the run
waits for it. Whether policy says allow or ask, a person is asked; what it denies is denied before.

A call asks once, however often it is made: its request is found again by its id, which follows from the turn of its
run and what it asks. Calls of one turn that ask the same share a request; those of other turns while it is open.
"""

from contextlib import suppress

from gateway.core.admission import Admitted, Bounds
from gateway.core.digests import arguments_digest
from gateway.core.people import ESCALATE
from gateway.core.ports import Clock, LedgerPort, RequestSpec
from gateway.core.questions import escalation_request, place_id, question_request
from gateway.core.recording import Recorder
from toolward.errors import Internal, NotFound, ToolwardError
from toolward.types import InputRequired, RunScope


class Asking:
    def __init__(self, ledger: LedgerPort, clock: Clock, bounds: Bounds, *, recorder: Recorder) -> None:
        self._ledger, self._clock, self._bounds = ledger, clock, bounds
        self._recorder = recorder

    async def ask(self, admitted: Admitted) -> InputRequired:
        """The request that the call waits for, open, or answered since if the call was made before. Raises
        Overloaded where a limit of the rule is reached or the caller has too much open."""
        run = admitted.context.run
        if run is None:  # policy has denied it: these tools are not there outside runs
            raise Internal(f"{admitted.tool.name} was called outside a run.")
        request_id = _request_id(run.run_id, admitted)
        with suppress(NotFound):
            return InputRequired(((await self._ledger.get_request(request_id)).request,))
        started = self._clock.monotonic()
        with await self._recorder.begin(admitted):
            try:
                spec = self._request(admitted, run, request_id)
                request = await self._ledger.open_request(spec, self._bounds.open_requests)
            except ToolwardError as error:
                self._recorder.settle(admitted, started, error.code, error.message)
                raise
        self._recorder.settle(admitted, started, "ok", f"people are asked: {request.id}")
        return InputRequired((request,))

    def _request(self, admitted: Admitted, run: RunScope, request_id: str) -> RequestSpec:
        arguments, record = admitted.arguments, admitted.record
        now, lifetime = self._clock.now_ms(), self._bounds.question_lifetime
        if admitted.tool.name == ESCALATE:
            return escalation_request(
                request_id, admitted.principal, run, arguments["summary"],
                facts=arguments["facts"], tried=arguments["tried"], tool=record.tool, call_id=record.id,
                arguments=arguments, rule=record.rule, now=now, lifetime=lifetime,
            )  # fmt: skip
        return question_request(
            request_id, admitted.principal, run, arguments["question"],
            choices=arguments.get("choices", ()), tool=record.tool, call_id=record.id,
            arguments=arguments, rule=record.rule, now=now, lifetime=lifetime,
        )  # fmt: skip


def _request_id(run_id: str, admitted: Admitted) -> str:
    """A crash may take the record that a call was made, and made again it has another id; its key says the turn."""
    record = admitted.record
    turn = record.idempotency_key.rpartition("/")[0] or record.id
    return place_id(run_id, turn, record.tool, arguments_digest(admitted.arguments))
