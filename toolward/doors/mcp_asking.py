"""Asking the person before an MCP client (elicitation), by the SDK: in 2026-07-28 the client is told to ask and to
make the call again; in the handshake eras it is asked in the midst of the call, where it has a channel."""

import logging
from typing import Any

import mcp_types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import ValidationError

from toolward.types import Answer, GivenInput, InputRequired, RequestKind
from toolward.wire import mcp as wire
from toolward.wire.elicitation import answer_of, forms

log = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Any]

PATIENCE = 15 * 60.0
"""Seconds that a person has in the midst of a call. Afterwards the caller is told what waits, and where."""


def input_required(ctx: Context, outcome: InputRequired) -> mcp_types.InputRequiredResult | None:
    """What tells the client to ask. None where it cannot, or is not to."""
    asked = forms(outcome)
    if not asked or not _can_be_asked(ctx):
        return None
    found = wire.input_required_result(asked, outcome.state)
    return mcp_types.InputRequiredResult.model_validate_json(found)


def said(params: mcp_types.CallToolRequestParams) -> GivenInput | None:
    """What the person said to the forms of an earlier `input_required`. None where nothing was, or they put it
    off."""
    answers: dict[str, Answer] = {}
    for request_id, response in (params.input_responses or {}).items():
        if isinstance(response, mcp_types.ElicitResult):
            # Which kind of form it was, its own fields say.
            kind = RequestKind.QUESTION if "answer" in (response.content or {}) else RequestKind.APPROVAL
            if (answer := answer_of(kind, response.action, response.content)) is not None:
                answers[request_id] = answer
    return GivenInput(answers, params.request_state or "") if answers else None


async def ask(ctx: Context, outcome: InputRequired) -> GivenInput | None:
    """Ask now, one form after the other. None where the client cannot be asked, or the person put one off."""
    if not _can_be_asked(ctx) or not ctx.session.can_send_request:
        return None
    kinds = {request.id: request.kind for request in outcome.requests}
    answers: dict[str, Answer] = {}
    for request_id, form in forms(outcome).items():
        answer = await _ask_one(ctx, kinds[request_id], form)
        if answer is None:
            return None
        answers[request_id] = answer
    return GivenInput(answers, outcome.state) if answers else None


async def _ask_one(ctx: Context, kind: RequestKind, form: dict[str, Any]) -> Answer | None:
    params = mcp_types.ElicitRequestFormParams.model_validate(form)
    try:
        response = await ctx.session.send_request(
            mcp_types.ElicitRequest(params=params),
            mcp_types.ElicitResult,
            request_read_timeout_seconds=PATIENCE,
            metadata=ServerMessageMetadata(related_request_id=ctx.request_id),
        )
    except (MCPError, ValidationError) as error:  # it cannot after all, or answers what it must not
        log.info("a client could not be asked: %s", error)
        return None
    return answer_of(kind, response.action, response.content)


def _can_be_asked(ctx: Context) -> bool:
    declared = ctx.session.client_capabilities
    return declared is not None and wire.can_be_asked(declared.model_dump(by_alias=True, exclude_none=True))
