"""Reminders of input requests that nobody has answered: when one is due, what it says, and that it goes out once.

One is due `after` the request was opened, then `every` so often, at most `at_most` times. The ledger says who sends
it, so several gateways on one ledger send it once, also after restarts. What did not arrive is tried again at the
next look, until the next is due; what may have arrived is not. A webhook that fails stops nothing: it is told in
the log and in the status.

It says as little as it can: what waits, since when, and how to answer; neither the question nor whose it is.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from gateway.core.ports import Clock, RequestSpec
from gateway.core.spec import ReminderSpec
from gateway.runs.webhook import Delivery
from toolward.errors import ToolwardError
from toolward.outbound.egress import Origin
from toolward.types import InputRequest, RequestKind, RequestState

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Reminders to one address in one look."""

_SAYS = {
    RequestKind.APPROVAL: "A call waits for a yes or a no.",
    RequestKind.PLAN_REVIEW: "A plan waits for a yes or a no.",
    RequestKind.QUESTION: "A question waits for an answer.",
    RequestKind.ESCALATION: "A case waits for a person.",
    RequestKind.UNKNOWN_OUTCOME: "A call has an unknown outcome, and somebody must look.",
}


class ReminderLedger(Protocol):
    async def live_requests(self) -> tuple[RequestSpec, ...]: ...

    async def claim_reminder(self, request_id: str, hook: str, number: int) -> bool:
        """Whether this caller is to send reminder `number` of an open request to `hook`: nobody else has."""
        ...

    async def settle_reminder(
        self, request_id: str, hook: str, number: int, state: Literal["sent", "failed"]
    ) -> None:
        """One that failed may be claimed again."""
        ...


class Post(Protocol):
    async def post(self, spec: ReminderSpec, delivery_id: str, at: int, body: bytes) -> Delivery: ...


class _Hook(msgspec.Struct):
    """What this process knows of one address."""

    problem: str = ""
    sent: int = 0
    settled: dict[str, int] = {}  # by request, the newest reminder that needs no more looking


class Reminders:
    def __init__(
        self, specs: Callable[[], Sequence[ReminderSpec]], ledger: ReminderLedger, post: Post, clock: Clock
    ) -> None:
        """`specs` gives those of the configuration in force."""
        self._specs, self._ledger, self._post, self._clock = specs, ledger, post, clock
        self._hooks: dict[str, _Hook] = {}

    def status(self) -> list[dict[str, Any]]:
        """As JSON, for operators: each address, how many went out, and why the last one did not."""
        known = [(spec, self._hooks.get(hook_of(spec), _Hook())) for spec in self._specs()]
        return [{"url": _place(spec), "sent": one.sent, "problem": one.problem} for spec, one in known]

    async def keep_looking(self, every: float) -> None:
        """`look` again and again, `every` so many seconds, until cancelled."""
        while True:
            try:
                await self.look()
            except ToolwardError as error:
                log.error("no reminders of input requests could be sent: %s", error.text)
            except Exception:  # a bug of ours must not be the last look
                log.exception("looking for reminders failed inside")
            await asyncio.sleep(every)

    async def look(self) -> None:
        """Send what is due now. Raises Unavailable when the ledger fails."""
        specs = tuple(self._specs())
        if not specs:
            return
        waiting = [
            one for one in await self._ledger.live_requests() if one.request.state is RequestState.OPEN
        ]
        await asyncio.gather(*(self._look_for(spec, waiting) for spec in specs))

    async def _look_for(self, spec: ReminderSpec, waiting: Sequence[RequestSpec]) -> None:
        hook = self._hooks.setdefault(hook_of(spec), _Hook(settled={}))
        open_ids = {one.request.id for one in waiting}
        hook.settled = {key: number for key, number in hook.settled.items() if key in open_ids}
        now = self._clock.now_ms()
        due = [(one, number) for one in waiting if (number := due_number(spec, one.request, now)) is not None]
        fresh = [(one, number) for one, number in due if hook.settled.get(one.request.id, -1) < number]
        for one, number in fresh[:AT_ONCE]:
            if not await self._remind(spec, hook, one, number):
                return  # the others would fail alike; they have their turn at the next look

    async def _remind(self, spec: ReminderSpec, hook: _Hook, asked: RequestSpec, number: int) -> bool:
        """Whether it went well, as far as this process has a part in it."""
        request_id, name = asked.request.id, hook_of(spec)
        if not await self._ledger.claim_reminder(request_id, name, number):
            hook.settled[request_id] = number
            return True
        now = self._clock.now_ms()
        body = msgspec.json.encode(content(spec, asked, number))
        made = await self._post.post(spec, f"{request_id}.{number}", now // 1000, body)
        if made.outcome != "failed":
            hook.settled[request_id] = number
        if made.outcome != "unknown":  # that one stays claimed: it is not known whether it arrived
            await self._ledger.settle_reminder(request_id, name, number, made.outcome)
        hook.sent += made.outcome == "sent"
        self._tell(spec, hook, made.problem)
        return made.outcome == "sent"

    def _tell(self, spec: ReminderSpec, hook: _Hook, problem: str) -> None:
        if problem and problem != hook.problem:
            log.warning("a reminder did not go out to %s: %s", _place(spec), problem)
        elif hook.problem and not problem:
            log.warning("reminders go out to %s again", _place(spec))
        hook.problem = problem


def hook_of(spec: ReminderSpec) -> str:
    """The name under which the ledger knows an address; the address itself may hold a key."""
    return hashlib.sha256(spec.url.encode()).hexdigest()[:16]


def _place(spec: ReminderSpec) -> str:
    """As logs and the status may show it: paths of webhooks are often keys."""
    return str(Origin.of(spec.url))


def due_number(spec: ReminderSpec, request: InputRequest, now: int) -> int | None:
    """Which reminder (0, 1, 2 …) is due now, the newest where several are; None where none is yet, or it is of a
    kind that nobody is reminded of. `now` is in Unix ms."""
    if (spec.kinds and request.kind not in spec.kinds) or 0 < request.expires_at <= now:
        return None
    waited = (now - request.created_at) / 1000 - spec.after
    return None if waited < 0 else min(int(waited // spec.every), spec.at_most - 1)


def content(spec: ReminderSpec, asked: RequestSpec, number: int) -> dict[str, Any]:
    """The body of a webhook. Times are in Unix ms."""
    request = asked.request
    return {
        "type": "input_request.waiting",
        "version": 1,
        "id": request.id,
        "kind": request.kind.value,
        "tenant": asked.tenant,
        "agent": asked.run.agent if asked.run else "",
        "run_id": request.run_id,
        "asked_at": request.created_at,
        "expires_at": request.expires_at,
        "reminder": number + 1,
        "of": spec.at_most,
        "text": _SAYS[request.kind],
        "see": f"toolward inbox show {request.id}",
    }
