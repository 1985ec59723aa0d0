"""All that somebody needs to answer one request: what is asked, why, for what, what it would change, what came
before."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from gateway.core.catalog import CatalogTool
from gateway.core.requests import editors_of, may_answer, taker_of
from gateway.servers.console.conversation import Line, conversation
from gateway.servers.console.events import digest
from gateway.servers.console.inbox.preview import Change, Preview, differences, preview
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Visit
from toolward.errors import Denied, Internal, NotFound
from toolward.types import InputRequest, JsonObject, Principal, RequestKind, RequestState, Run

STEPS = 30
"""Lines of the run that stand on the page; all of them are on the run's own."""

PENDING = (RequestState.OPEN, RequestState.TAKEN)


class Rights(NamedTuple):
    """What the person who looks can do with a request, as far as it says itself; policy is asked when they do."""

    answer: bool
    take: bool
    withdraw: bool
    taker: str


class Case(NamedTuple):
    """`shown` is the digest of what the page shows: an answer to anything else is not taken. `run` and `steps` are
    not there for who may not read the run."""

    request: InputRequest
    shown: str
    rights: Rights
    arguments: JsonObject
    tool: CatalogTool | None
    run: Run | None
    steps: Sequence[Line]
    steps_before: int
    preview: Preview | None
    edits: tuple[Change, ...]
    next: InputRequest | None
    waiting: int

    @property
    def pending(self) -> bool:
        return self.request.state in PENDING


def rights_of(principal: Principal, request: InputRequest) -> Rights:
    taker = taker_of(request)
    pending = request.state in PENDING and may_answer(principal, request)
    approval = request.kind in (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW)
    made = request.detail.get("principal") == principal.id
    return Rights(
        answer=pending and taker in ("", principal.id),
        take=pending and not approval and taker != principal.id,
        withdraw=made and request.state in PENDING,
        taker=taker,
    )


async def case_of(
    parts: Parts, visit: Visit, request: InputRequest, proposed: JsonObject | None = None
) -> Case:
    """`proposed` are the arguments that somebody would rather have: then those are what the preview is of."""
    who = visit.principal
    arguments: JsonObject = request.detail.get("arguments") or {}
    tool = tool_of(parts, who, request)
    rights = rights_of(who, request)
    run, lines = await _of_run(parts, who, request)
    ahead = None
    if tool is not None and rights.answer and request.kind is RequestKind.APPROVAL:
        ahead = await preview(parts, who, tool, arguments if proposed is None else proposed)
    others = [
        one
        for one in await parts.agents.list_input_requests(who)
        if one.id != request.id and rights_of(who, one).answer
    ]
    return Case(
        request,
        digest(request),
        rights,
        arguments,
        tool,
        run,
        lines[-STEPS:],
        max(0, len(lines) - STEPS),
        ahead,
        _edits(request),
        others[0] if others else None,
        len(others),
    )


def _edits(request: InputRequest) -> tuple[Change, ...]:
    """What people put in place of the arguments that the caller wanted."""
    if not editors_of(request):
        return ()
    detail = request.detail
    return differences(detail.get("requested_arguments") or {}, detail.get("arguments") or {})


def tool_of(parts: Parts, who: Principal, request: InputRequest) -> CatalogTool | None:
    """None where the tool is not there, or this person may not call it."""
    with suppress(NotFound):
        return parts.oversight.health.tool(who, str(request.detail.get("tool", "")))
    return None


async def _of_run(parts: Parts, who: Principal, request: InputRequest) -> tuple[Run | None, list[Line]]:
    """Whoever may answer may not read the run, perhaps: then there is nothing of it here."""
    if not request.run_id:
        return None, []
    try:
        run = await parts.agents.get_run(who, request.run_id)
    except (NotFound, Denied):
        return None, []
    try:
        return run, (await conversation(parts.agents, who, run)).before(request.id)
    except Internal:  # a damaged log is no reason to leave the request unanswered
        return run, []
